"""`countenance inbox`: what waits on whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import unsealed
from countenance.policy import Deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from countenance.apps.records.waiting import Waiting


@shown_with("countenance inbox", "countenance inbox --json", deed=Deed.INBOX_READ)
def inbox(as_json: AsJson = False) -> None:
    """Show what waits on you and since when, what of yours waits on others, and what was answered lately."""
    with unsealed() as session:
        from countenance.apps.records import waiting

        found = waiting.inbox(session.actor, tools=session.tools)
    value = {
        "waiting_on_you": [_described(one) for one in found.on_you],
        "waiting_on_others": [_described(one) | {"whose": one.whose} for one in found.on_others],
        "answered": [_described(one) for one in found.answered],
        "unreadable": found.unreadable,
    }
    lines: list[RenderableType] = []
    if found.unreadable:
        lines.append(
            "A record that may wait on you was changed in the database. Tell your custodian."
        )
    if not found.on_you:
        lines.append("Nothing waits on you.")
    lines += _table("Waiting on you", found.on_you)
    lines += _table("Waiting on others", found.on_others, whose=True)
    lines += _table("Answered lately", found.answered)
    output.result(value, *lines)


def _table(title: str, things: Sequence[Waiting], *, whose: bool = False) -> list[RenderableType]:
    if not things:
        return []
    columns = ("Since", "What", "Whose step" if whose else "")
    rows = [
        (f"{one.since:%Y-%m-%d %H:%M}", one.what, one.whose if whose else _urgent(one))
        for one in things
    ]
    return [output.table(title, columns, rows)]


def _urgent(one: Waiting) -> str:
    return "urgent" if one.urgent else ""


def _described(one: Waiting) -> dict[str, Any]:
    return {
        "what": one.what,
        "since": one.since.isoformat(),
        "address": one.href,
        "urgent": one.urgent,
    }
