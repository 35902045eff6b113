"""How conclusions about one candidate combine, and what a lead needs.

The order in which conclusions arrive, and who is called first, never matters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from countenance.errors import LeadNotSupported
from countenance.examination.scale import Conclusion

EXAMINERS = 2
MOST_EXAMINERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """One examiner's conclusion about one candidate.

    Attributes:
        id: of the comparison.
        examiner: who.
        conclusion: the step of the scale.
        enough: whether so much could be compared that a lead may stand on it.
        at: when it was recorded.
        certified: whether the examiner's certificate was in date then.
        follows: the comparison of the same examiner that this one takes the place of.
        control: the answer was known beforehand; it measures the examiner and leads nowhere.
    """

    id: UUID
    examiner: UUID
    conclusion: Conclusion
    enough: bool
    at: datetime
    certified: bool = True
    follows: UUID | None = None
    control: bool = False

    @property
    def concurs(self) -> bool:
        """Say whether it supports a lead."""
        return self.conclusion.supports and self.enough and self.certified and not self.control


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A law that lets a lead stand on fewer examiners, as a policy pack names it."""

    law: str
    section: str
    examiners: int = 1


class Standing(StrEnum):
    """How far a candidate is."""

    OPEN = "open"  # fewer conclusions than are needed
    AGREED = "agreed"  # enough of them support one person
    NO_LEAD = "no_lead"  # enough of them do not
    DISAGREED = "disagreed"  # to be consolidated, or looked at by a third examiner


def current(concluded: Collection[Concluded]) -> list[Concluded]:
    """Return each examiner's last conclusion: those that no other one of theirs follows.

    Two unfollowed conclusions of one person count once, as the more careful: one that supports no lead.
    """
    followed = {one.follows for one in concluded}
    last: dict[UUID, Concluded] = {}
    for one in sorted(concluded, key=lambda c: (c.concurs, c.at, c.id.int)):
        if one.id not in followed and not one.control:
            last.setdefault(one.examiner, one)
    return sorted(last.values(), key=lambda c: (c.at, c.id.int))


def combine(concluded: Collection[Concluded], *, waiver: Waiver | None = None) -> Standing:
    """Return how far a candidate is.

    Two must concur; with three, two of the three. A third is called only if the first two disagree,
    so a third conclusion decides.
    """
    needed = _needed(waiver)
    counted = current(concluded)
    concurring = sum(one.concurs for one in counted)
    if len(counted) < needed:
        return Standing.OPEN
    if len(counted) == concurring or (len(counted) >= MOST_EXAMINERS and concurring >= EXAMINERS):
        return Standing.AGREED
    if concurring == 0 or len(counted) >= MOST_EXAMINERS:
        return Standing.NO_LEAD
    return Standing.DISAGREED


def permit_lead(
    concluded: Collection[Concluded],
    *,
    releases: UUID,
    waiver: Waiver | None = None,
    certified_now: Collection[UUID],
) -> list[Concluded]:
    """Return the conclusions that a lead stands on.

    Args:
        concluded: everything that was recorded about the candidate.
        releases: the supervisor who releases it.
        waiver: the law under which fewer examiners do.
        certified_now: the examiners whose certificate is still in date, and who are not suspended.

    Raises:
        LeadNotSupported: fewer distinct, current examiners concur than a lead needs, or the one who
            releases it examined it.
    """
    if waiver is not None and not (waiver.law.strip() and waiver.section.strip()):
        raise LeadNotSupported("A waiver of the second examiner names law and section.")
    counted = current(concluded)
    if releases in {one.examiner for one in counted}:
        raise LeadNotSupported("Whoever examined a candidate does not release it as a lead.")
    standing = combine(concluded, waiver=waiver)
    if standing != Standing.AGREED:
        raise LeadNotSupported(SAID[standing])
    bearing = [one for one in counted if one.concurs and one.examiner in certified_now]
    if len(bearing) < _needed(waiver):
        raise LeadNotSupported(
            "An examiner on whose conclusion this lead stands is no longer certified. "
            "Ask another examiner to examine it."
        )
    return bearing


SAID = {
    Standing.OPEN: "A lead needs the conclusions of two examiners, each for themselves.",
    Standing.NO_LEAD: "The examiners do not support that both photos show one person.",
    Standing.DISAGREED: "The examiners disagree. Consolidate, or ask a third examiner.",
}


def _needed(waiver: Waiver | None) -> int:
    return EXAMINERS if waiver is None else max(1, min(waiver.examiners, EXAMINERS))
