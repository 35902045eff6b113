"""The tree of commands. Only Typer is imported here, so that `--help` answers at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance import __version__
from countenance.cli import (
    agencies,
    approvals,
    authorities,
    bundle,
    cases,
    demo,
    deployment,
    doctor,
    enrol,
    evaluate,
    evaluations,
    evidence,
    galleries,
    inbox,
    indexes,
    ledger,
    login,
    operating,
    people,
    search,
    sources,
)
from countenance.cli.options import Commands, examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MACHINE_ONLY: Mapping[str, str] = {
    "init": "Nobody is there yet.",
    "demo": "Makes a home of its own and everybody in it.",
    "serve": "Whoever runs the machine starts it; what it serves asks everybody who they are.",
    "custodian invite": "Lets a custodian in when none can sign in; opens with what unseals, and is recorded.",
    "doctor": "Looks at the machine, and at nothing that is sealed.",
    "verify-bundle": "Needs no home and no database: whoever was given a file checks it.",
    "login": "Says who somebody is.",
    "logout": "Ends the token itself, whatever it is for.",
    "whoami": "Says whose token it is, to whoever holds it.",
}
"""The commands that ask for no deed, and why; a test compares them with the tree."""


def _version(wanted: bool) -> None:  # Typer's signature
    if wanted:
        typer.echo(f"countenance {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Find the photos of a person in collections that you lawfully hold, on the record.

    State lives in one folder, COUNTENANCE_HOME. Every command takes --json.
    """


def _group(name: str, text: str, commands: Commands) -> typer.Typer:
    group = typer.Typer(name=name, help=text, no_args_is_help=True)
    for verb, function in commands.items():
        group.command(verb, epilog=function.epilog)(function)  # type: ignore[attr-defined] # see `_shown`
    return group


@cache
def app() -> typer.Typer:
    """Return the whole program."""
    made = typer.Typer(
        name="countenance",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        add_completion=True,
        epilog=examples("countenance demo", "countenance init"),
    )
    made.callback()(_root)
    single: dict[str, Callable[..., Any]] = {
        "init": deployment.init,
        "demo": demo.demo,
        "serve": deployment.serve,
        "doctor": doctor.doctor,
        "login": login.login,
        "logout": login.logout,
        "whoami": login.whoami,
        "inbox": inbox.inbox,
        "enrol": enrol.enrol,
        "evaluate": evaluate.evaluate,
        "selftest": evaluate.selftest,
        "search": search.search,
        "result": search.result,
        "verify-ledger": ledger.verify_ledger,
        "verify-bundle": bundle.verify_bundle,
    }
    for name, function in single.items():
        made.command(name, epilog=function.epilog)(function)  # type: ignore[attr-defined] # see `shown_with`
    groups: dict[str, tuple[str, Commands]] = {
        "source": ("Sources of photos, each with its passport.", sources.COMMANDS),
        "gallery": ("Galleries: people enrolled under one authority.", galleries.GALLERY),
        "index": ("Where galleries are searched: in memory, or in Milvus.", indexes.COMMANDS),
        "photo": ("Photos of a gallery.", galleries.PHOTO),
        "subject": ("Subjects: the people that a gallery's photos are of.", galleries.SUBJECT),
        "evaluations": ("Evaluations and selftests: how often searches err.", evaluations.COMMANDS),
        "operating-point": (
            "Operating points: at which wanted FPIR a gallery is searched.",
            operating.COMMANDS,
        ),
        "authority": (
            "Authorities: the legal basis of searches; they are granted in the web app.",
            authorities.COMMANDS,
        ),
        "case": ("Cases: what searches are for.", {**cases.COMMANDS, **evidence.COMMANDS}),
        "approval": (
            "Requests for a second person's approval; they are decided in the web app.",
            approvals.COMMANDS,
        ),
        "agency": ("Agencies that are admitted, for their custodian.", agencies.AGENCY),
        "custodian": ("Custodians, who admit agencies.", agencies.CUSTODIAN),
        "person": ("People of your agency.", people.COMMANDS),
        "ledger": ("The ledger of everything that was done.", ledger.COMMANDS),
    }
    for name, (text, commands) in groups.items():
        made.add_typer(_group(name, text, commands))
    return made


@cache
def command() -> Any:  # a Click command; Typer brings Click along as a private module
    """Return the program as the command object that parses and runs."""
    return typer.main.get_command(app())
