"""`countenance agency` and `countenance custodian`: who is admitted, and who admits."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output, session
from countenance.cli.deployment import invitation_link
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.people import invited
from countenance.errors import InputError, NotFound
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.agencies.models import Agency

Name = Annotated[str, typer.Argument(metavar="NAME", help="The agency's name.")]


@shown_with("countenance agency list", deed=Deed.AGENCY_READ)
def list_(as_json: AsJson = False) -> None:
    """List the admitted agencies."""
    with session.unsealed():
        from countenance.apps.agencies import queries

        agencies = [described(one) for one in queries.admitted()]
    rows = [
        (
            one["name"],
            one["pack"],
            "" if one["listed"] else "unlisted",
            one["admitted_at"][:10],
            "suspended" if one["suspended"] else "",
        )
        for one in agencies
    ]
    columns = ("Agency", "Policy pack", "", "Admitted", "")
    output.result({"agencies": agencies}, output.table("", columns, rows))


@shown_with(
    'countenance agency admit "Ourtown missing persons unit" --checked-by "C. Keeper, office of the custodian" '
    '--checked-on 2026-01-15 --what "founding order and duty to search" --document order.pdf --pack humanitarian',
    deed=Deed.AGENCY_ADMIT,
)
def admit(  # one option for each thing that is said of an agency
    name: Name,
    checked_by: Annotated[str, typer.Option(help="Who checked it: name and office.")] = "",
    checked_on: Annotated[str, typer.Option(help="When, as YYYY-MM-DD.")] = "",
    what: Annotated[str, typer.Option(help="What was checked.")] = "",
    document: Annotated[
        list[Path] | None,
        typer.Option(help="A file of the vetting, sealed for custodians; can be given often."),
    ] = None,
    pack: Annotated[str, typer.Option(help="The policy pack that binds it.")] = "default",
    unlisted: Annotated[
        bool, typer.Option("--unlisted", help="No other agency is told that it is here.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Admit an agency with its vetting. Invite its first people in the web app."""
    documents = [(path.name, _read(path)) for path in document or ()]
    with session.unsealed() as here:
        from countenance.apps.agencies import services

        agency = services.admit_agency(
            here.actor,
            name=name,
            pack=pack,
            listed=not unlisted,
            vetting=services.Vetting(checked_by=checked_by, checked_on=_day(checked_on), what=what),
            documents=documents,
            tools=here.tools,
        )
        output.result(described(agency), f"Admitted {agency.name}.")


@shown_with(
    'countenance agency suspend "Ourtown missing persons unit" --reason "its mandate ended on 3 May"',
    deed=Deed.AGENCY_SUSPEND,
)
def suspend(name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Suspend an agency: its people's sessions end at once; tokens and invitations stop working."""
    with session.unsealed() as here:
        from countenance.apps.agencies import queries, services

        agency = services.suspend_agency(
            here.actor, agency=queries.agency_by_name(name), reason=reason, tools=here.tools
        )
        output.result(described(agency), f"Suspended {agency.name}.")


@shown_with(
    'countenance agency restore "Ourtown missing persons unit" --reason "its mandate was renewed"',
    deed=Deed.AGENCY_SUSPEND,
)
def restore(name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Lift the suspension of an agency."""
    with session.unsealed() as here:
        from countenance.apps.agencies import queries, services

        agency = services.restore_agency(
            here.actor, agency=queries.agency_by_name(name), reason=reason, tools=here.tools
        )
        output.result(described(agency), f"Lifted the suspension of {agency.name}.")


@shown_with('countenance custodian invite "Cleo Custodian" cleo@example.org')
def invite_custodian(
    name: Annotated[str, typer.Argument(help="The custodian's name.")],
    email: Annotated[str, typer.Argument(help="The address with which they sign in.")],
    as_json: AsJson = False,
) -> None:
    """Invite a custodian, or let one in anew who lost every means of signing in; needs what unseals.

    Prints a link that works once, for 72 hours, while `countenance serve` runs. Whoever opens the deployment
    with its passphrase can do this; it is on the ledger like everything else.
    """
    with session.running() as settings:
        tools = session.unseal()
        from countenance.apps.agencies import inviting, queries
        from countenance.policy import SYSTEM, Role

        home = queries.custodians()
        if home is None:
            raise NotFound("There are no custodians here yet. Run `countenance init`.")
        index = queries.email_index_of(email, tools=tools)
        for earlier in queries.custodian_invitations(home):
            # Its link may be lost; at the machine there is nobody else to withdraw it.
            if bytes(earlier.email_index) == index and queries.is_pending(earlier, tools=tools):
                inviting.withdraw_invitation(SYSTEM, invitation=earlier, tools=tools)
        invitation, secret = inviting.invite_first(
            SYSTEM, agency=home, role=Role.CUSTODIAN, name=name, email=email, tools=tools
        )
        link = invitation_link(settings, secret)
        value = {**invited(invitation), "link": link}
    output.result(value, f"The invitation of {value['name']}, shown only now: {link}")


def described(agency: Agency) -> dict[str, Any]:
    """Return an agency as an object for `--json`."""
    return {
        "id": str(agency.pk),
        "name": agency.name,
        "pack": agency.pack,
        "listed": bool((agency.standing or {}).get("listed")),
        "suspended": agency.suspended,
        "vetting": agency.vetting,
        "admitted_at": agency.admitted_at.isoformat(),
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InputError(f"{path} cannot be read.") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("Say with --checked-on when it was checked, as YYYY-MM-DD.") from None


AGENCY: Commands = {"list": list_, "admit": admit, "suspend": suspend, "restore": restore}
CUSTODIAN: Commands = {"invite": invite_custodian}
