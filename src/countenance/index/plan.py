"""Which tier of index a gallery gets, from its size, the memory there is and the recall that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from countenance.index.codes import sub_vectors
from countenance.index.flat import FlatIndex
from countenance.index.kept import BYTES
from countenance.index.quantised import QuantisedIndex
from countenance.index.room import machine_for
from countenance.index.shard import SHARD
from countenance.index.snapshot import QUANTISED, version_of
from countenance.index.threads import cores

LocalIndex: TypeAlias = FlatIndex | QuantisedIndex

CONTRACT: Final = 0.999
"""The recall that every tier but the exact one was measured to reach; see `Index`."""

_EXACT_BYTES: Final = 128 * 2**20
"""More than this is scanned by codes: on one core it is some 8 ms of reading."""
_BACK: Final = 2
"""A gallery goes back to the exact tier at this part of that size, so that it does not go to and fro."""


class Tier(StrEnum):
    """How the templates of a gallery are searched in this process."""

    EXACT = "exact"
    QUANTISED = "quantised"

    @property
    def in_words(self) -> str:
        """Return what it does, for people."""
        return _WORDS[self]


_WORDS: Final = {
    Tier.EXACT: "every template compared exactly",
    Tier.QUANTISED: "every template's 4-bit code, the nearest compared again in half precision",
}
_FIXED_MS: Final = {Tier.EXACT: 0.1, Tier.QUANTISED: 0.8}
_EXACT_NS: Final = 38.0 / 128
"""CPU time of a number, in the exact tier."""
_CACHED: Final = 32_000_000
"""So many bytes of codes stay in the processor's cache."""
_CACHED_NS: Final = 0.06
_READ_NS: Final = 0.13
"""CPU time of a byte of codes that is there, and of one that is not.

Both tiers' times come near those of `docs/reference/performance.md`, and are estimates for any machine.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tier for one size of gallery, and what to expect of it on this machine."""

    templates: int
    dimensions: int
    tier: Tier
    memory: int
    """Bytes, for the index alone."""
    cpu_ms: float
    ms: float
    """Of one search on an idle machine with as many cores as this one: like `cpu_ms` an estimate."""
    fits: bool
    """False if the machine has too little memory for it."""
    machine: int | None
    """The memory of the smallest usual machine that has enough for it, in bytes; None if there is none."""

    def moves_from(self, now: Tier) -> bool:
        """Say whether a gallery leaves the tier that it has: never for one that needs memory which is not there."""
        return self.tier is not now and (self.fits or self.tier is Tier.QUANTISED)


def planned(
    templates: int,
    dimensions: int,
    *,
    memory: int | None = None,
    recall: float = CONTRACT,
    now: Tier | None = None,
) -> Plan:
    """Return the plan for a gallery; its index is made by it, and `countenance doctor --plan` shows it.

    The exact tier where it is fast enough and there is memory for it, or where only it will do; else the
    quantised one.

    Args:
        templates: how many it holds.
        dimensions: the length of a template.
        memory: the bytes that its index may take; None for no limit.
        recall: the share of mates, of those that exact search ranks first, that must come first. More
            than `CONTRACT` is promised by the exact tier only.
        now: the tier it has, which it keeps while it is near a border.
    """
    exact = _plan(Tier.EXACT, templates, dimensions, memory)
    if recall > CONTRACT:
        return exact
    border = _EXACT_BYTES if now in {None, Tier.EXACT} else _EXACT_BYTES // _BACK
    if exact.fits and 4 * templates * dimensions <= border:
        return exact
    return _plan(Tier.QUANTISED, templates, dimensions, memory)


def empty(tier: Tier, dimensions: int, *, model: str) -> LocalIndex:
    """Return an index of a tier without templates.

    Raises:
        InputError: the dimensions or the model's name cannot be.
    """
    if tier is Tier.EXACT:
        return FlatIndex(dimensions, model=model)
    return QuantisedIndex(dimensions, model=model)


def opened(data: bytes | bytearray | memoryview) -> LocalIndex:
    """Return the index of a snapshot, of whatever tier; the seal around it is verified before.

    Raises:
        IndexUnavailable: the bytes are no whole snapshot.
    """
    if version_of(data) == QUANTISED:
        return QuantisedIndex.from_bytes(data)
    return FlatIndex.from_bytes(data)


def tier_of(index: LocalIndex) -> Tier:
    """Return the tier that an index is of."""
    return Tier.EXACT if isinstance(index, FlatIndex) else Tier.QUANTISED


def _plan(tier: Tier, templates: int, dimensions: int, memory: int | None) -> Plan:
    needed = templates * _bytes_each(tier, dimensions)
    if tier is Tier.EXACT:
        nanoseconds = templates * dimensions * _EXACT_NS
    else:
        codes = templates * sub_vectors(dimensions) // 2
        cached = min(codes, _CACHED)
        nanoseconds = cached * _CACHED_NS + (codes - cached) * _READ_NS
    cpu = _FIXED_MS[tier] + nanoseconds * 1e-6
    parts = templates * 4 * dimensions // 2**24 if tier is Tier.EXACT else -(-templates // SHARD)
    return Plan(
        templates=templates,
        dimensions=dimensions,
        tier=tier,
        memory=needed,
        cpu_ms=cpu,
        ms=cpu / max(1, min(cores(), parts)),
        fits=memory is None or needed <= memory,
        machine=machine_for(needed),
    )


def _bytes_each(tier: Tier, dimensions: int) -> int:
    """Return what a template takes with its row id and what finds it: measured for the exact tier."""
    if tier is Tier.EXACT:
        return 4 * dimensions + 58
    return sub_vectors(dimensions) // 2 + BYTES * dimensions + 9
