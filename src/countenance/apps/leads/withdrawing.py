"""Withdrawing a lead on which nobody is to act any more."""

from __future__ import annotations

from uuid import UUID

from countenance.apps.examinations.permits import facts_of
from countenance.apps.leads.locking import open_lead
from countenance.apps.leads.models import Lead
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import InputError, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.examining import permit_withdraw
from countenance.tools import Tools

LONGEST_REASON = 2000
LOST_REASON = "It was withdrawn after the backup from which this deployment was restored; by whom and why is lost."


@accountable(Action.LEAD_WITHDRAWN, deed=Deed.LEAD_WITHDRAW)
def withdraw_lead(actor: Actor, record: Record, *, lead: Lead, reason: str, tools: Tools) -> Lead:
    """Withdraw a lead: nobody is to act on it any more, its photo does not leave, and it says so first.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it is withdrawn already.
        SamePerson, SearchFrozen, NotPermitted: recorded.
        InputError: the reason is too long.
    """
    locked = open_lead(actor, record, lead, tools=tools)
    now, said = tools.clock(), reason.strip()
    if locked.withdrawn is not None:
        raise WrongState("This lead is withdrawn already.")
    permit = permit_withdraw(actor, facts_of(locked.search, today=now.date()), reason=said)
    if len(said) > LONGEST_REASON:
        raise InputError(f"A reason has at most {LONGEST_REASON:,} characters.")
    locked.withdrawn_at = now
    locked.withdrawn = {"reason": said, "by": str(actor.person), "at": now.isoformat()}
    locked.save(update_fields=("withdrawn", "withdrawn_at"))
    record.note(rule=permit.rule, reason=said)
    return locked


@accountable(Action.LEAD_WITHDRAWN, deed=Deed.SET_UP)
def withdraw_lost(actor: Actor, record: Record, *, lead: Lead, tools: Tools) -> None:
    """Withdraw a lead of a backup that was withdrawn since; by whom and why is lost."""
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    now = tools.clock()
    locked.withdrawn_at = now
    locked.withdrawn = {"reason": LOST_REASON, "by": None, "at": now.isoformat()}
    locked.save(update_fields=("withdrawn", "withdrawn_at"))
    record.note(about=locked.pk, case=locked.case_id, reason=LOST_REASON)


@composed_of(withdraw_lost)
def withdraw_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Withdraw the lead of this id again, if it is there and says anything; return how many were withdrawn."""
    rows = Lead.objects.filter(pk=about, withdrawn_at=None).exclude(object_key=None)
    for lead in rows:
        withdraw_lost(actor, lead=lead, tools=tools)
    return len(rows)
