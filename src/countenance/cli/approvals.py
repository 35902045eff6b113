"""`countenance approval`: what waits for a second person. Deciding is done in the web app only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError
from countenance.policy import Deed
from countenance.policy import approvals as rules
from countenance.policy.approvals import KINDS, ApprovalKind

if TYPE_CHECKING:
    from datetime import datetime

    from countenance.apps.approvals.models import Approval

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The request's id, as `list` shows it.")]
MANY = 200


@shown_with("countenance approval list", deed=Deed.APPROVAL_READ)
def list_(as_json: AsJson = False) -> None:
    """List the requests that you may read, newest first.

    No token approves or refuses: sign in to the web app and open “Approvals” for that.
    """
    with unsealed() as session:
        from countenance.apps.approvals import queries

        now = session.tools.clock()
        mine = set(queries.waiting_on(session.actor, now=now).values_list("pk", flat=True))
        found = queries.approvals(session.actor)[:MANY]
        requests = [described(one, now=now) | {"waits_on_you": one.pk in mine} for one in found]
    rows = [
        (r["id"], r["about"], r["asked_at"][:10], r["state"] + _on_you(r["waits_on_you"]))
        for r in requests
    ]
    shown = output.table("", ("Request", "What", "Asked", "State"), rows)
    output.result({"approvals": requests}, shown)


@shown_with(
    "countenance approval show 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11", deed=Deed.APPROVAL_READ
)
def show(approval: Id, as_json: AsJson = False) -> None:
    """Show one request: what, why, exactly what it allows, and how it stands.

    No token approves or refuses: sign in to the web app for that.
    """
    with unsealed() as session:
        from countenance.apps.approvals import effects, queries

        one = queries.approval(session.actor, approval)
        facts = one.facts
        value = described(one, now=session.tools.clock())
        exactly = effects.payload_words(session.actor, facts.kind, facts.subject, one.payload)
    rows = [
        ("What", value["about"]),
        ("In words", value["summary"]),
        *exactly,
        ("Reason", value["reason"]),
        ("Decided by", rules.listed(KINDS[facts.kind].decide) + " who is somebody else"),
        ("State", value["state"]),
    ]
    output.result(value, output.table("", ("", ""), rows))


@shown_with(
    "countenance approval ask large_enrolment 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11 "
    '--summary "Enrol the archive of 2019" --reason "The archive came as one delivery on 3 May"',
    deed=Deed.APPROVAL_ASK,
)
def ask(
    kind: Annotated[ApprovalKind, typer.Argument(help="What for.")],
    subject: Annotated[UUID, typer.Argument(help="The id of what it is about.")],
    summary: Annotated[str, typer.Option(help="What is asked for, in one sentence.")],
    reason: Reason,
    payload: Annotated[
        str,
        typer.Option(help="Exactly what is to be allowed, as a JSON object; used to the letter."),
    ] = "{}",
    as_json: AsJson = False,
) -> None:
    """Ask for another person's approval.

    Somebody else approves or refuses it in the web app; no token does.
    """
    with unsealed() as session:
        from countenance.apps.approvals import services

        one = services.ask(
            session.actor,
            kind=kind,
            subject=subject,
            summary=summary,
            payload=_object(payload),
            reason=reason,
            tools=session.tools,
        )
        value = described(one, now=session.tools.clock())
    said = f"Asked: request {value['id']}. {rules.way_out(kind)}"
    output.result(value, said)


@shown_with(
    "countenance approval withdraw 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11", deed=Deed.APPROVAL_ASK
)
def withdraw(approval: Id, as_json: AsJson = False) -> None:
    """Take back a request of yours that nobody has decided."""
    with unsealed() as session:
        from countenance.apps.approvals import queries, services

        one = queries.approval(session.actor, approval)
        one = services.withdraw(session.actor, approval=one, tools=session.tools)
        value = described(one, now=session.tools.clock())
    output.result(value, f"Withdrew the request {value['id']}.")


def described(one: Approval, *, now: datetime) -> dict[str, Any]:
    """Return a request as an object for `--json`."""
    facts = one.facts
    until = facts.usable_until
    return {
        "id": str(one.pk),
        "kind": str(facts.kind),
        "about": KINDS[facts.kind].words,
        "subject": str(facts.subject),
        "summary": one.summary,
        "reason": one.reason,
        "payload": dict(one.payload),
        "asked_at": one.asked_at.isoformat(),
        "decide_by": facts.expires_at.isoformat(),
        "usable_until": None if until is None else until.isoformat(),
        "uses": facts.uses,
        "state": rules.state_words(facts, now=now),
    }


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError("The payload is not a JSON object.")
    return value


def _on_you(waits: object) -> str:
    return ", on you" if waits else ""


COMMANDS: Commands = {"list": list_, "show": show, "ask": ask, "withdraw": withdraw}
