"""The legal hold: while it is on, no clock destroys anything of a case."""

from __future__ import annotations

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.records.services import Record, accountable
from countenance.errors import ReasonMissing, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.CASE_HELD, deed=Deed.CASE_HOLD)
def hold_case(actor: Actor, record: Record, *, case: Case, reason: str, tools: Tools) -> Case:
    """Keep everything of a case, open or closed, until the hold is lifted.

    Raises:
        ReasonMissing: it is not said why.
        WrongState: a hold is on already.
        NotPermitted: the case is another agency's, or the actor is no supervisor.
    """
    record.note(about=case.pk, reason=reason.strip())
    case = _locked(actor, case)
    if case.hold is not None:
        raise WrongState("A legal hold is on already.")
    if not reason.strip():
        raise ReasonMissing("Say in words why everything of this case must be kept.")
    case.set_standing(
        hold={
            "by": str(actor.person),
            "at": tools.clock().isoformat(),
            "reason": reason.strip(),
        }
    )
    case.save(update_fields=("standing",))
    return case


@accountable(Action.CASE_RELEASED, deed=Deed.CASE_HOLD)
def release_case(actor: Actor, record: Record, *, case: Case, reason: str, tools: Tools) -> Case:
    """Lift the legal hold of a case; what is overdue by then is destroyed at the clock's next turn.

    Raises:
        ReasonMissing: it is not said why.
        WrongState: no hold is on.
        NotPermitted: the case is another agency's, or the actor is no supervisor.
    """
    record.note(about=case.pk, reason=reason.strip())
    case = _locked(actor, case)
    if case.hold is None:
        raise WrongState("No legal hold is on.")
    if not reason.strip():
        raise ReasonMissing("Say in words why the hold is lifted.")
    record.note(held_since=case.hold["at"], held_by=case.hold["by"])
    case.set_standing(hold=None)
    case.save(update_fields=("standing",))
    return case


def _locked(actor: Actor, case: Case) -> Case:
    policy.permit_own(actor, case.agency_id)
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    policy.permit_case_lead(actor, case.facts)
    return case
