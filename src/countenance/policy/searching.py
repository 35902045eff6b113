"""Rules of asking for a search and of how many there are; pure, like the others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from countenance.errors import NotPermitted, QuotaSpent, UnrelatedFace
from countenance.policy.people import Actor, Permit


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How many searches are made at most.

    Attributes:
        person_a_day: by one person since midnight, UTC.
        case: in one case.
        agency_a_day: by all of an agency's people since midnight, UTC.
    """

    person_a_day: int = 50
    case: int = 100
    agency_a_day: int = 500


def permit_asker(actor: Actor, asked_by: UUID) -> Permit:
    """Permit whoever asked for something to take it back.

    Raises:
        NotPermitted: somebody else asked.
    """
    if actor.person != asked_by:
        raise NotPermitted(
            "Somebody else asked for this. An examiner or a supervisor can decline it.",
            rule="request.own_only",
        )
    return Permit(rule="request.own_only")


def permit_proposer(actor: Actor, proposed_by: UUID) -> Permit:
    """Permit whoever proposed an authority to add to it.

    Raises:
        NotPermitted: somebody else proposed it.
    """
    if actor.person != proposed_by:
        raise NotPermitted(
            "Only whoever proposed this authority adds its document. Ask them, or propose another one.",
            rule="authority.proposer",
        )
    return Permit(rule="authority.proposer")


def permit_wished(galleries: Collection[UUID], *, wished: Collection[UUID]) -> Permit:
    """Permit the galleries that the investigator asked for, and no others.

    Raises:
        NotPermitted: one was not asked for.
    """
    if not set(galleries) <= set(wished):
        raise NotPermitted(
            "The investigator did not ask for one of these galleries. Leave it out, or have them ask again.",
            rule="search.asked_galleries",
        )
    return Permit(rule="search.asked_galleries")


def permit_quotas(quotas: Quotas, *, by_person: int, in_case: int, by_agency: int) -> Permit:
    """Permit one search more.

    Raises:
        QuotaSpent: a person or an agency has had all of today's, or a case all of its own.
    """
    if by_person >= quotas.person_a_day:
        raise QuotaSpent(
            f"You have run all {quotas.person_a_day} searches that one person runs a day. "
            "Go on after midnight, UTC, or ask another examiner.",
            rule="quota.person",
        )
    if in_case >= quotas.case:
        raise QuotaSpent(
            f"All {quotas.case} searches of one case have been run. Close it, and open another one.",
            rule="quota.case",
        )
    if by_agency >= quotas.agency_a_day:
        raise QuotaSpent(
            f"Your agency has run all {quotas.agency_a_day} searches of a day. Go on after midnight, UTC.",
            rule="quota.agency",
        )
    return Permit(rule="quota")


def permit_people(found: int, *, about: int) -> Permit:
    """Permit a search as long as the faces of a case are of no more people than it is about.

    Raises:
        UnrelatedFace: they are of more.
    """
    if found > max(about, 1):
        people = "one person" if about <= 1 else f"{about} people"
        raise UnrelatedFace(
            f"This case is about {people}, and this face is somebody else's. "
            "Open a case for them, or have a supervisor widen this one.",
            rule="case.people",
        )
    return Permit(rule="case.people")
