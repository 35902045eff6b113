"""Using an approval: called by services inside their own transaction, so that both happen or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance.apps.approvals import queries
from countenance.apps.approvals.models import Approval
from countenance.apps.records.services import Record
from countenance.errors import ApprovalNeeded
from countenance.policy import Actor
from countenance.policy import approvals as rules
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools


def use_approval(
    actor: Actor,
    record: Record,
    *,
    kind: ApprovalKind,
    subject: UUID,
    payload: Mapping[str, Any] | None = None,
    tools: Tools,
) -> Approval:
    """Use an approval for exactly this, count the use, and return it.

    Args:
        actor: who carries out what was approved; of the agency that approved it.
        record: of the calling service; it notes which approval was used, and who decided it.
        kind: what for.
        subject: the row that it is about.
        payload: exactly what is done; it must be what was approved, to the letter.
        tools: the clock.

    Raises:
        ApprovalNeeded: nobody approved this, or it has ended or was used; the sentence says which.
        TamperDetected: the row was changed in the database.
    """
    now = tools.clock()
    # Locked before they are judged: of two uses at the same moment the second sees the first.
    rows = queries.about(actor.agency, kind, subject).select_for_update(no_key=True)
    asked = [row for row in rows if queries.is_exactly(row, payload)]
    for approval in asked:
        facts = approval.facts
        if rules.why_not_usable(facts, now=now):
            continue
        rules.permit_use(actor, facts, now=now)
        approval.uses = facts.uses + 1
        approval.used = {"times": approval.uses}
        approval.save(update_fields=("uses", "used"))
        record.note(approval=approval.pk, asked_by=facts.asked_by, approved_by=facts.decided_by)
        return approval
    if asked:
        # The newest one says why there is none.
        rules.permit_use(actor, asked[0].facts, now=now)
    raise ApprovalNeeded(
        f"{rules.KINDS[kind].words}: nobody has approved exactly this. {rules.way_out(kind)}",
        rule=rules.rule_of(kind),
    )
