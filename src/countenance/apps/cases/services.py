"""Opening cases, who is on them, under which authority, for how many people, and closing them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from uuid import UUID

from countenance import policy
from countenance.apps.agencies.models import Person
from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.queries import reference_index
from countenance.apps.cases.uses import lock_authority, own_open_case
from countenance.apps.records.services import Record, accountable
from countenance.errors import AlreadyExists, InputError, ReasonMissing, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

CASE_LASTS = timedelta(days=365)
"""How long a case stays open if nobody says otherwise."""


@accountable(Action.CASE_OPENED, deed=Deed.CASE_OPEN)
def open_case(
    actor: Actor,
    record: Record,
    *,
    reference: str,
    purpose: str,
    reason: str,
    authority: Authority | None = None,
    expires_on: date | None = None,
    members: Collection[UUID] = (),
    tools: Tools,
) -> Case:
    """Open a case under a reference of the agency's own.

    Without an authority it can be prepared; nothing is searched for it until `set_authority`.

    Raises:
        InputError: reference or purpose is missing, its last day is over, a member is not of the agency.
        ReasonMissing: the reason is empty or vague.
        AlreadyExists: the reference is taken.
        NotPermitted: the authority is another agency's, was refused or taken back, has ended or is spent.
    """
    reference, purpose, reason = reference.strip(), purpose.strip(), reason.strip()
    record.note(reference=reference, purpose=purpose, reason=reason)
    if not reference or not purpose:
        raise InputError("A case needs a reference and a purpose.")
    policy.permit_reason(reason)
    now = tools.clock()
    expires_on = expires_on or now.date() + CASE_LASTS
    if expires_on < now.date():
        raise InputError("The last day of a case cannot be over.")
    index = reference_index(actor, reference, tools=tools)
    if Case.objects.filter(agency_id=actor.agency, reference_index=index).exists():
        raise AlreadyExists("A case with this reference is already there.")
    case = Case(
        agency_id=actor.agency,
        reference=reference,
        reference_index=index,
        purpose=purpose,
        reason=reason,
        opened_by_id=actor.person,
        opened_at=now,
        members=_checked_members(actor, members, besides=actor.person),
    )
    case.set_standing(
        expires_on=expires_on.isoformat(),
        authority=None if authority is None else _usable(actor, authority, today=now.date()),
    )
    case.save(force_insert=True)
    record.note(
        about=case.pk, members=case.members, authority=case.authority_id, expires_on=expires_on
    )
    return case


@accountable(Action.CASE_AUTHORISED, deed=Deed.CASE_OPEN)
def set_authority(
    actor: Actor, record: Record, *, case: Case, authority: Authority, tools: Tools
) -> Case:
    """Put an open case under another authority; searches count towards that one from now on.

    Raises:
        NotPermitted: the case is closed or not the actor's, or the authority cannot be used.
    """
    record.note(about=case.pk, authority=authority.pk)
    today = tools.clock().date()
    case = own_open_case(actor, case, today=today)
    case.set_standing(authority=_usable(actor, authority, today=today))
    case.save()
    return case


@accountable(Action.CASE_MEMBERS_CHANGED, deed=Deed.CASE_MEMBERS)
def change_members(
    actor: Actor, record: Record, *, case: Case, members: Collection[UUID], tools: Tools
) -> Case:
    """Say anew who may see an open case besides its investigator.

    Raises:
        InputError: somebody is not of the agency.
        NotPermitted: the case is closed, or the actor neither opened it nor is a supervisor.
    """
    record.note(about=case.pk)
    case = own_open_case(actor, case, today=tools.clock().date())
    policy.permit_case_lead(actor, case.facts)
    before = {str(one) for one in case.member_ids}
    case.members = _checked_members(actor, members, besides=case.opened_by_id)
    case.save()
    after = set(case.members)
    record.note(added=sorted(after - before), removed=sorted(before - after))
    return case


@accountable(Action.CASE_CLOSED, deed=Deed.CASE_CLOSE)
def close_case(actor: Actor, record: Record, *, case: Case, reason: str, tools: Tools) -> Case:
    """Close a case for good; no search runs for it any more.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it is closed already.
        NotPermitted: it is another agency's, or the actor neither opened it nor is a supervisor.
    """
    record.note(about=case.pk, reason=reason)
    policy.permit_own(actor, case.agency_id)
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    policy.permit_case_lead(actor, case.facts)
    if not reason.strip():
        raise ReasonMissing("Say in words why the case is closed.")
    if case.closed_at is not None:
        raise WrongState("The case is closed already.")
    case.closed_at, case.closing_reason = tools.clock(), reason.strip()
    case.set_standing(closed=True, closed_at=case.closed_at.isoformat())
    case.save()
    return case


def _usable(actor: Actor, authority: Authority, *, today: date) -> str:
    """Return the id of an authority under which a case can be put."""
    policy.permit_own(actor, authority.agency_id)
    authority = lock_authority(authority.pk)
    policy.permit_authority(actor, authority.facts, (), today=today)
    return str(authority.pk)


def _checked_members(actor: Actor, members: Collection[UUID], *, besides: UUID) -> list[str]:
    wanted = set(members) - {besides}
    known = Person.objects.filter(agency_id=actor.agency, pk__in=wanted, is_active=True)
    if known.count() != len(wanted):
        raise InputError("Somebody of these is not a person of your agency who can sign in.")
    return sorted(str(one) for one in wanted)
