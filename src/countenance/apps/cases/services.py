"""Opening and closing cases."""

from __future__ import annotations

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.cases.queries import reference_index
from countenance.apps.records.services import Record, accountable
from countenance.errors import AlreadyExists, InputError, ReasonMissing, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.CASE_OPENED, deed=Deed.CASE_OPEN)
def open_case(
    actor: Actor, record: Record, *, reference: str, purpose: str, reason: str, tools: Tools
) -> Case:
    """Open a case under a reference of the agency's own.

    Raises:
        InputError: reference, purpose or reason is missing.
        AlreadyExists: the reference is taken.
    """
    reference, purpose, reason = reference.strip(), purpose.strip(), reason.strip()
    if not reference or not purpose:
        raise InputError("A case needs a reference and a purpose.")
    if not reason:
        raise ReasonMissing("Say in words why the case is opened; your oversight body reads it.")
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
        opened_at=tools.clock(),
    )
    case.save(force_insert=True)
    record.note(about=case.pk, reference=reference, purpose=purpose, reason=reason)
    return case


@accountable(Action.CASE_CLOSED, deed=Deed.CASE_CLOSE)
def close_case(actor: Actor, record: Record, *, case: Case, reason: str, tools: Tools) -> Case:
    """Close a case for good; no search runs for it any more.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it is closed already.
        NotPermitted: it is another agency's.
    """
    record.note(about=case.pk, reason=reason)
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    policy.permit_own(actor, case.agency_id)
    if not reason.strip():
        raise ReasonMissing("Say in words why the case is closed.")
    if case.closed_at is not None:
        raise WrongState("The case is closed already.")
    case.closed_at, case.closing_reason = tools.clock(), reason.strip()
    case.save()
    return case
