"""Erasing a closed case before its time: a supervisor asks for it, a second person approves, and it is done at once.

What is destroyed, and how, is what the clocks of closed cases destroy (`retention`). The order stands in the
case, so that the clock finishes what a stop interrupts.
"""

from __future__ import annotations

from countenance import policy
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.services import ask
from countenance.apps.approvals.using import use_approval
from countenance.apps.cases.models import Case
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.erasable import KIND, erasing, permit_erasing
from countenance.apps.searches.retention import purge_ended_evidence, purge_ended_results
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools


@composed_of(ask)
def ask_to_erase(actor: Actor, *, case: Case, reason: str, tools: Tools) -> Approval:
    """Ask a second person to let a closed case be erased before its time.

    Raises:
        ReasonMissing: the reason is vague.
        RoleMissing: the actor is no supervisor.
        NotPermitted: it is open, held or still needed.
        WrongState: it is erased already, nothing of it is left, or it was asked for already.
    """
    return ask(
        actor,
        kind=KIND,
        subject=case.pk,
        summary=f"Erase case {case.reference} before its time.",
        payload=erasing(case.pk),
        reason=reason,
        tools=tools,
    )


@accountable(Action.CASE_ERASURE_ORDERED, deed=Deed.CASE_ERASE)
def order_erasure(actor: Actor, record: Record, *, case: Case, tools: Tools) -> Case:
    """Say in a closed case that all there is of it is destroyed from now on, as a second person approved.

    Raises:
        ApprovalNeeded: nobody approved exactly this, or it was used.
        NotPermitted: the case is open, held, still needed, or another agency's.
        WrongState: it is erased already, or nothing of it is left.
    """
    record.note(about=case.pk)
    policy.permit_own(actor, case.agency_id)
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    policy.permit_case_lead(actor, case.facts)
    permit_erasing(case, tools=tools)
    approval = use_approval(
        actor, record, kind=KIND, subject=case.pk, payload=erasing(case.pk), tools=tools
    )
    decision = approval.decision or {}
    case.set_standing(
        erasure={
            "by": str(actor.person),
            "at": tools.clock().isoformat(),
            "reason": approval.reason,
            "asked_by": str(approval.asked_by),
            "asked_at": approval.asked_at.isoformat(),
            "approved_by": decision["decided_by"],
            "approved_at": decision["decided_at"],
        }
    )
    case.save(update_fields=("standing", "erase_from"))
    record.note(reason=approval.reason)
    return case


@composed_of(order_erasure, purge_ended_results, purge_ended_evidence)
def erase_case(actor: Actor, *, case: Case, tools: Tools) -> Case:
    """Order the erasure of a case and destroy everything of it right away; a stop leaves the rest to the clock.

    Raises:
        ApprovalNeeded, NotPermitted, WrongState: as `order_erasure`.
        SealBroken: of something that somebody altered; all else had its turn.
    """
    case = order_erasure(actor, case=case, tools=tools)
    # By the program, as the clock would: however many searches there are, the proof of who ordered it does
    # not run out halfway.
    try:
        purge_ended_results(SYSTEM, case=case, tools=tools)
    finally:
        purge_ended_evidence(SYSTEM, case=case, tools=tools)
    return case
