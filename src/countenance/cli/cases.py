"""`countenance case`: what searches are for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import authorities, output
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import Session, unsealed
from countenance.errors import NotFound
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.cases.models import Case

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="The case's reference in your files.")
]
Members = Annotated[
    list[str] | None,
    typer.Option("--member", help="E-mail address of somebody who may see it; repeat for more."),
]
AuthorityCode = Annotated[
    str,
    typer.Option(
        "--authority", help="Code of the authority, as `countenance authority list` shows it."
    ),
]


@shown_with(
    'countenance case open MP-17 --purpose "missing person" --reason "reported on 3 May" '
    "--authority 3f2a91bc",
    deed=Deed.CASE_OPEN,
)
def open_(
    reference: Reference,
    purpose: Annotated[str, typer.Option(help="What the case is about.")],
    reason: Reason,
    authority: AuthorityCode = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day; else in a year.")
    ] = None,
    member: Members = None,
    as_json: AsJson = False,
) -> None:
    """Open a case; without an authority nothing is searched for it yet."""
    with unsealed() as session:
        from countenance.apps.cases import services

        case = services.open_case(
            session.actor,
            reference=reference,
            purpose=purpose,
            reason=reason,
            authority=authorities.find(session, authority) if authority else None,
            expires_on=None if until is None else until.date(),
            members=_people(session, member or ()),
            tools=session.tools,
        )
        output.result(described(case, session=session), f"Opened the case {case.reference}.")


@shown_with("countenance case list", deed=Deed.CASE_READ)
def list_(as_json: AsJson = False) -> None:
    """List the cases that you see, newest first, with what is next in each."""
    with unsealed() as session:
        from countenance.apps.searches import case_rows

        today = session.tools.clock().date()
        found = case_rows.rows(session.actor, query="", today=today)
        cases = [
            described(row.case, session=session)
            | {
                "status": row.status.lower(),
                "authority_left": row.authority,
                "next": row.step.words if row.step else "",
                "whose": row.step.whose if row.step else "",
            }
            for row in found
        ]
    columns = ("Case", "Purpose", "Next step", "Whose", "Authority left", "State")
    names = ("reference", "purpose", "next", "whose", "authority_left", "status")
    rows = [tuple(case[name] for name in names) for case in cases]
    output.result({"cases": cases}, output.table("", columns, rows))


@shown_with("countenance case authority MP-17 --authority 3f2a91bc", deed=Deed.CASE_OPEN)
def authority(
    reference: Reference,
    authority: AuthorityCode,  # the option's name
    as_json: AsJson = False,
) -> None:
    """Put a case under another authority; searches count towards it from now on."""
    with unsealed() as session:
        from countenance.apps.cases import services

        case = services.set_authority(
            session.actor,
            case=_case(session, reference),
            authority=authorities.find(session, authority),
            tools=session.tools,
        )
        output.result(described(case, session=session), f"Put the case {case.reference} under it.")


@shown_with("countenance case members MP-17 --member otto@example.org", deed=Deed.CASE_MEMBERS)
def members(reference: Reference, member: Members = None, as_json: AsJson = False) -> None:
    """Say anew who may see a case besides its investigator; without --member nobody."""
    with unsealed() as session:
        from countenance.apps.cases import services

        case = services.change_members(
            session.actor,
            case=_case(session, reference),
            members=_people(session, member or ()),
            tools=session.tools,
        )
        count = len(case.member_ids)
        output.result(
            described(case, session=session),
            f"The case {case.reference} has {count} {'member' if count == 1 else 'members'}.",
        )


@shown_with('countenance case close MP-17 --reason "found"', deed=Deed.CASE_CLOSE)
def close(reference: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Close a case for good; it allows no more searches."""
    with unsealed() as session:
        from countenance.apps.cases import services

        case = services.close_case(
            session.actor, case=_case(session, reference), reason=reason, tools=session.tools
        )
        output.result(described(case, session=session), f"Closed the case {case.reference}.")


def described(case: Case, *, session: Session) -> dict[str, Any]:
    """Return a case as an object for `--json`."""
    return {
        "id": str(case.pk),
        "reference": case.reference,
        "purpose": case.purpose,
        "reason": case.reason,
        "opened_at": case.opened_at.isoformat(),
        "opened_by_me": case.opened_by_id == session.actor.person,
        "authority": None if case.authority_id is None else str(case.authority_id),
        "expires_on": None if case.expires_on is None else case.expires_on.isoformat(),
        "members": sorted(str(one) for one in case.member_ids),
        "people": case.people,
        "closed": case.closed_at is not None,
    }


def _case(session: Session, reference: str) -> Case:
    from countenance.apps.cases import queries

    case = queries.case_by_reference(session.actor, reference, tools=session.tools)
    if case is None:
        raise NotFound(
            "There is no case with this reference that you see. `countenance case list` shows all."
        )
    return case


def _people(session: Session, addresses: Sequence[str]) -> list[UUID]:
    from countenance.apps.agencies import queries

    return [
        queries.person_by_email(session.actor, one, tools=session.tools).pk for one in addresses
    ]


COMMANDS: Commands = {
    "open": open_,
    "list": list_,
    "authority": authority,
    "members": members,
    "close": close,
}
