"""`countenance person`: who can sign in to the web app."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.deployment import new_password
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.cli.session import ask_secret, unsealed
from countenance.policy import Deed


@shown_with(
    'countenance person add "Ada Examiner" ada@example.org',
    'countenance person add "Ada Examiner" ada@example.org --generate',
    deed=Deed.PERSON_INVITE,
)
def add(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    email: Annotated[str, typer.Argument(help="The address with which they sign in.")],
    generate: Annotated[
        bool,
        typer.Option(
            "--generate", help="Make a random password and show it once, instead of asking."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person to your agency, with a password for the web app.

    The password is asked for, or made and shown once where there is no terminal to ask on.
    """
    made = new_password() if generate or not sys.stdin.isatty() else None
    password = made or ask_secret("Password for the web app", twice=True)
    with unsealed() as session:
        from countenance.apps.agencies import queries, services

        agency = queries.agency(session.actor)
        person = services.add_person(
            session.actor,
            agency=agency,
            name=name,
            email=email,
            password=password,
            tools=session.tools,
        )
        value: dict[str, Any] = {"id": str(person.pk), "name": person.name, "email": person.email}
    shown = [f"Added {value['name']}."]
    if made:
        value["password"] = made
        shown.append(f"Web log-in, shown only now: {value['email']}  {made}")
    output.result(value, *shown)


@shown_with("countenance person list", deed=Deed.PERSON_READ)
def list_(as_json: AsJson = False) -> None:
    """List the people of your agency."""
    with unsealed() as session:
        from countenance.apps.agencies import queries

        people = [
            {
                "id": str(person.pk),
                "name": person.name,
                "email": person.email,
                "active": person.is_active,
                "added_at": person.added_at.isoformat(),
            }
            for person in queries.people(session.actor)
        ]
    rows = [
        (p["name"], p["email"], str(p["added_at"])[:10], "" if p["active"] else "suspended")
        for p in people
    ]
    output.result({"people": people}, output.table("", ("Name", "Address", "Added", ""), rows))


COMMANDS: Commands = {"add": add, "list": list_}
