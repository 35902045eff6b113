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
    backup,
    bundle,
    cases,
    checkpoints,
    demo,
    deployment,
    doctor,
    drill,
    enrol,
    evaluate,
    evaluations,
    evidence,
    galleries,
    inbox,
    indexes,
    keys,
    ledger,
    login,
    operating,
    people,
    search,
    sources,
    witness,
)
from countenance.cli.options import Commands, examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MACHINE_ONLY: Mapping[str, str] = {
    "init": "Nobody is there yet.",
    "demo": "Makes a home of its own and everybody in it.",
    "serve": "Whoever runs the machine starts it; what it serves asks everybody who they are.",
    "custodian invite": "Lets a custodian in when none can sign in; opens with what unseals, and is recorded.",
    "backup": "Copies what is sealed, at the machine; opens with what unseals, and is recorded.",
    "verify-backup": "Needs no home and no database: whoever has a backup and what unseals checks it.",
    "restore": "Nobody can sign in yet; opens with what unseals, and is recorded.",
    "drill breach": "Makes homes of its own and everybody in them; with --against it reads what whoever holds the disk reads.",
    "drill check": "Needs no home and no database: whoever was given a report checks it.",
    "doctor": "Looks at the machine; opens with what unseals, and shows nothing that is sealed.",
    "keys status": "Opens with what unseals, and shows epochs and counts only.",
    "keys rotate": "Needs the keys of every agency, which no person has; opens with what unseals, and is recorded.",
    "keys change-factor": "Whoever unseals may choose with what; it is recorded before it holds.",
    "keys split": "Whoever unseals may choose with what; it is recorded before it holds.",
    "keys join": "Two of the three custodians have to unseal; it is recorded before it holds.",
    "verify-bundle": "Needs no home and no database: whoever was given a file checks it.",
    "ledger monitor": "Needs no home and no database: whoever kept a checkpoint compares it.",
    "witness init": "A witness is somebody else, on another machine, and knows nobody of this deployment.",
    "witness key": "Shows what is public of a witness, to whoever holds its folder.",
    "witness log": "Whoever holds the witness's folder says which ledgers it witnesses.",
    "witness serve": "Asks nobody who they are, as its protocol says: it judges signatures.",
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


def _groups() -> dict[str, tuple[str, Commands]]:
    """Return the groups of commands, each with its help."""
    return {
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
        "keys": ("Keys: what opens the deployment, and replacing them.", keys.COMMANDS),
        "drill": ("Drills: what thieves would get.", drill.COMMANDS),
        "ledger": (
            "The ledger of everything that was done.",
            {**ledger.COMMANDS, **checkpoints.COMMANDS},
        ),
        "witness": ("Witness the ledgers of others.", witness.COMMANDS),
    }


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
        "backup": backup.backup,
        "verify-backup": backup.verify_backup,
        "restore": backup.restore,
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
    for name, (text, commands) in _groups().items():
        made.add_typer(_group(name, text, commands))
    return made


@cache
def command() -> Any:  # a Click command; Typer brings Click along as a private module
    """Return the program as the command object that parses and runs."""
    return typer.main.get_command(app())
