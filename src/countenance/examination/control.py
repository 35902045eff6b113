"""Known-answer controls: which examinations are some, and what they say about an examiner.

The interval is Wilson's score interval for a proportion (Wilson, JASA 1927), which holds for few
observations and for none in error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from countenance.examination.scale import Conclusion

Z_95 = 1.959963984540054
"""The 97.5th percentile of the normal distribution: two-sided 95 %."""

SHARE = 0.10
"""How many of an examiner's examinations are controls, unless policy says otherwise."""

DRAWN = 8
"""So many random bytes decide whether an examination is a control."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One comparison whose answer was known: whether both photos show one person, and what was said."""

    mated: bool
    conclusion: Conclusion

    @property
    def wrong(self) -> bool:
        """Say whether the conclusion points the other way; no support either way is no error."""
        return self.conclusion.direction == (-1 if self.mated else 1)

    @property
    def undecided(self) -> bool:
        """Say whether nothing was concluded either way."""
        return self.conclusion.direction == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95 % interval; `of` is the number of comparisons it was measured on."""

    wrong: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """Return the share itself; None where nothing was measured."""
        return self.wrong / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An examiner's error on known answers, apart for one person and for two.

    Attributes:
        false_same: of pairs of two people, those concluded to be one.
        false_other: of pairs of one person, those concluded to be two.
        all_wrong: both together.
        undecided: of all, those concluded neither way.
        recorded: how many controls were recorded.
        given_up: how many controls were given up before all was concluded; what was concluded of them
            counts above.
        unreadable: how many were altered in the database, so that what they say is not counted.
    """

    false_same: Rate
    false_other: Rate
    all_wrong: Rate
    undecided: Rate
    recorded: int = 0
    given_up: int = 0
    unreadable: int = 0


def rate(wrong: int, of: int) -> Rate:
    """Return a share with its interval; of nothing everything is possible, from 0 to 1."""
    if not 0 <= wrong <= of:
        raise ValueError("A share is of something, and no more than all of it.")
    if of == 0:
        return Rate(wrong=0, of=0, low=0.0, high=1.0)
    share, z2 = wrong / of, Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 * sqrt(share * (1 - share) / of + z2 / (4 * of**2)) / (1 + z2 / of)
    return Rate(  # none and all are ends of the interval, to the last digit
        wrong=wrong,
        of=of,
        low=middle - half if wrong else 0.0,
        high=middle + half if wrong < of else 1.0,
    )


def measure(tried: Iterable[Tried], *, recorded: int = 0, given_up: int = 0) -> Measured:
    """Return what known answers say about an examiner, who recorded so many controls and gave up so many."""
    every = list(tried)
    apart = [one for one in every if not one.mated]
    one_person = [one for one in every if one.mated]
    return Measured(
        false_same=rate(sum(one.wrong for one in apart), len(apart)),
        false_other=rate(sum(one.wrong for one in one_person), len(one_person)),
        all_wrong=rate(sum(one.wrong for one in every), len(every)),
        undecided=rate(sum(one.undecided for one in every), len(every)),
        recorded=recorded,
        given_up=given_up,
    )


MOST_DUE = 0.5
"""However many examinations went before without a draw, the next draw may be either."""


def due_share(share: float, *, begun: int) -> float:
    """Return with which chance the next draw is a control, so that controls are a share of all examinations.

    Args:
        share: how many of all examinations are to be controls, 0 to 1.
        begun: how many examinations were begun without a draw since the last one: none was a control.
    """
    if begun < 0 or not 0 <= share <= 1:
        raise ValueError("A share is of 0 to 1, and no fewer than none were begun.")
    return max(share, min(share * (1 + begun), MOST_DUE))


def is_control_due(drawn: bytes, *, share: float = SHARE) -> bool:
    """Say whether the next examination that somebody gets is a control.

    Args:
        drawn: `DRAWN` random bytes; each draw stands for itself, so nobody can count down to one.
        share: how many of all examinations are controls, 0 to 1.
    """
    if len(drawn) < DRAWN or not 0 <= share <= 1:
        raise ValueError("A draw takes eight random bytes and a share of 0 to 1.")
    return int.from_bytes(drawn[:DRAWN], "big") < share * (1 << 8 * DRAWN)
