"""Letting a case be about more people than it was opened for, once a supervisor approved that."""

from __future__ import annotations

from countenance.apps.approvals.using import use_approval
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import own_open_case
from countenance.apps.records.services import Record, accountable
from countenance.errors import InputError
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

MOST_PEOPLE = 50


@accountable(Action.CASE_WIDENED, deed=Deed.CASE_WIDEN)
def widen_case(actor: Actor, record: Record, *, case: Case, tools: Tools) -> Case:
    """Let a case be about one person more, as a supervisor approved it.

    Raises:
        ApprovalNeeded: no supervisor approved exactly this.
        InputError: it is about very many people already.
        NotPermitted: the case is closed or not the actor's.
    """
    record.note(about=case.pk)
    case = own_open_case(actor, case, today=tools.clock().date())
    people = case.people + 1
    if people > MOST_PEOPLE:
        raise InputError(f"A case is about {MOST_PEOPLE} people at most. Open another case.")
    use_approval(
        actor,
        record,
        kind=ApprovalKind.CASE_WIDENING,
        subject=case.pk,
        payload=widening(case),
        tools=tools,
    )
    case.set_standing(people=people)
    case.save()
    record.note(people=people)
    return case


def widening(case: Case) -> dict[str, object]:
    """Return what a supervisor approves when a case is widened to one person more."""
    return {"people": case.people + 1}


widening.accountable = ()  # type: ignore[attr-defined] # it only reads
