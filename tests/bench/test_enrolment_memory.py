"""Memory over a long enrolment with `countenance enrol`, of its process and of each worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from bench.home import Deployment
from bench.photos import photos, unlike
from bench.report import Results, Table

DIFFERENT = 400
PHOTOS = 2_000
MOST_OF_A_WORKER = 700e6
GROWTH = 1.1
EVERY = 0.2  # seconds

pytestmark = pytest.mark.timeout(1800)


def test_memory_stays_flat(
    home: Deployment, shared_data: Path, tmp_path: Path, results: Results
) -> None:
    import factories

    different = photos(shared_data, DIFFERENT, seed=11)
    for number in range(PHOTOS):
        photo = unlike(different[number % DIFFERENT], number)
        (tmp_path / f"{number:05}.jpg").write_bytes(photo)
    factories.make_gallery(home, "Long")
    factories.make_source(home, "Long")
    seen, answer = watched(
        [
            str(Path(sys.executable).with_name("countenance")),
            *("enrol", str(tmp_path), "--gallery", "Long", "--source", "Long", "--json"),
        ],
        {**os.environ, "COUNTENANCE_HOME": str(home.home)},
    )
    assert (answer["enrolled"], answer["rejected"]) == (PHOTOS, 0)
    rows = []
    for name, sizes in seen.items():
        quarter = len(sizes) // 4
        early, late = max(sizes[quarter : 2 * quarter]), max(sizes[-quarter:])
        rows.append((name, *(f"{size / 1e6:.0f}" for size in (max(sizes), early, late))))
        assert late <= GROWTH * early, name
        if name.startswith("worker"):
            assert max(sizes) < MOST_OF_A_WORKER
    results.figure("enrolment.peak_mb", max(max(sizes) for sizes in seen.values()) / 1e6)
    results.add(
        "enrolment",
        Table(
            "Memory over a long run",
            ("process", "highest, MB", "second quarter", "last quarter"),
            rows,
            f"`countenance enrol` of {PHOTOS:,} photos ({DIFFERENT} different pictures) in "
            f"{answer['seconds']:.0f} s, {answer['photos'] / answer['seconds']:.1f} photos/s, the "
            f"start of the workers included. Resident memory, read every {EVERY} s; pages of "
            "libraries that processes share count in each.",
        ),
        packages=("onnxruntime", "simplejpeg", "numpy"),
    )


def watched(
    command: list[str], env: dict[str, str]
) -> tuple[dict[str, list[int]], dict[str, float]]:
    """Run a command; return the resident bytes over time of it and its workers, and its JSON."""
    seen: dict[str, list[int]] = {}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        main = psutil.Process(running.pid)
        while running.poll() is None:
            look(main, seen)
            time.sleep(EVERY)
        out, err = running.communicate()
    if running.returncode != 0:
        raise RuntimeError(err.decode()[-1000:])
    answer: dict[str, float] = json.loads(out)
    return seen, answer


def look(main: psutil.Process, seen: dict[str, list[int]]) -> None:
    """Note how much memory each process has now."""
    try:
        workers = [
            one
            for one in main.children(recursive=True)
            if "countenance.faces.worker" in " ".join(one.cmdline())
        ]
        named = {
            "`countenance enrol`": main,
            **{f"worker {number}": one for number, one in enumerate(workers, start=1)},
        }
        for name, process in named.items():
            seen.setdefault(name, []).append(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return
