"""A day of enrolments, searches, removals and new quantisers at once, in a minute (or as long as is asked for).

`COUNTENANCE_BENCH_SOAK` is the number of seconds. Everything that is answered is checked: a mate that belongs into
the list is in it, what was added is found by the next search, what was removed is not.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest
from bench.report import Results, Table
from bench.synthetic import people

from countenance.index import QuantisedIndex

MODEL = "synthetic"
SECONDS = int(os.environ.get("COUNTENANCE_BENCH_SOAK", "60"))
STAY, COME = 300_000, 60_000
CANDIDATES = 20

pytestmark = pytest.mark.timeout(SECONDS + 300)


class Day:
    """Subjects who stay, others who come and go, and threads that do everything at the same time."""

    def __init__(self) -> None:
        self.drawn = people(STAY + COME, 128, probes=3000)
        self.templates = self.drawn.templates
        self.index = QuantisedIndex(128, model=MODEL)
        self.index.add(np.arange(STAY), self.templates[:STAY], model=MODEL)
        staying = self.drawn.mates < STAY
        self.probes, self.mates = self.drawn.probes[staying], self.drawn.mates[staying]
        self.wrong: list[str] = []
        self.searched = self.lost = self.changed = self.trained = 0
        self.resident: list[int] = []
        self.end = time.monotonic() + SECONDS

    def run(self) -> None:
        works = (self.search, self.search, self.change, self.train, self.weigh)
        threads = [
            threading.Thread(target=self.repeat, args=(number, work))
            for number, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def repeat(self, seed: int, work: Callable[[np.random.Generator], None]) -> None:
        random = np.random.default_rng(seed)
        while time.monotonic() < self.end and not self.wrong:
            try:
                work(random)
            except Exception as fault:
                self.wrong.append(repr(fault))
                raise

    def search(self, random: np.random.Generator) -> None:
        at = int(random.integers(len(self.mates)))
        probe, mate = self.probes[at], int(self.mates[at])
        hits = self.index.search(probe, k=CANDIDATES, model=MODEL)
        belongs = self.templates[mate] @ probe > hits[-1].similarity + 1e-4
        self.searched += 1
        self.lost += bool(belongs and mate not in {hit.row for hit in hits})

    def change(self, random: np.random.Generator) -> None:
        rows = STAY + random.choice(COME, random.integers(100, 30_000), replace=False)
        self.index.add(rows, self.templates[rows], model=MODEL)
        probe = self.templates[rows[0]]
        if self.index.search(probe, k=1, model=MODEL)[0].row != rows[0]:
            self.wrong.append("what was added is not found")
        if self.index.remove(rows) != rows.size:
            self.wrong.append("what was added was not all there")
        left = {hit.row for hit in self.index.search(probe, k=CANDIDATES, model=MODEL)}
        if left & set(rows.tolist()):
            self.wrong.append("what was removed is found")
        self.changed += rows.size
        time.sleep(0.05)

    def train(self, _: np.random.Generator) -> None:
        self.index.retrain()
        self.trained += 1
        time.sleep(2)

    def weigh(self, _: np.random.Generator) -> None:
        self.resident.append(psutil.Process().memory_info().rss)
        time.sleep(0.5)


def test_a_day_at_once(results: Results) -> None:
    day = Day()
    day.run()
    quarter = len(day.resident) // 4
    second, last = (
        float(np.mean(part)) / 1e6
        for part in (day.resident[quarter : 2 * quarter], day.resident[-quarter:])
    )
    results.add(
        "index soak",
        Table(
            f"{SECONDS} seconds of everything at once, {STAY:,} templates of 128 numbers that stay",
            (
                *("searches", "mates lost", "templates added and removed", "new quantisers"),
                *("MB, second quarter", "MB, last quarter"),
            ),
            [
                (
                    *(f"{number:,}" for number in (day.searched, day.lost, day.changed)),
                    *(str(day.trained), f"{second:,.0f}", f"{last:,.0f}"),
                )
            ],
        ),
        packages=("faiss-cpu", "numpy"),
    )
    assert day.wrong == []
    assert day.lost <= day.searched * 0.001
    assert len(day.index) == STAY
    assert day.trained >= SECONDS // 60
    assert day.searched >= 10 * SECONDS
    assert day.changed >= 1000 * SECONDS
    assert last < 1.1 * second
