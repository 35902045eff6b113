"""Withdrawing a lead on which nobody is to act any more."""

from __future__ import annotations

from countenance.apps.examinations.permits import facts_of
from countenance.apps.leads.locking import open_lead
from countenance.apps.leads.models import Lead
from countenance.apps.records.services import Record, accountable
from countenance.errors import InputError, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.examining import permit_withdraw
from countenance.tools import Tools

LONGEST_REASON = 2000


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
