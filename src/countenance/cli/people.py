"""`countenance person`: the people of your agency. Roles are changed in the web app, by two."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.deployment import invitation_link
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.agencies.models import Invitation, Person

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]
NONE = "none"


@shown_with("countenance person list", deed=Deed.PERSON_READ)
def list_(as_json: AsJson = False) -> None:
    """List the people of your agency, and the invitations that are pending."""
    with unsealed() as session:
        from countenance.apps.agencies import queries

        people = [described(one) for one in queries.people(session.actor)]
        pending = queries.pending_invitations(session.actor, tools=session.tools)
        invitations = [invited(one) for one in pending]
    rows = [
        (
            one["name"],
            one["email"],
            ", ".join(one["roles"]) or "no role",
            one["trained_until"] or "",
            "suspended" if one["suspended"] else "",
        )
        for one in people
    ]
    rows += [(one["name"], one["email"], "", "", "invited") for one in invitations]
    columns = ("Name", "Address", "Roles", "Trained until", "")
    output.result({"people": people, "invitations": invitations}, output.table("", columns, rows))


@shown_with('countenance person invite "Ada Examiner" ada@example.org', deed=Deed.PERSON_INVITE)
def invite(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    email: Annotated[str, typer.Argument(help="The address with which they will sign in.")],
    as_json: AsJson = False,
) -> None:
    """Invite a person into your agency; prints a link that works once, for 72 hours.

    They come without any role. Each role needs a second person's approval, in the web app.
    """
    with unsealed() as session:
        from countenance.apps.agencies import inviting

        invitation, secret = inviting.invite_person(
            session.actor, name=name, email=email, tools=session.tools
        )
        link = invitation_link(session.settings, secret)
        value = {**invited(invitation), "link": link}
    output.result(value, f"The invitation of {value['name']}, shown only now: {link}")


@shown_with(
    'countenance person suspend ada@example.org --reason "left the unit on 3 May"',
    deed=Deed.PERSON_SUSPEND,
)
def suspend(email: Email, reason: Reason, as_json: AsJson = False) -> None:
    """Suspend a person: their sessions end at once, and their tokens stop working."""
    with unsealed() as session:
        from countenance.apps.agencies import queries, staff

        person = queries.person_by_email(session.actor, email, tools=session.tools)
        person = staff.suspend_person(
            session.actor, person=person, reason=reason, tools=session.tools
        )
        output.result(described(person), f"Suspended {person.name}.")


@shown_with(
    'countenance person restore ada@example.org --reason "came back on 1 June"',
    deed=Deed.PERSON_SUSPEND,
)
def restore(email: Email, reason: Reason, as_json: AsJson = False) -> None:
    """Lift a person's suspension."""
    with unsealed() as session:
        from countenance.apps.agencies import queries, staff

        person = queries.person_by_email(session.actor, email, tools=session.tools)
        person = staff.restore_person(
            session.actor, person=person, reason=reason, tools=session.tools
        )
        output.result(described(person), f"Lifted the suspension of {person.name}.")


@shown_with(
    "countenance person training ada@example.org --trained-until 2027-03-01 --certified-until 2027-03-01",
    "countenance person training ada@example.org --certified-until none",
    deed=Deed.TRAINING_RECORD,
)
def training(
    email: Email,
    trained_until: Annotated[
        str, typer.Option(help="The last day of their training, as YYYY-MM-DD, or “none”.")
    ] = "",
    certified_until: Annotated[
        str, typer.Option(help="The last day of their examiner's certificate, or “none”.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Record until when a person's training and examiner's certificate last; what is left out stays."""
    with unsealed() as session:
        from countenance.apps.agencies import queries, staff

        person = queries.person_by_email(session.actor, email, tools=session.tools)
        person = staff.record_training(
            session.actor,
            person=person,
            trained_until=_day(trained_until, person.trained_until),
            certified_until=_day(certified_until, person.certified_until),
            tools=session.tools,
        )
        output.result(described(person), f"Recorded the training of {person.name}.")


def described(person: Person) -> dict[str, Any]:
    """Return a person as an object for `--json`."""
    return {
        "id": str(person.pk),
        "name": person.name,
        "email": person.email,
        "roles": sorted(str(role) for role in person.roles),
        "trained_until": _iso(person.trained_until),
        "certified_until": _iso(person.certified_until),
        "suspended": person.suspended,
        "added_at": person.added_at.isoformat(),
        "last_signed_in": person.last_login.isoformat() if person.last_login else None,
    }


def invited(invitation: Invitation) -> dict[str, Any]:
    """Return an invitation as an object for `--json`, without its link."""
    return {
        "id": str(invitation.pk),
        "name": invitation.details["name"],
        "email": invitation.details["email"],
        "roles": invitation.details["roles"],
        "ends": invitation.expires_at.isoformat(),
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str, before: date | None) -> date | None:
    """Return the day that an option names; what is not given stays as it was."""
    if not text:
        return before
    if text == NONE:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("A day is written as YYYY-MM-DD.") from None


COMMANDS: Commands = {
    "list": list_,
    "invite": invite,
    "suspend": suspend,
    "restore": restore,
    "training": training,
}
