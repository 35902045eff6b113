"""A quantised index of synthetic people, filled in batches, and what bounds the time of a search in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from bench.synthetic import batches
from numpy.typing import NDArray

from countenance.index import QuantisedIndex, quantised

MODEL = "synthetic"
CANDIDATES = 20
_CHUNK = 20_000


@dataclass
class Filled:
    """An index, mated probes, and which of them exact search finds first."""

    index: QuantisedIndex
    probes: NDArray[np.float32]
    mates: NDArray[np.int64]
    mated: NDArray[np.bool_]
    seconds: float
    resident: int

    def found_first(self, search: Callable[[NDArray[np.float32]], int]) -> float:
        """Return the share of those mates, of all that exact search finds first, that a search does."""
        probes, mates = self.probes[self.mated], self.mates[self.mated]
        found = [search(probe) == mate for probe, mate in zip(probes, mates, strict=True)]
        return float(np.mean(found))


def fill(
    count: int,
    dimensions: int,
    *,
    probes: int,
    keep: Path | None = None,
) -> Filled:
    """Make an index of so many templates, under their numbers as row ids.

    Args:
        count: how many.
        dimensions: the length of a template.
        probes: mated ones, each of another subject.
        keep: where to write the templates too, for peers.
    """
    drawn = np.concatenate([batch.probes for batch in batches(count, dimensions, probes=probes)])
    best, highest = np.full(probes, -1), np.full(probes, -2.0, dtype=np.float32)
    index = QuantisedIndex(dimensions, model=MODEL)
    before, seconds, start, mates = psutil.Process().memory_info().rss, 0.0, 0, []
    file = np.lib.format.open_memmap(keep, "w+", np.float32, (count, dimensions)) if keep else None
    for batch in batches(count, dimensions, probes=probes):
        rows = np.arange(start, start + len(batch.templates))
        began = time.process_time()
        index.add(rows, batch.templates, model=MODEL)
        seconds += time.process_time() - began
        if file is not None:
            file[rows] = batch.templates
        _update(best, highest, drawn, batch.templates, start)
        mates.append(batch.mates)
        start += len(rows)
    resident = psutil.Process().memory_info().rss - before
    every = np.concatenate(mates)
    return Filled(index, drawn, every, best == every, seconds, resident)


def _update(
    best: NDArray[np.int64],
    highest: NDArray[np.float32],
    probes: NDArray[np.float32],
    templates: NDArray[np.float32],
    start: int,
) -> None:
    """Let exact search look at more templates."""
    for at in range(0, len(templates), _CHUNK):
        similarities = probes @ templates[at : at + _CHUNK].T
        nearest = similarities.argmax(axis=1)
        top = similarities[np.arange(len(probes)), nearest]
        better = top > highest
        highest[better], best[better] = top[better], nearest[better] + at + start


def limit(filled: Filled, pool: ThreadPoolExecutor, *, parts: int) -> Callable[[int], object]:
    """Return what nothing that looks at every code can undercut.

    The bytes of all codes are read once, on so many threads, and as many kept rows as
    the index compares again are fetched and multiplied; which rows those are is known beforehand.
    """
    shards = filled.index._state.shards
    packed = [shard.codes.packed().view(np.int64) for shard in shards]
    shares = [packed[part::parts] for part in range(min(parts, len(packed)))]
    random = np.random.default_rng(1)
    reranked = max(quantised._RERANKED, len(filled.index) // quantised._OF_ALL)
    each = reranked // len(shards)
    # Others for each call, as for each search: what was fetched before lies in the processor's cache.
    rows = [
        [np.sort(random.integers(0, shard.size, each)) for shard in shards] for _ in filled.probes
    ]

    def read(part: list[NDArray[np.int64]]) -> None:
        for codes in part:
            codes.sum()

    def bare(call: int) -> object:
        waiting = [pool.submit(read, share) for share in shares[1:]]
        read(shares[0])
        for part in waiting:
            part.result()
        number = call % len(filled.probes)
        probe = filled.probes[number]
        again = [
            np.einsum("ij,j->i", shard.kept.read(positions), probe)
            for shard, positions in zip(shards, rows[number], strict=True)
        ]
        return np.argsort(np.concatenate(again))[-CANDIDATES:]

    return bare


def per_second(search: Callable[[int], object], *, threads: int, seconds: float) -> float:
    """Return how many searches a second so many threads do together."""
    end = time.perf_counter() + seconds

    def work(thread: int) -> int:
        done = 0
        while time.perf_counter() < end:
            search(thread * 7919 + done)
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - began)
