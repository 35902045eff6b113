"""Exporting the ledger: its bodies say who did what and why, so a second person approves those."""

from __future__ import annotations

from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.services import ask
from countenance.apps.approvals.using import use_approval
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

WITH_BODIES = {"what": "ledger", "bodies": True}
SUMMARY = "Export the ledger with the bodies of this agency's entries: who did what, and why."


@accountable(Action.LEDGER_EXPORTED, deed=Deed.LEDGER_EXPORT)
def note_export(
    actor: Actor, record: Record, *, size: int, bodies: bool = False, tools: Tools
) -> None:
    """Record that the ledger was exported up to this size; with bodies only if it was approved.

    Raises:
        ApprovalNeeded: nobody approved that the bodies leave the house.
    """
    record.note(size=size, bodies=bodies)
    if bodies:
        use_approval(
            actor,
            record,
            kind=ApprovalKind.EXPORT,
            subject=actor.agency,
            payload=WITH_BODIES,
            tools=tools,
        )


@composed_of(ask)
def ask_for_bodies(actor: Actor, *, reason: str, tools: Tools) -> Approval:
    """Ask a second person to let the bodies of the agency's own entries be exported.

    Raises:
        ReasonMissing: the reason is vague.
        RoleMissing: the actor's roles do not ask for this.
    """
    return ask(
        actor,
        kind=ApprovalKind.EXPORT,
        subject=actor.agency,
        summary=SUMMARY,
        payload=WITH_BODIES,
        reason=reason,
        tools=tools,
    )
