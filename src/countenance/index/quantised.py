"""The quantised index: every template's 4-bit code is scanned, the best few hundred compared again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from countenance.index import snapshot
from countenance.index.base import (
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
from countenance.index.codes import Codes
from countenance.index.flat import FlatIndex, rescored
from countenance.index.kept import rounded
from countenance.index.shard import Shard
from countenance.index.threads import cores, threads

TRAINED_ON: Final = 65_536
"""How many templates a quantiser is made from; until there are as many, all are compared exactly."""
_TAIL: Final = 16_384
# So many are compared again, at least: of 2,627 mates among a million that exact search ranks first, one
# was lost with 400, none with 500. With more templates more look alike: one in so many of all.
_RERANKED: Final = 500
_OF_ALL: Final = 5000
# So many times its even share each shard names, as those who look alike may have come together.
_UNEVEN: Final = 2
# So many times the wanted candidates are compared again, where that is more than the number above.
_WIDER: Final = 2
# Sums of products of unit vectors in single precision are wrong by less than this.
_ROUNDING: Final = 1e-4
# A shard is laid out anew when more than a 32nd of it is gone, and given up when it is half empty.
_GONE: Final = 32
_WORTH_IT: Final = 1024
_ATTEMPTS: Final = 3
_OUTGROWN: Final = 4


class _State(NamedTuple):
    """What a reader works on: the shards, then what was added since the last of them was extended."""

    shards: tuple[Shard, ...]
    tail: FlatIndex


class QuantisedIndex:
    """An `Index` for galleries that an exact scan is too slow for.

    A search scans the 4-bit codes of every shard, on as many threads as there are cores, compares the
    best few hundred by the rows that are kept in half precision, and compares the newest
    templates, which have no code yet, exactly. Nobody is left out beforehand, as a graph or an inverted list
    would; whether a mate is among those compared again is what the recall contract measures.

    Similarities are those of the kept rows: a template that was just added has the one it keeps.
    """

    # Readers take no lock: a search works on one `_State`. Writers replace it as a whole. What a removal
    # marks in the arrays that readers look at is only ever a mark; see `Shard`. The order matters where a
    # row is replaced: it is in the tail before it is gone from its shard, and searches ask the shards
    # first, so one of the two is always found.

    def __init__(self, dimensions: int, *, model: str) -> None:
        """Start empty, for templates of one model.

        Raises:
            InputError: the dimensions or the model's name cannot be.
        """
        self._state = _State((), FlatIndex(dimensions, model=model))
        self._writing = threading.Lock()
        self._training = threading.Lock()
        self._count = 0
        self._trained_for = TRAINED_ON

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> QuantisedIndex:
        """Return the index that `to_bytes` wrote; the seal around it is verified before.

        Raises:
            IndexUnavailable: the bytes are no whole snapshot of this version.
        """
        held = snapshot.unpack_quantised(data)
        index = cls(held.dimensions, model=held.model)
        tail = index._state.tail
        tail.add(held.rows, held.templates, model=held.model)
        index._state = _State(tuple(held.shards), tail)
        index._count = len(tail) + sum(shard.size for shard in held.shards)
        index._trained_for = max(index._count, TRAINED_ON)
        return index

    @property
    def model(self) -> str:
        """Return the id of the only model whose templates are taken."""
        return self._state.tail.model

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return self._state.tail.dimensions

    @property
    def nbytes(self) -> int:
        """Return the memory in use, in bytes."""
        state = self._state
        return state.tail.nbytes + sum(shard.nbytes for shard in state.shards)

    @property
    def outgrown(self) -> bool:
        """Say whether so much was added since the quantiser was made that it should be made anew."""
        return self._count > _OUTGROWN * self._trained_for

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._count

    def rows(self) -> Rows:
        """Return a copy of all row ids, in no particular order."""
        with self._writing:
            parts = [shard.ids[shard.live()] for shard in self._state.shards]
            return np.concatenate([*parts, self._state.tail.rows()])

    def templates(self, rows: Rows) -> dict[int, Template]:
        """Return the templates of those of these rows that are here, by row, as they are kept."""
        ids, state = check_rows(rows), self._state
        found: dict[int, Template] = {}
        for shard in state.shards:
            positions = shard.find(ids)
            templates = shard.kept.read(positions)
            # What is gone by now was wiped, perhaps before it was read.
            there = ~shard.gone[positions]
            found.update(zip(shard.ids[positions[there]].tolist(), templates[there], strict=True))
        # Last: one that is replaced meanwhile is in the tail before it is gone from its shard.
        return found | state.tail.templates(ids)

    def batches(self) -> Iterator[tuple[Rows, Templates]]:
        """Yield all rows with their templates as they are kept, for another index to be made of.

        A row that is replaced meanwhile may come twice, one that is removed may still come.
        """
        state = self._state
        for shard in state.shards:
            live = shard.live()
            for start in range(0, live.size, TRAINED_ON):
                positions = live[start : start + TRAINED_ON]
                templates = shard.kept.read(positions)
                there = ~shard.gone[positions]
                yield shard.ids[positions[there]], templates[there]
        yield from state.tail.batches()

    def to_bytes(self) -> bytes:
        """Return the whole index as bytes, for a service to seal; writers wait meanwhile."""
        with self._writing:
            self._compact(least=1)
            shards, tail = self._state
            rows, templates = next(tail.batches())
            return snapshot.pack_quantised(snapshot.Quantised(self.model, rows, templates, shards))

    def add(self, rows: Rows, templates: Templates, *, model: str) -> None:
        """Add templates under their row ids; a row that is there already is replaced.

        Raises:
            ModelMismatch: the templates are of another model.
            InputError: rows or templates are not what `Index.add` asks for. Nothing is added then.
        """
        check_model(self.model, model)
        ids, checked = check_added(rows, templates, self.dimensions)
        with self._writing:
            for start in range(0, ids.size, TRAINED_ON):
                part = slice(start, start + TRAINED_ON)
                self._add(ids[part], rounded(checked[part]))

    def remove(self, rows: Rows) -> int:
        """Remove these rows and return how many were there; unknown rows are passed over."""
        ids = check_rows(rows)
        with self._writing:
            removed = self._state.tail.remove(ids) + self._remove_from_shards(ids)
            self._count -= removed
            self._compact(least=_WORTH_IT)
            return removed

    def search(self, template: Template, *, k: int, model: str) -> list[Hit]:
        """Return the at most `k` most similar rows, equal ones in ascending row.

        Raises:
            ModelMismatch: the probe's template is of another model.
            InputError: the template or `k` is not what `Index.search` asks for.
        """
        check_model(self.model, model)
        check_k(k)
        probe = check_probe(template, self.dimensions)
        state = self._state
        wanted = max(_RERANKED, _WIDER * k, self._count // _OF_ALL)
        rows, similarities = _best_of(state.shards, probe, k=k, wanted=wanted)
        newest = state.tail.search(probe, k=k, model=model)
        if newest:
            new = np.array([hit.row for hit in newest], dtype=np.int64)
            # One that is replaced while we search may be in both; what it is now counts.
            former = np.isin(rows, new, invert=True)
            rows = np.concatenate([rows[former], new])
            found = np.array([hit.similarity for hit in newest], dtype=np.float32)
            similarities = np.concatenate([similarities[former], found])
        order = np.lexsort((rows, -similarities))[:k]
        return [Hit(int(rows[at]), float(similarities[at])) for at in order]

    def retrain(self) -> None:
        """Make a new quantiser from the templates held now, and all codes with it; searches go on.

        Shard by shard. One that was laid out anew meanwhile is done again; changes wait for one shard's codes
        only where that happens three times in a row.
        """
        # One at a time: two would make each other's codes anew for ever.
        with self._training:
            codes = self._trained()
            self._trained_for = max(self._count, TRAINED_ON)
            overtaken = 0
            while codes is not None:
                shards = self._state.shards
                old = next((one for one in shards if not one.codes.same_quantiser(codes)), None)
                if old is None:
                    return
                done = self._make_anew(old, codes, waiting=overtaken >= _ATTEMPTS)
                overtaken = 0 if done else overtaken + 1

    def _make_anew(self, shard: Shard, codes: Codes, *, waiting: bool) -> bool:
        """Give a shard the codes of another quantiser, and say whether it was still there to get them.

        Writers wait meanwhile only if that is asked for, and then for whichever shard is left.
        """
        if not waiting:
            made = shard.quantised_anew(codes)
            with self._writing:
                return self._exchange(shard, made)
        with self._writing:
            shards = self._state.shards
            left = next((one for one in shards if not one.codes.same_quantiser(codes)), None)
            return left is None or self._exchange(left, left.quantised_anew(codes))

    def _exchange(self, shard: Shard, made: Shard) -> bool:
        """Put a shard on the same arrays in the place of one, unless that was replaced meanwhile."""
        shards = list(self._state.shards)
        at = next((at for at, one in enumerate(shards) if one is shard), None)
        if at is None:
            return False
        made.codes.wipe(np.flatnonzero(made.gone[: made.size]))
        shards[at] = made
        self._state = self._state._replace(shards=tuple(shards))
        return True

    def _add(self, ids: Rows, templates: Templates) -> None:
        tail = self._state.tail
        before = len(tail)
        tail.add(ids, templates, model=self.model)
        self._count += len(tail) - before - self._remove_from_shards(ids)
        if len(tail) >= (_TAIL if self._state.shards else TRAINED_ON):
            self._encode_tail()

    def _remove_from_shards(self, ids: Rows) -> int:
        removed = 0
        for shard in self._state.shards:
            positions = shard.find(ids)
            shard.remove(positions)
            removed += positions.size
        return removed

    def _encode_tail(self) -> None:
        shards, tail = self._state
        rows, templates = next(tail.batches())
        ascending = np.argsort(rows)
        placed = self._placed(list(shards), rows[ascending], templates[ascending])
        self._state = _State(placed, FlatIndex(self.dimensions, model=self.model))

    def _placed(self, shards: list[Shard], rows: Rows, templates: Templates) -> tuple[Shard, ...]:
        """Return the shards with these rows behind the last one, and in as many more as it takes."""
        while rows.size:
            if not shards or not shards[-1].room:
                codes = shards[-1].codes.empty() if shards else Codes.trained(templates)
                shards.append(Shard.empty(codes, self.dimensions))
            fitting = shards[-1].room
            shards[-1] = shards[-1].extended(rows[:fitting], templates[:fitting])
            rows, templates = rows[fitting:], templates[fitting:]
        return tuple(shards)

    def _compact(self, *, least: int) -> None:
        """Lay out anew the shards in which much is gone; what is left of half-empty ones moves on."""
        while (shard := self._worn(least)) is not None:
            shards = list(self._state.shards)
            at = shards.index(shard)
            live = shard.live()
            if len(shards) > 1 and live.size < len(shard.ids) // 2:
                del shards[at]
                moved = self._placed(shards, shard.ids[live], shard.kept.read(live))
                self._state = self._state._replace(shards=moved)
            else:
                shards[at] = shard.compacted()
                self._state = self._state._replace(shards=tuple(shards))

    def _worn(self, least: int) -> Shard | None:
        """Return a shard in which as many are gone, and more than a share if it is not the least."""
        for shard in self._state.shards:
            if shard.removed >= max(least, shard.size // _GONE if least > 1 else 1):
                return shard
        return None

    def _trained(self) -> Codes | None:
        shards = self._state.shards
        if not shards:
            return None
        share = -(-TRAINED_ON // len(shards))
        parts = []
        for shard in shards:
            live = shard.live()
            taken = live[:: max(1, live.size // share)][:share]
            templates = shard.kept.read(taken)
            parts.append(templates[~shard.gone[taken]])
        sample = np.concatenate(parts)
        return Codes.trained(sample) if len(sample) >= 16 else None  # noqa: PLR2004


def _best_of(
    shards: Sequence[Shard], probe: Template, *, k: int, wanted: int
) -> tuple[Rows, Template]:
    """Return rows and similarities of at least the `k` nearest in all shards, by their kept rows."""
    if not shards:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    parts = min(cores(), len(shards))
    each = min(wanted, max(_WIDER * k, _UNEVEN * wanted // len(shards)))
    waiting = [
        threads().submit(_scan, shards[part::parts], probe, each) for part in range(1, parts)
    ]
    scanned = _scan(shards[::parts], probe, each)
    for part in waiting:
        scanned += part.result()
    similarities = np.concatenate([found for _, found, _ in scanned])
    # Shards that were taken whole come with infinite similarities, and all of them stay.
    similarities = similarities[np.isfinite(similarities)]
    edge = -np.inf
    if similarities.size > wanted:
        edge = np.partition(similarities, similarities.size - wanted)[similarities.size - wanted]
    parts_again = [(shard, positions[found >= edge]) for shard, found, positions in scanned]
    return _compared(parts_again, probe, k)


def _compared(near: Sequence[tuple[Shard, Rows]], probe: Template, k: int) -> tuple[Rows, Template]:
    """Return rows and similarities of at least the `k` nearest of these positions, by their kept rows."""
    read = [shard.kept.numbers.take(positions, axis=0) for shard, positions in near]
    # Asked last: a row that was wiped while we read it is gone by now.
    gone = np.concatenate([shard.gone.take(positions) for shard, positions in near])
    templates = np.concatenate(read).astype(np.float32)
    # Single precision tells who comes into question, and is five times as fast for all of them.
    roughly = np.einsum("ij,j->i", templates, probe)  # BLAS would wake a second thread
    roughly[gone] = -np.inf
    edge = -np.inf
    if roughly.size > k:
        edge = np.partition(roughly, roughly.size - k)[roughly.size - k] - _ROUNDING
    nearest = np.flatnonzero((roughly >= edge) & ~gone)
    ids = np.concatenate([shard.ids.take(positions) for shard, positions in near])
    return ids.take(nearest), rescored(templates.take(nearest, axis=0), probe)


def _scan(
    shards: Sequence[Shard], probe: Template, wanted: int
) -> list[tuple[Shard, Template, Rows]]:
    return [(shard, *shard.nearest(probe, wanted)) for shard in shards]
