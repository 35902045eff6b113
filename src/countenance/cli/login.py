"""`countenance login`, `logout` and `whoami`: whose token the commands act with."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import (
    acting,
    ask_secret,
    of_token,
    running,
    token_file,
    token_of,
    unseal,
)
from countenance.errors import InputError, NotPermitted, NotSignedIn
from countenance.policy import SYSTEM, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from countenance.config import Config

HOURS = 8
LINES = ("e-mail address", "password", "code")


@shown_with(
    "countenance login",
    "countenance login --email ada@example.org --scope enrol --scope read --hours 4",
)
def login(
    email: Annotated[
        str, typer.Option(help="The address with which you sign in; asked for otherwise.")
    ] = "",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            help="What the token is for; again for more. Otherwise all that your roles use."
        ),
    ] = None,
    hours: Annotated[
        int,
        typer.Option(min=1, max=90 * 24, help="How long it lasts; some scopes at most 12 hours."),
    ] = HOURS,
    stdin: Annotated[
        bool,
        typer.Option(
            "--stdin", help="Read address, password and code from three lines of standard input."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in, and keep a token with which the commands act for you.

    The token is kept in a file in your own folder that only you can read. A recovery code does not do
    here. Where commands run by themselves, make a token in the web app and name a file that holds it in
    COUNTENANCE_TOKEN_FILE.
    """
    with running() as settings:
        address, password, code = _read_lines() if stdin else _ask(email)
        tools = unseal()
        from countenance.apps.agencies import tokens

        person, token, secret = tokens.log_in(
            SYSTEM,
            email=address,
            password=password,
            code=code,
            scopes=scope or (),
            hours=hours,
            tools=tools,
        )
        kept = _keep(settings, secret)
        with acting(person.actor, tools=tools):
            value: dict[str, Any] = {
                "person": {"id": str(person.pk), "name": person.name},
                "scopes": sorted(token.details["scopes"]),
                "expires_at": token.expires_at.isoformat(),
                "file": str(kept),
            }
    output.result(
        value,
        f"Signed in as {person.name}, until {token.expires_at:%d %B %Y %H:%M} UTC.",
        f"For: {', '.join(value['scopes'])}. `countenance logout` ends it.",
    )


@shown_with("countenance logout", "countenance logout --json")
def logout(as_json: AsJson = False) -> None:
    """End the token that the commands act with; remove its file if `countenance login` kept it.

    If the token worked no more, its file is removed all the same. One of COUNTENANCE_TOKEN or
    COUNTENANCE_TOKEN_FILE is ended where it is; what `login` kept then stays.
    """
    from countenance import config  # slow to import, not needed for help

    ended, kept = True, None
    try:
        with of_token() as session:
            from countenance.apps.agencies import tokens

            kept = _kept_by_login(session.settings)
            tokens.log_out(session.actor, secret=token_of(session.settings), tools=session.tools)
    except NotPermitted:
        kept = _kept_by_login(config.current())
        if kept is None or not kept.exists():
            raise
        ended = False
    if kept is not None:
        kept.unlink(missing_ok=True)
    output.result(
        {"signed_out": True, "token_ended": ended},
        "Signed out."
        if ended
        else "Signed out. The token did not work any more; its file is removed.",
    )


def _kept_by_login(settings: Config) -> Path | None:
    """Return the file of the token that the commands act with, if it is one that `login` kept."""
    return None if settings.token is not None else token_file(settings)


@shown_with("countenance whoami")
def whoami(as_json: AsJson = False) -> None:
    """Say for whom the commands act, with which roles, and for what the token is."""
    with of_token() as session:
        from countenance.apps.agencies import queries

        person = queries.person(session.actor)
        value: dict[str, Any] = {
            "person": {"id": str(person.pk), "name": person.name, "email": person.email},
            "agency": {"id": str(person.agency_id), "name": person.agency.own_name or ""},
            "roles": sorted(session.actor.roles),
            "scopes": sorted(session.actor.scopes or ()),
        }
    output.result(
        value,
        f"{value['person']['name']}, {value['agency']['name']}",
        f"Roles: {', '.join(value['roles']) or 'none'}",
        f"The token is for: {', '.join(value['scopes'])}",
    )


def _read_lines() -> tuple[str, str, str]:
    lines = [sys.stdin.readline().rstrip("\r\n") for _ in LINES]
    for name, line in zip(LINES, lines, strict=True):
        if not line:
            raise InputError(
                f"Standard input lacks the {name}: one line each for {', '.join(LINES)}."
            )
    address, password, code = lines
    return address, password, code


def _ask(email: str) -> tuple[str, str, str]:
    """Ask on the terminal; password and code are not shown.

    Raises:
        NotSignedIn: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise NotSignedIn(
            "There is no terminal to ask on. Use `countenance login --stdin`, or name a file that holds a "
            "token in COUNTENANCE_TOKEN_FILE."
        )
    address = email or str(typer.prompt("E-mail address", err=True))
    return address, ask_secret("Password"), ask_secret("Code of your authenticator app")


def _keep(settings: Config, secret: str) -> Path:
    """Write the token to a file of this user's; a reader sees the old one or the new one.

    Raises:
        InputError: it cannot be written.
    """
    kept = token_file(settings)
    part = kept.with_name(f"{kept.name}.part")
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(secret + "\n")
        part.replace(kept)
    except OSError as error:
        raise InputError(f"{kept} cannot be written: {error.strerror}.") from None
    return kept
