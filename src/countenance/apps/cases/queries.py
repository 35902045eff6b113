"""Reading authorities and cases; who sees a case is decided here and, again, by policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from countenance.apps.agencies.models import Person
from countenance.apps.approvals.queries import glass_until
from countenance.apps.cases.models import Authority, Case
from countenance.errors import NotFound, NotPermitted
from countenance.policy import (
    Actor,
    CaseFacts,
    Deed,
    may,
    permit_case_member,
    sees_every_case,
)
from countenance.tools import Tools


def reference_index(actor: Actor, reference: str, *, tools: Tools) -> bytes:
    """Return the blind index of a case reference within the agency."""
    return tools.keyring.blind_index(
        reference.strip(), purpose="case.reference", agency=actor.agency
    )


def cases(actor: Actor) -> QuerySet[Case]:
    """Return the cases that the actor sees, newest first; slice it.

    Examiners, supervisors and auditors see all of the agency, investigators those that they opened or
    are a member of, everybody else none.
    """
    found = Case.objects.filter(agency_id=actor.agency)
    if not may(actor, Deed.CASE_READ):
        found = found.none()
    elif not sees_every_case(actor):
        found = found.filter(Q(opened_by_id=actor.person) | Q(pk__in=_member_of(actor)))
    return found.select_related("opened_by", "authority").order_by("-opened_at", "pk")


def _member_of(actor: Actor) -> list[UUID]:
    """Return the cases that name the actor as a member; who is one is sealed, so each is opened."""
    rows = Case.objects.filter(agency_id=actor.agency, members__isnull=False)
    return [
        case.pk
        for case in rows.only("agency_id", "members").iterator()
        if actor.person in case.member_ids
    ]


def case(actor: Actor, case_id: UUID) -> Case:
    """Return one case.

    Raises:
        NotFound: there is none, or it is not the actor's to see.
    """
    return _seen(actor, Case.objects.filter(agency_id=actor.agency, pk=case_id))


def case_by_reference(actor: Actor, reference: str, *, tools: Tools) -> Case | None:
    """Return the case of this reference, if there is one that the actor sees."""
    index = reference_index(actor, reference, tools=tools)
    try:
        return _seen(actor, Case.objects.filter(agency_id=actor.agency, reference_index=index))
    except NotFound:
        return None


def _seen(actor: Actor, rows: QuerySet[Case]) -> Case:
    found = rows.select_related("opened_by", "authority").first()
    if found is None or not sees(actor, found):
        raise NotFound("There is no such case, or it is not yours to see.")
    return found


def sees(actor: Actor, case: Case) -> bool:
    """Say whether the actor sees a case, and with it its evidence, requests and searches."""
    if not may(actor, Deed.CASE_READ):
        return False
    try:
        permit_case_member(actor, case.facts)
    except NotPermitted:
        return False
    return True


def reference_of(actor: Actor, case_id: UUID) -> str:
    """Return the reference of a case that the actor sees.

    Raises:
        NotFound: there is none, or it is not the actor's to see.
    """
    return str(case(actor, case_id).reference)


def named_in(actor: Actor, _subject: UUID, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return in words for which case an approval is asked.

    Raises:
        NotFound: there is none, or it is not the actor's to see.
        KeyError, ValueError, TypeError, AttributeError: the payload names no case, or more than that.
    """
    (said,) = payload.items()
    one = case(actor, UUID(dict([said])["case"]))
    over = " (closed)" if one.closed_at is not None else ""
    return [("Case", f"{one.reference}{over}"), ("Purpose", one.purpose)]


def facts_of(case: Case, *, now: datetime) -> CaseFacts:
    """Return what policy needs to know of a case, with the glass that a supervisor broke for it."""
    return replace(case.facts, glass_until=glass_until(case.pk, now, agency=case.agency_id))


def authorities(actor: Actor) -> QuerySet[Authority]:
    """Return the agency's authorities, newest first; slice it."""
    found = Authority.objects.filter(agency_id=actor.agency)
    if not may(actor, Deed.AUTHORITY_READ):
        found = found.none()
    return found.select_related("proposed_by", "decided_by").order_by("-proposed_at", "pk")


def authority(actor: Actor, authority_id: UUID) -> Authority:
    """Return one authority.

    Raises:
        NotFound: there is none, or it is another agency's.
    """
    found = authorities(actor).filter(pk=authority_id).first()
    if found is None:
        raise NotFound("There is no such authority.")
    found.check_links()
    return found


def usable_authorities(actor: Actor, *, tools: Tools) -> list[Authority]:
    """Return the authorities under which a case can be put now: granted, or still waiting."""
    today = tools.clock().date()
    rows = authorities(actor).filter(expires_on__gte=today, revoked_at=None, agency_id=actor.agency)
    return [one for one in rows if not one.standing["refused"] and one.left > 0]


def people_named(ids: Iterable[UUID], actor: Actor) -> list[Person]:
    """Return people of the agency by their ids, by name."""
    found = Person.objects.filter(agency_id=actor.agency, pk__in=list(ids))
    return sorted(found, key=lambda person: (person.name.casefold(), person.pk))


def possible_members(actor: Actor) -> list[Person]:
    """Return the people of the agency who can work on cases, by name."""
    found = Person.objects.filter(agency_id=actor.agency, is_active=True)
    able = [one for one in found if not one.suspended and may(one.actor, Deed.CASE_READ)]
    return sorted(able, key=lambda person: (person.name.casefold(), person.pk))
