"""Every tier is brute force over what was added and not removed, whatever came before."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray
from unit.index.drawn import MODEL, brute_force, unit_vectors

from countenance.index import FlatIndex, QuantisedIndex, quantised, shard
from countenance.index.kept import rounded

DIMENSIONS = 6
# Few ids near each other and some far away: collisions, replacements and unknown rows are common.
ROWS = st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1))
# Few seeds, so that the same template comes under many rows and ties are common.
SEEDS = st.integers(0, 20)


class IndexMachine(RuleBasedStateMachine):
    """Do the same to an index and to a dict."""

    def __init__(self) -> None:
        """Start with both empty."""
        super().__init__()
        self.index = self.empty()
        self.held: dict[int, NDArray[np.float32]] = {}

    def empty(self) -> FlatIndex | QuantisedIndex:
        """Return an index of the tier that is tested."""
        return FlatIndex(DIMENSIONS, model=MODEL)

    def kept(self, templates: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the templates as the index keeps them."""
        return templates

    @rule(rows=st.lists(ROWS, unique=True, max_size=80), seed=SEEDS, same=st.booleans())
    def add(self, rows: list[int], seed: int, same: bool) -> None:
        """Add and replace; sometimes all rows get one template."""
        templates = unit_vectors(1 if same else max(1, len(rows)), DIMENSIONS, seed=seed)
        templates = np.repeat(templates, len(rows), axis=0) if same else templates[: len(rows)]
        self.index.add(np.array(rows, dtype=np.int64), templates, model=MODEL)
        self.held.update(zip(rows, self.kept(templates), strict=True))

    @rule(rows=st.lists(ROWS, unique=True, max_size=200))
    def remove(self, rows: list[int]) -> None:
        """Remove some that are there and some that are not."""
        there = [row for row in rows if self.held.pop(row, None) is not None]
        assert self.index.remove(np.array(rows, dtype=np.int64)) == len(there)

    @rule(share=st.floats(0, 1), seed=SEEDS)
    def remove_known(self, share: float, seed: int) -> None:
        """Remove a share of what is there."""
        rows = np.array(sorted(self.held), dtype=np.int64)
        rows = rows[np.random.default_rng(seed).random(rows.size) < share]
        assert self.index.remove(rows) == rows.size
        for row in rows.tolist():
            del self.held[row]

    @rule()
    def store_and_load(self) -> None:
        """Go through the bytes of a snapshot."""
        self.index = type(self.index).from_bytes(self.index.to_bytes())

    @rule(seed=SEEDS, k=st.integers(1, 120))
    def search(self, seed: int, k: int) -> None:
        """Ask both the same."""
        probe = unit_vectors(1, DIMENSIONS, seed=seed)[0]
        found = [(hit.row, hit.similarity) for hit in self.index.search(probe, k=k, model=MODEL)]
        assert found == brute_force(self.held, probe, k)

    @invariant()
    def same_rows(self) -> None:
        """Hold the same rows at any time."""
        assert len(self.index) == len(self.held)
        assert set(self.index.rows().tolist()) == set(self.held)


class QuantisedMachine(IndexMachine):
    """The same with shards so small that each is compared exactly, and all ways are taken often."""

    def __init__(self) -> None:
        """Make everything small."""
        sizes = {"TRAINED_ON": 40, "_TAIL": 20, "_GONE": 4}
        self.small = [mock.patch.object(quantised, name, size) for name, size in sizes.items()]
        self.small.append(mock.patch.object(shard, "SHARD", 64))
        for patch in self.small:
            patch.start()
        super().__init__()

    def teardown(self) -> None:
        """Leave the sizes as they were."""
        for patch in self.small:
            patch.stop()

    def empty(self) -> QuantisedIndex:
        """Return a quantised index."""
        return QuantisedIndex(DIMENSIONS, model=MODEL)

    def kept(self, templates: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the templates as the index keeps them."""
        return rounded(templates)

    @rule()
    def retrain(self) -> None:
        """Make another quantiser."""
        self.index.retrain()


QuantisedMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
TestQuantised = QuantisedMachine.TestCase
IndexMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestIndex = IndexMachine.TestCase
