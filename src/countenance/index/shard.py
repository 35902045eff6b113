"""A contiguous part of a quantised index: codes to scan, rows to re-rank by, and who is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from jaxtyping import Bool, Int64

from countenance.index.base import Rows, Template, Templates
from countenance.index.codes import Codes
from countenance.index.kept import Kept

SHARD: Final = 2**20
"""How many templates a shard has room for.

The codes of one, 32 MB, then lie in a mapping of their own. Half as many lay in the heap between other things, and
FAISS scanned ten million of them in 29 ms instead of 24.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """The first `size` positions of arrays that only grow behind it.

    A reader that holds a shard is disturbed by nothing: `extended` writes behind `size` and returns
    another shard on the same arrays, `compacted` copies. Only `remove` changes what a reader may be looking
    at, and it says so in `gone` first, which a reader asks last.
    """

    codes: Codes
    ids: Rows
    kept: Kept
    gone: Bool[np.ndarray, " n"]
    size: int = 0
    order: Int64[np.ndarray, " n"] | None = None
    """The positions in ascending row id; None while the ids ascend by themselves."""

    @classmethod
    def empty(cls, codes: Codes, dimensions: int) -> Self:
        """Return a shard of nothing; its memory is taken as it is written to."""
        return cls(
            codes,
            np.zeros(SHARD, dtype=np.int64),
            Kept(SHARD, dimensions),
            np.zeros(SHARD, dtype=np.bool_),
        )

    @property
    def room(self) -> int:
        """Return how many templates still fit."""
        return len(self.ids) - self.size

    @property
    def removed(self) -> int:
        """Return how many of the positions are gone."""
        return int(np.count_nonzero(self.gone[: self.size]))

    @property
    def nbytes(self) -> int:
        """Return the memory that is in use, in bytes."""
        order = 0 if self.order is None else self.order.nbytes
        return self.codes.nbytes + self.kept.numbers[: self.size].nbytes + 9 * self.size + order

    def live(self) -> Rows:
        """Return the positions that are not gone."""
        return np.flatnonzero(~self.gone[: self.size])

    def find(self, rows: Rows) -> Rows:
        """Return the positions of those of these rows that are here and not gone."""
        ids = self.ids[: self.size]
        if not self.size or not rows.size:
            return np.empty(0, dtype=np.int64)
        lowest, highest = (0, -1) if self.order is None else self.order[[0, -1]]
        near = rows[(rows >= ids[lowest]) & (rows <= ids[highest])]
        at = np.searchsorted(ids, near, sorter=self.order)
        found = []
        # A row that was removed and added again is here twice, one behind the other.
        while near.size:
            positions = at if self.order is None else self.order[at]
            same = ids[positions] == near
            here = same & ~self.gone[positions]
            found.append(positions[here])
            on = same & ~here & (at + 1 < self.size)
            near, at = near[on], at[on] + 1
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def nearest(self, probe: Template, wanted: int) -> tuple[Template, Rows]:
        """Return approximate similarities and positions of the nearest that are not gone.

        As many as are wanted, or all there are.
        """
        asked = wanted
        while True:
            if asked >= self.size:
                positions = self.live()
                return np.full(positions.size, np.inf, dtype=np.float32), positions
            similarities, positions = self.codes.nearest(probe, asked)
            gone = self.gone.take(positions)
            if not gone.any():
                return similarities[:wanted], positions[:wanted]
            if np.count_nonzero(~gone) >= wanted or positions.size < asked:
                return similarities[~gone][:wanted], positions[~gone][:wanted]
            asked *= 4

    def extended(self, rows: Rows, templates: Templates) -> Shard:
        """Return the shard with more templates behind; there must be room, and none may be here."""
        end = self.size + rows.size
        self.ids[self.size : end] = rows
        self.kept.write(self.size, templates)
        ids = self.ids[:end]
        ascending = self.order is None and bool(
            (ids[max(self.size, 1) :] > ids[max(self.size, 1) - 1 : -1]).all()
        )
        order = None if ascending else np.argsort(ids, kind="stable")
        return replace(self, codes=self.codes.extended(templates), size=end, order=order)

    def remove(self, positions: Rows) -> None:
        """Let these positions be found no more, and leave nothing of their templates."""
        self.gone[positions] = True
        self.kept.wipe(positions)
        self.codes.wipe(positions)

    def compacted(self) -> Shard:
        """Return a copy without the positions that are gone."""
        live = self.live()
        copy = Shard.empty(
            self.codes.without(np.flatnonzero(self.gone[: self.size])),
            self.kept.numbers.shape[1],
        )
        copy.ids[: live.size] = self.ids[live]
        copy.kept.numbers[: live.size] = self.kept.numbers[live]
        ids = copy.ids[: live.size]
        order = None if self.order is None else np.argsort(ids, kind="stable")
        return replace(copy, size=live.size, order=order)

    def quantised_anew(self, codes: Codes) -> Shard:
        """Return the shard on the same arrays with codes of another quantiser, those gone wiped."""
        codes = codes.empty()
        for start in range(0, self.size, 65_536):
            codes = codes.extended(self.kept.read(slice(start, min(start + 65_536, self.size))))
        return replace(self, codes=codes)
