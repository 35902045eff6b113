"""The exact index: every template in one contiguous array, all of them compared, by FAISS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple, Self

import faiss
import numpy as np

from countenance.errors import InputError
from countenance.index.base import (
    LONGEST_MODEL,
    MOST_DIMENSIONS,
    Hit,
    Rows,
    Template,
    Templates,
    check_added,
    check_k,
    check_model,
    check_probe,
    check_rows,
)
from countenance.index.positions import Positions
from countenance.index.snapshot import Snapshot, pack, unpack
from countenance.index.threads import cores, threads

_SMALLEST: Final = 64
_MOST_ROWS: Final = 2**31 - 1
# One part of a split search reads at least this much: for less, handing over costs more than it
# saves (measured: 10,000 templates of 128 are 1.6 times slower on two threads, 65,000 faster).
_PART_BYTES: Final = 16 * 2**20
_MOST_PARTS: Final = 8
# FAISS sums in another order than `rescored`: so far may its similarities be off.
_SLACK: Final = np.float32(4e-6)
_SPARE: Final = 16
_ATTEMPTS: Final = 3


class _State(NamedTuple):
    """What a reader works on: the arrays, how much of them counts, and how often they changed."""

    ids: Rows
    templates: Templates
    size: int
    era: int


class FlatIndex:
    """An exact `Index` on one machine.

    The similarity of a hit is summed in float64 and rounded to float32, so equal templates tie
    exactly wherever they lie and however many threads searched.
    """

    # Readers take no lock (a sequence lock). A search works on one `_State`. Adding new rows writes
    # behind `size`, where no earlier reader looks, and then publishes a new state. Only replacing
    # and removing write to what readers may be looking at: `era` is odd while they do and other
    # afterwards, and a reader that sees it changed asks again, at last with the writers' lock. So a
    # writer never waits for searches, a search waits for a writer only when three attempts in a row
    # were overtaken, and no copy of the array is made. A readers-writer lock would let a stream of
    # searches hold up a removal, and a copy on write would cost 512 MB for one row of a million.

    def __init__(self, dimensions: int, *, model: str) -> None:
        """Start empty, for templates of one model.

        Raises:
            InputError: the dimensions or the model's name cannot be.
        """
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise InputError(f"Templates must have 1 to {MOST_DIMENSIONS} numbers.")
        if not 1 <= len(model.encode()) <= LONGEST_MODEL:
            raise InputError(f"A model's name must have 1 to {LONGEST_MODEL} bytes.")
        self._model = model
        self._dimensions = dimensions
        self._writing = threading.Lock()
        self._positions = Positions()
        self._state = _State(*_arrays(_SMALLEST, dimensions), size=0, era=0)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Self:
        """Return the index that `to_bytes` wrote; the seal around it is verified before.

        Raises:
            IndexUnavailable: the bytes are no whole snapshot of this version.
        """
        snapshot = unpack(data)
        index = cls(snapshot.templates.shape[1], model=snapshot.model)
        index._extend(snapshot.rows, snapshot.templates)
        return index

    @property
    def model(self) -> str:
        """Return the id of the only model whose templates are taken."""
        return self._model

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return self._dimensions

    @property
    def nbytes(self) -> int:
        """Return the memory for which there is room, in bytes; the unused end is not yet resident."""
        state = self._state
        return state.ids.nbytes + state.templates.nbytes + self._positions.nbytes

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._state.size

    def rows(self) -> Rows:
        """Return a copy of all row ids, in no particular order."""
        with self._writing:
            return self._state.ids[: self._state.size].copy()

    def templates(self, rows: Rows) -> dict[int, Template]:
        """Return the templates of those of these rows that are here, by row."""
        ids = check_rows(rows)
        with self._writing:
            positions = self._positions.find(ids)
            there = positions >= 0
            templates = self._state.templates[positions[there]]
        return dict(zip(ids[there].tolist(), templates, strict=True))

    def batches(self) -> Iterator[tuple[Rows, Templates]]:
        """Yield a copy of all rows with their templates, at once, for another index to be made of."""
        with self._writing:
            state = self._state
            held = state.ids[: state.size].copy(), state.templates[: state.size].copy()
        yield held

    def to_bytes(self) -> bytes:
        """Return the whole index as bytes, for a service to seal; writers wait meanwhile."""
        with self._writing:
            state = self._state
            return pack(
                Snapshot(self._model, state.ids[: state.size], state.templates[: state.size])
            )

    def add(self, rows: Rows, templates: Templates, *, model: str) -> None:
        """Add templates under their row ids; a row that is there already is replaced.

        Raises:
            ModelMismatch: the templates are of another model.
            InputError: rows or templates are not what `Index.add` asks for. Nothing is added then.
        """
        check_model(self._model, model)
        ids, checked = check_added(rows, templates, self._dimensions)
        with self._writing:
            positions = self._positions.find(ids)
            known = positions >= 0
            if known.any():
                self._replace(positions[known], checked[known])
            if not known.all():
                self._extend(ids[~known], checked[~known])

    def remove(self, rows: Rows) -> int:
        """Remove these rows and return how many were there; unknown rows are passed over."""
        ids = check_rows(rows)
        with self._writing:
            positions = self._positions.find(ids)
            there = positions >= 0
            if there.any():
                self._close_up(ids[there], positions[there])
            return int(there.sum())

    def search(self, template: Template, *, k: int, model: str) -> list[Hit]:
        """Return the at most `k` most similar rows, equal ones in ascending row.

        Raises:
            ModelMismatch: the probe's template is of another model.
            InputError: the template or `k` is not what `Index.search` asks for.
        """
        check_model(self._model, model)
        check_k(k)
        probe = check_probe(template, self._dimensions)
        for _ in range(_ATTEMPTS):
            state = self._state
            if state.era % 2:
                break
            found = _most_similar(state, probe, k)
            if self._state.era == state.era:
                return found
        with self._writing:
            return _most_similar(self._state, probe, k)

    def _replace(self, positions: Rows, templates: Templates) -> None:
        state = self._state._replace(era=self._state.era + 1)
        self._state = state
        state.templates[positions] = templates
        self._state = state._replace(era=state.era + 1)

    def _extend(self, rows: Rows, templates: Templates) -> None:
        state = self._state
        count = state.size + rows.size
        if count > _MOST_ROWS:
            raise InputError("An index of this kind cannot hold that many templates.")
        if count > len(state.ids):
            state = self._moved(state, count)
        state.ids[state.size : count] = rows
        state.templates[state.size : count] = templates
        self._positions.put(rows, np.arange(state.size, count))
        self._state = state._replace(size=count)

    def _close_up(self, rows: Rows, positions: Rows) -> None:
        """Fill the gaps with the last rows and wipe the end, so that no removed template stays."""
        state = self._state._replace(era=self._state.era + 1)
        self._state = state
        count = state.size - rows.size
        gaps = positions[positions < count]
        stays = np.ones(rows.size, dtype=np.bool_)
        stays[positions[positions >= count] - count] = False
        movers = np.flatnonzero(stays) + count
        self._positions.drop(rows)
        self._positions.put(state.ids[movers], gaps)
        state.ids[gaps] = state.ids[movers]
        state.templates[gaps] = state.templates[movers]
        state.ids[count : state.size] = 0
        state.templates[count : state.size] = 0
        state = state._replace(size=count, era=state.era + 1)
        self._state = state
        if count * 4 < len(state.ids) > _SMALLEST:
            self._state = self._moved(state, count)._replace(era=state.era + 2)
            # Wiped only now: a reader that still looks at the old array sees that the era changed.
            state.templates[:] = 0

    def _moved(self, state: _State, count: int) -> _State:
        """Return the state in new arrays: room for `count`, rounded up to a doubling."""
        capacity = max(_SMALLEST, 1 << (count - 1).bit_length()) if count else _SMALLEST
        ids, templates = _arrays(capacity, self._dimensions)
        ids[: state.size] = state.ids[: state.size]
        templates[: state.size] = state.templates[: state.size]
        return _State(ids, templates, state.size, state.era)


def _arrays(capacity: int, dimensions: int) -> tuple[Rows, Templates]:
    return (
        np.zeros(capacity, dtype=np.int64),
        np.zeros((capacity, dimensions), dtype=np.float32),
    )


def _most_similar(state: _State, probe: Template, k: int) -> list[Hit]:
    """Return the best `k` rows of one state: a fast pass over all, an exact one over the best."""
    if not state.size:
        return []
    wanted = min(k, state.size)
    templates = state.templates[: state.size]
    similarities, positions = _nearest(templates, probe, min(wanted + _SPARE, state.size))
    last, least = similarities[-1], similarities[wanted - 1] - 2 * _SLACK
    if positions.size < state.size and not last < least:
        # So many are alike at the edge that the spare ones did not hold them all: look at every one.
        every = templates @ probe
        least = np.partition(every, state.size - wanted)[state.size - wanted] - 2 * _SLACK
        positions = np.flatnonzero(every >= least)
    exact = rescored(templates[positions], probe)
    rows = state.ids[positions]
    order = np.lexsort((rows, -exact))[:wanted]
    return [Hit(int(rows[at]), float(exact[at])) for at in order]


def rescored(templates: Templates, probe: Template) -> Template:
    """Return similarities that depend on the two vectors alone, not on where they lie."""
    products = templates.astype(np.float64) * probe.astype(np.float64)
    similarities: Template = np.clip(products.sum(axis=1), -1, 1).astype(np.float32)
    return similarities


def _nearest(templates: Templates, probe: Template, k: int) -> tuple[Template, Rows]:
    """Return the `k` highest inner products, descending, and their positions."""
    parts = max(1, min(cores(), _MOST_PARTS, templates.nbytes // _PART_BYTES))
    edges = [len(templates) * part // parts for part in range(parts + 1)]
    waiting = [
        threads().submit(_scan, templates[start:end], probe, k, start)
        for start, end in pairwise(edges[1:])
    ]
    found = [_scan(templates[: edges[1]], probe, k, 0), *(part.result() for part in waiting)]
    similarities = np.concatenate([part[0] for part in found])
    positions = np.concatenate([part[1] for part in found])
    best = np.argsort(-similarities, kind="stable")[:k]
    return similarities[best], positions[best]


def _scan(templates: Templates, probe: Template, k: int, start: int) -> tuple[Template, Rows]:
    # One OpenMP thread for this thread's calls: its teams spin while they wait, and a search that
    # is split already would be split again (measured: 90 instead of 38 CPU ms at a million).
    faiss.omp_set_num_threads(1)
    similarities, positions = faiss.knn(
        probe[np.newaxis], templates, min(k, len(templates)), metric=faiss.METRIC_INNER_PRODUCT
    )
    return similarities[0], positions[0] + start
