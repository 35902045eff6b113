"""Taking back, after a restore, every request and approval of a backup that may have been refused or used since.

Who may do that is not asked: what was decided or used since is in the lost bodies, and is asked for again.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from countenance.apps.approvals.models import Approval
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import KeyUnavailable, SealBroken
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.approvals import KINDS, ApprovalKind
from countenance.tools import Tools

_ONCE = [str(kind) for kind, rule in KINDS.items() if rule.uses == 1]


@accountable(Action.APPROVAL_WITHDRAWN, deed=Deed.SET_UP)
def withdraw_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    approval: Approval,
    tools: Tools,
) -> None:
    """Take back a request or an approval of a backup."""
    approval = Approval.objects.select_for_update(no_key=True).get(pk=approval.pk)
    record.note(about=approval.pk, restored=True)
    record.agency = approval.agency_id
    approval.withdrawn_at = tools.clock()
    if approval.decided_at is not None:
        # Sealed as well, so that nobody who writes to the database makes it good for one more use.
        approval.uses, approval.used = 1, {"times": 1}
    approval.save(update_fields=("withdrawn_at", "uses", "used"))


@composed_of(withdraw_lost)
def withdraw_open(actor: Actor, *, since: datetime, failed: list[str], tools: Tools) -> int:
    """Take back what waited for its decision, or for its only use, when a backup was made; return how many.

    Since then it may have been refused or used. What can be used again and again until it ends stays, and so does
    broken glass, which ends by itself within hours and still has to be reviewed.

    Args:
        actor: the system.
        since: when the backup was made; what had ended by then is over.
        failed: given the ids of those whose agency's key does not open, because somebody altered them or it.
        tools: all keys.
    """
    waiting = Q(decided_at=None, expires_at__gt=since)
    unused = Q(uses=0, kind__in=_ONCE, usable_until__gt=since)
    rows = (
        Approval.objects.filter(waiting | unused, withdrawn_at=None)
        .exclude(kind=str(ApprovalKind.BREAK_GLASS))
        .order_by("pk")
    )
    done = 0
    for approval in rows:
        try:
            withdraw_lost(actor, approval=approval, tools=tools)
        except (KeyUnavailable, SealBroken):
            failed.append(str(approval.pk))
        else:
            done += 1
    return done
