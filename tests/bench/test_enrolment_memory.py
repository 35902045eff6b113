"""Memory over a long enrolment with `countenance enrol`, of its process and of each worker.

`COUNTENANCE_BENCH_PHOTOS` says how many photos; 100,000 take about six minutes of CPU time and 1 GB of disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from bench.home import Deployment
from bench.photos import empty, photos, unlike
from bench.report import Results, Table

from countenance.policy import Role
from countenance.policy.approvals import ApprovalKind

DIFFERENT = 400
PHOTOS = int(os.environ.get("COUNTENANCE_BENCH_PHOTOS", "2000"))
FROM_THE_MIX = 2_000
STEP = max(1, PHOTOS // FROM_THE_MIX)
"""Every so many photos one of those of the other benchmarks; of the rest, a tenth shows nobody."""
EMPTY = 10

MOST_OF_A_WORKER = 700e6
GROWTH = 1.1
EVERY = 0.2  # seconds

TURNED_AWAY = (
    "Of the others, which are turned away, a tenth are small and show nobody, and the rest are too small to be "
    "looked at, so that the models do not take all of the time: each is read, hashed, looked up, handed to a "
    "worker, listed and counted on the ledger all the same. "
)

pytestmark = pytest.mark.timeout(4 * 3600)


def test_memory_stays_flat(
    home: Deployment, shared_data: Path, tmp_path: Path, results: Results
) -> None:
    import factories

    folder = tmp_path / "photos"
    folder.mkdir()
    faces = photos(shared_data, DIFFERENT, seed=11)
    none, tiny = empty(DIFFERENT, size=(24, 18)), empty(DIFFERENT, size=(12, 9))
    for number in range(PHOTOS):
        kind = faces if number % STEP == 0 else none if number % EMPTY == 1 else tiny
        photo = unlike(kind[number // STEP % DIFFERENT], number)
        (folder / f"{number:07}.jpg").write_bytes(photo)
    gallery = factories.make_gallery(home, "Long")
    source = factories.make_source(home, "Long")
    token = steward_with_approval(home, gallery.pk, {"source": str(source.pk)})
    seen, answer = watched(
        [
            str(Path(sys.executable).with_name("countenance")),
            *("enrol", str(folder), "--gallery", "Long", "--source", "Long", "--json"),
            *("--rejects", str(tmp_path / "rejects.csv")),
        ],
        {**os.environ, "COUNTENANCE_HOME": str(home.home), "COUNTENANCE_TOKEN": token},
    )
    shown = -(-PHOTOS // STEP)
    assert (answer["enrolled"], answer["rejected"]) == (shown, PHOTOS - shown)
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
        "enrolment memory",
        Table(
            "Memory over a long run",
            ("process", "highest, MB", "second quarter", "last quarter"),
            rows,
            f"`countenance enrol` of {PHOTOS:,} photos in {answer['seconds']:.0f} s, {shown:,} of them from the "
            f"mix of the table above ({DIFFERENT} different pictures). {TURNED_AWAY if STEP > 1 else ''}"
            f"Resident memory, read every {EVERY} s; pages of libraries that processes share count in each.",
        ),
        packages=("onnxruntime", "simplejpeg", "numpy"),
    )


def steward_with_approval(home: Deployment, gallery: UUID, payload: dict[str, str]) -> str:
    """Return a token of a steward for whom a supervisor agreed to an enrolment of any size."""
    import factories

    from countenance.apps.agencies import tokens
    from countenance.apps.approvals import services as approvals

    steward, supervisor = (factories.acting(home, one) for one in (Role.STEWARD, Role.SUPERVISOR))
    asked = approvals.ask(
        steward,
        kind=ApprovalKind.LARGE_ENROLMENT,
        subject=gallery,
        summary="A long run",
        payload=payload,
        reason="To measure memory over a long enrolment",
        tools=home.tools,
    )
    approvals.decide(
        supervisor, approval=asked, approve=True, reason="To measure memory", tools=home.tools
    )
    scopes = tokens.usable_scopes(steward)
    lasts = tokens.longest_for(scopes)
    made = tokens.make_token(steward, name="Bench", scopes=scopes, lasts=lasts, tools=home.tools)
    return str(made[1])


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
