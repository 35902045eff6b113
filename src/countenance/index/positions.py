"""Where each row id is: a compact map from int64 to a position, worked on in batches."""

from __future__ import annotations

from typing import Final

import numpy as np

from countenance.index.base import Rows

_FREE: Final = -1
_GONE: Final = -2
_SMALLEST: Final = 64
# Fibonacci hashing: row ids come from a database sequence, and this spreads neighbours far apart.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


class Positions:
    """An open-addressing hash table in two NumPy arrays.

    A `dict` of a million ints takes about 105 MB, a fifth of the templates it leads to; this takes
    25 MB, and a batch of any size is looked up in a few passes. Row ids must not be negative. It
    has no lock of its own: one thread at a time.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._clear(_SMALLEST)

    @property
    def nbytes(self) -> int:
        """Return the memory of the table, in bytes."""
        return self._keys.nbytes + self._positions.nbytes

    def find(self, rows: Rows) -> Rows:
        """Return the position of each row, -1 for a row that is not there."""
        slots = self._slots_of(rows)
        return np.where(slots >= 0, self._positions[slots], -1).astype(np.int64)

    def put(self, rows: Rows, positions: Rows) -> None:
        """Set the position of each row; no row may be given twice."""
        slots = self._slots_of(rows)
        known = slots >= 0
        self._positions[slots[known]] = positions[known]
        self._insert(rows[~known], positions[~known])

    def drop(self, rows: Rows) -> None:
        """Forget these rows."""
        slots = self._slots_of(rows)
        slots = slots[slots >= 0]
        # A freed slot stays marked, because a search for another row may lead past it.
        self._keys[slots] = _GONE
        self._live -= slots.size
        if self._live * 8 < self._keys.size > _SMALLEST:
            self._rebuild()

    def _clear(self, size: int) -> None:
        self._keys = np.full(size, _FREE, dtype=np.int64)
        self._positions = np.zeros(size, dtype=np.int32)
        self._live = 0
        self._used = 0
        self._shift = np.uint64(64 - (size.bit_length() - 1))

    def _first_slots(self, rows: Rows) -> Rows:
        return ((rows.astype(np.uint64) * _SPREAD) >> self._shift).astype(np.int64)

    def _slots_of(self, rows: Rows) -> Rows:
        """Return the slot of each row, -1 if it has none: probe linearly until it or a free one."""
        mask = self._keys.size - 1
        found = np.full(rows.size, -1, dtype=np.int64)
        pending = np.arange(rows.size)
        slots = self._first_slots(rows)
        while pending.size:
            keys = self._keys[slots]
            here = keys == rows[pending]
            found[pending[here]] = slots[here]
            on = ~here & (keys != _FREE)
            pending = pending[on]
            slots = (slots[on] + 1) & mask
        return found

    def _insert(self, rows: Rows, positions: Rows) -> None:
        """Add rows that are known not to be there."""
        if (self._used + rows.size) * 3 > self._keys.size * 2:
            self._rebuild(rows.size)
        mask = self._keys.size - 1
        pending = np.arange(rows.size)
        slots = self._first_slots(rows)
        while pending.size:
            free = self._keys[slots] == _FREE
            # Several rows may want one slot: all write, the last one stays, the others go on.
            self._keys[slots[free]] = rows[pending[free]]
            won = free & (self._keys[slots] == rows[pending])
            self._positions[slots[won]] = positions[pending[won]]
            pending = pending[~won]
            slots = (slots[~won] + 1) & mask
        self._live += rows.size
        self._used += rows.size

    def _rebuild(self, more: int = 0) -> None:
        """Lay the table out anew for its live rows and `more`: at most half full."""
        live = self._keys >= 0
        rows, positions = self._keys[live], self._positions[live].astype(np.int64)
        needed = max(_SMALLEST, 2 * (rows.size + more))
        self._clear(1 << (needed - 1).bit_length())
        self._insert(rows, positions)
