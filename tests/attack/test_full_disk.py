"""A real file system that is full or read-only under a whole deployment, its database included.

Needs to mount a small file system in memory, which takes root; elsewhere these are skipped, and
`tests/threats/test_failing_disk.py` plays the same inside one process.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_tasks import SUBJECT
from crashes import World, world

SEED = 20_261_124
TIMES = int(os.environ.get("TIMES", "20"))
SIZE = "256m"
BLOCK = 4096


def _mounts(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what commands say, made while temporary folders are still where they always are."""
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def small(terminal: Path) -> Iterator[Path]:
    """A small file system of its own, in which all temporary folders are made meanwhile."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a file system takes root")
    folder = Path(tempfile.mkdtemp(prefix="countenance-small-"))
    if not _mounts("-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "tmpfs", str(folder)):
        folder.rmdir()
        pytest.skip("this machine lets nobody mount a file system")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture(scope="module")
def made(terminal: Path, small: Path) -> Iterator[World]:
    with world(SEED) as one:
        # What commands say goes to another disk: one that is too full for that is `test_cli.py`'s.
        one.home.terminal = terminal
        yield one


def _fill(small: Path, leave: int) -> Path:
    """Fill a file system but for so many bytes."""
    ballast = small / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(256 * BLOCK))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(BLOCK))
        except OSError:
            file.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


def _try(made: World) -> Any:
    asked = made.take()
    made.tried.append(("", asked["probe"], True))
    found = made._search(asked)
    found.wait()
    said = found.err.read_text()
    assert "Traceback" not in said, said
    if found.code:
        assert '"error"' in found.out.read_text(), said
    else:
        made._keep(found.out.read_text())
    assert SUBJECT not in found.out.read_text()
    return found.code


@pytest.mark.timeout(1200)
def test_a_disk_that_fills_up_refuses_and_recovers_when_there_is_room(
    made: World, small: Path, capsys: Any
) -> None:
    chance, codes = random.Random(SEED), []
    for _ in range(TIMES):
        made.take()  # so that asking for more is not what fails
        ballast = _fill(small, chance.choice([0, 1, 4, 16, 64, 256, 1024]) * BLOCK)
        try:
            codes.append(_try(made))
        finally:
            ballast.unlink()
        assert _try(made) == 0, "there is room again"
    made.tried.clear()
    found = made.check()
    with capsys.disabled():
        print(f"\nseed {SEED}: filled {TIMES} times, exit codes {codes}; {found}")
    assert any(codes)


@pytest.mark.timeout(300)
def test_objects_that_became_read_only_refuse_evidence_and_let_searches_be_aborted(
    made: World, small: Path
) -> None:
    objects = made.home.home / "objects"
    waiting = made.take()
    assert _mounts("--bind", str(objects), str(objects))
    try:
        assert _mounts("-o", "remount,bind,ro", str(objects))
        asking = made.home.begin("@ask_many", "people", 1, made.photos)
        assert asking.wait() != 0
        assert "The object store cannot be used" in asking.err.read_text()
        made.waiting.append(waiting)
        assert _try(made) == 0, "a search writes no object"
    finally:
        subprocess.run(["umount", "-l", str(objects)], check=True)
    made.home.run("@ask_many", "people", 1, made.photos)
    made.tried.clear()
    made.check()
