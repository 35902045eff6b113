"""`countenance case`: what searches are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import NotFound
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.cases.models import Case

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="The case's reference in your files.")
]


@shown_with(
    'countenance case open MP-17 --purpose "missing person" --reason "reported on 3 May"',
    deed=Deed.CASE_OPEN,
)
def open_(
    reference: Reference,
    purpose: Annotated[str, typer.Option(help="What the case is about.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Open a case."""
    with unsealed() as session:
        from countenance.apps.cases import services

        case = services.open_case(
            session.actor, reference=reference, purpose=purpose, reason=reason, tools=session.tools
        )
        output.result(described(case), f"Opened the case {case.reference}.")


@shown_with("countenance case list", deed=Deed.CASE_READ)
def list_(as_json: AsJson = False) -> None:
    """List the cases, newest first."""
    with unsealed() as session:
        from countenance.apps.cases import queries

        cases = [described(case) for case in queries.cases(session.actor)]
    rows = [
        (c["reference"], c["purpose"], c["opened_at"][:10], "closed" if c["closed"] else "open")
        for c in cases
    ]
    output.result({"cases": cases}, output.table("", ("Case", "Purpose", "Opened", "State"), rows))


@shown_with('countenance case close MP-17 --reason "found"', deed=Deed.CASE_CLOSE)
def close(reference: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Close a case for good; it allows no more searches."""
    with unsealed() as session:
        from countenance.apps.cases import queries, services

        case = queries.case_by_reference(session.actor, reference, tools=session.tools)
        if case is None:
            raise NotFound(
                "There is no case with this reference. `countenance case list` shows all."
            )
        case = services.close_case(session.actor, case=case, reason=reason, tools=session.tools)
        output.result(described(case), f"Closed the case {case.reference}.")


def described(case: Case) -> dict[str, Any]:
    """Return a case as an object for `--json`."""
    return {
        "id": str(case.pk),
        "reference": case.reference,
        "purpose": case.purpose,
        "reason": case.reason,
        "opened_at": case.opened_at.isoformat(),
        "closed": case.closed_at is not None,
    }


COMMANDS: Commands = {"open": open_, "list": list_, "close": close}
