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
"""So many people concur in a lead, whatever a policy pack says; it can only ask for more."""


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
    certified: bool
    follows: UUID | None = None
    control: bool = False

    @property
    def concurs(self) -> bool:
        """Say whether it supports a lead."""
        return self.conclusion.supports and self.enough and self.certified and not self.control


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A law that lets a lead stand on one examiner, as a policy pack names it.

    Raises:
        LeadNotSupported: law or section is not named, so nothing is waived.
    """

    law: str
    section: str

    def __post_init__(self) -> None:
        """Refuse what names no law."""
        if not (self.law.strip() and self.section.strip()):
            raise LeadNotSupported("A waiver of the second examiner names law and section.")


class Standing(StrEnum):
    """How far a candidate is."""

    OPEN = "open"  # fewer conclusions than are needed
    AGREED = "agreed"  # enough of them support one person
    NO_LEAD = "no_lead"  # enough of them do not
    DISAGREED = "disagreed"  # to be consolidated, or looked at by a third examiner


def current(concluded: Collection[Concluded]) -> list[Concluded]:
    """Return each examiner's last conclusion: the one that no later one of theirs follows.

    Nobody else's conclusion takes the place of theirs, and no control does. Where the rows leave two
    of one person, or go round in a circle, the more careful one counts: one that supports no lead.
    """
    told = [one for one in concluded if not one.control]
    followed = {
        earlier.id for earlier in told if any(_takes_place_of(later, earlier) for later in told)
    }
    last: dict[UUID, Concluded] = {}
    for one in sorted(told, key=lambda c: (c.id in followed, c.concurs, c.at, c.id.int)):
        last.setdefault(one.examiner, one)
    return sorted(last.values(), key=lambda c: (c.at, c.id.int))


def combine(
    concluded: Collection[Concluded], *, waiver: Waiver | None = None, examiners: int = EXAMINERS
) -> Standing:
    """Return how far a candidate is.

    Two must concur; if they do not agree and more are asked, two must and also outnumber those who do
    not concur: of three, two; of four, three. Asking until somebody says yes leads nowhere.

    Args:
        concluded: everything that was recorded about the candidate.
        waiver: the law under which one examiner does.
        examiners: how many must concur, where a policy pack asks for more than two.
    """
    enough = max(examiners, EXAMINERS)
    counted = current(concluded)
    concurring = sum(one.concurs for one in counted)
    if len(counted) < (enough if waiver is None else 1):
        return Standing.OPEN
    if concurring == len(counted) or (concurring >= enough and 2 * concurring > len(counted)):
        return Standing.AGREED
    if concurring == 0 or len(counted) > enough:
        return Standing.NO_LEAD
    return Standing.DISAGREED


def lasting(
    concluded: Collection[Concluded], *, certified_now: Collection[UUID]
) -> list[Concluded]:
    """Return the current conclusions that still count: support lapses with its examiner's certificate.

    What speaks against a lead does not lapse.
    """
    return [one for one in current(concluded) if not one.concurs or one.examiner in certified_now]


def permit_lead(
    concluded: Collection[Concluded],
    *,
    releases: UUID,
    certified_now: Collection[UUID],
    waiver: Waiver | None = None,
    examiners: int = EXAMINERS,
) -> list[Concluded]:
    """Return the conclusions that a lead stands on.

    Args:
        concluded: everything that was recorded about the candidate.
        releases: the supervisor who releases it.
        certified_now: the examiners whose certificate is still in date, and who are not suspended.
        waiver: the law under which one examiner does.
        examiners: how many must concur, where a policy pack asks for more than two.

    Raises:
        LeadNotSupported: fewer distinct, current examiners concur than a lead needs, or the one who
            releases it examined it.
    """
    if releases in {one.examiner for one in concluded}:
        raise LeadNotSupported("Whoever examined a candidate does not release it as a lead.")
    standing = combine(concluded, waiver=waiver, examiners=examiners)
    if standing != Standing.AGREED:
        raise LeadNotSupported(
            why_no_lead(standing, examiners=1 if waiver else max(examiners, EXAMINERS))
        )
    still = lasting(concluded, certified_now=certified_now)
    if combine(still, waiver=waiver, examiners=examiners) != Standing.AGREED:
        raise LeadNotSupported(
            "An examiner on whose conclusion this lead stands is no longer certified. "
            "Ask another examiner to examine it.",
            rule="lead.certificate_lapsed",
        )
    return [one for one in still if one.concurs]


SAID = {
    Standing.OPEN: "A lead needs the conclusions of two examiners, each for themselves.",
    Standing.NO_LEAD: "The examiners do not support that both photos show one person.",
    Standing.DISAGREED: (
        "The examiners disagree. Each can follow their own conclusion, or a third examiner decides; "
        "the search waits for one."
    ),
}
"""Why a candidate of this standing is no lead, where two examine."""

MANY = {2: "two", 3: "three", 4: "four", 5: "five"}
NEXT = {3: "a fourth examiner", 4: "a fifth examiner"}
"""Who decides between so many examiners who disagree; between two, a third."""


def why_no_lead(standing: Standing, *, examiners: int = EXAMINERS) -> str:
    """Return why a candidate of this standing is no lead, where so many examine."""
    if standing == Standing.DISAGREED and examiners > EXAMINERS:
        return SAID[standing].replace("a third examiner", NEXT.get(examiners, "another examiner"))
    if standing != Standing.OPEN:
        return SAID[standing]
    if examiners == 1:
        return "A lead needs the conclusion of an examiner. A law waives the second."
    return f"A lead needs the conclusions of {many(examiners)}, each for themselves."


def many(examiners: int) -> str:
    """Return so many examiners in words."""
    return "an examiner" if examiners == 1 else f"{MANY.get(examiners, examiners)} examiners"


def _takes_place_of(later: Concluded, earlier: Concluded) -> bool:
    """Say whether a conclusion follows an earlier one of the same examiner."""
    return (
        later.follows == earlier.id
        and later.id != earlier.id
        and later.examiner == earlier.examiner
        and later.at >= earlier.at
    )
