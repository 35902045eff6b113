"""What changing, storing and loading the exact index costs at a million templates."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest
from bench.report import Results, Table
from bench.synthetic import People, people

from countenance.index import FlatIndex

MODEL = "synthetic"
DIMENSIONS = 128
COUNT = 1_000_000
BATCH = 1_000

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def drawn() -> People:
    return people(COUNT, DIMENSIONS, probes=10)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def test_changes_snapshots_and_memory(drawn: People, results: Results) -> None:
    rows = np.arange(COUNT, dtype=np.int64) * 3 + 1
    process = psutil.Process()
    before = process.memory_info().rss
    index = FlatIndex(DIMENSIONS, model=MODEL)

    def add_all() -> None:
        for start in range(0, COUNT, BATCH):
            batch = slice(start, start + BATCH)
            index.add(rows[batch], drawn.templates[batch], model=MODEL)

    adding = timed(add_all)
    resident = process.memory_info().rss - before
    gone = np.random.default_rng(1).choice(rows, BATCH, replace=False)
    removing = timed(lambda: index.remove(gone))
    one_row = timed(lambda: index.remove(rows[500:501]))
    again = timed(lambda: index.add(gone, drawn.templates[(gone - 1) // 3], model=MODEL))
    snapshot: list[bytes] = []
    storing = timed(lambda: snapshot.append(index.to_bytes()))
    loaded: list[FlatIndex] = []
    loading = timed(lambda: loaded.append(FlatIndex.from_bytes(snapshot[0])))
    first = timed(lambda: loaded[0].search(drawn.probes[0], k=20, model=MODEL))
    copying = timed(drawn.templates.copy)
    assert loaded[0].search(drawn.probes[1], k=20, model=MODEL) == index.search(
        drawn.probes[1], k=20, model=MODEL
    )
    assert loading[0] + first[0] < 5
    assert index.nbytes < 1.15 * COUNT * (4 * DIMENSIONS + 8)

    def row(name: str, took: tuple[float, float], note: str = "") -> tuple[str, ...]:
        return name, f"{took[0] * 1e3:,.1f}", f"{took[1] * 1e3:,.1f}", note

    size = f"{len(snapshot[0]) / 1e6:,.0f} MB"
    results.add(
        "index",
        Table(
            "Changes, snapshots and memory, 1,000,000 templates",
            ("step", "ms", "CPU ms", ""),
            [
                row(
                    f"add a million in batches of {BATCH:,}",
                    adding,
                    f"{COUNT / adding[0]:,.0f} templates/s",
                ),
                row(f"remove {BATCH:,} spread over all", removing),
                row("remove one", one_row),
                row(f"add {BATCH:,} to a million", again),
                row("`to_bytes`", storing, size),
                row("`from_bytes`, every template checked", loading, size),
                row("first search after it", first),
                row("copy the bare array to new memory, for comparison", copying),
            ],
            f"A million rows hold {index.nbytes / 1e6:,.0f} MB by the index's own count and made "
            f"the process {resident / 1e6:,.0f} MB larger; the bare templates are "
            f"{drawn.templates.nbytes / 1e6:,.0f} MB.",
        ),
        packages=("faiss-cpu", "numpy"),
    )
