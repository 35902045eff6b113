"""`countenance keys rotate --level signing`: replacing the keys whose public halves others know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from countenance.cli import output, session
from countenance.errors import InputError

if TYPE_CHECKING:
    from countenance.web.keykeeping import Replaced

NOT_FOLLOWED = 1
"""The exit code if a process did not take in what was replaced."""

HANDING_OVER = (
    "Checkpoints are signed with the old and the new key until `countenance keys rotate --level signing --finish`, "
    "which destroys the old one."
)

Only = Annotated[
    Literal["bundles", "checkpoints"] | None,
    typer.Option(
        help="With `--level signing`: only the key of bundles, backups and erasure lists, or only that of the ledger's "
        "checkpoints."
    ),
]
AtOnce = Annotated[
    bool,
    typer.Option(
        "--at-once",
        help="With `--level signing`, after a leak: destroy the old key of checkpoints at once. Witnesses refuse until "
        "they were given the new one.",
    ),
]
Finish = Annotated[
    bool,
    typer.Option(
        "--finish",
        help="With `--level signing`: end the hand-over of the key of checkpoints, and begin nothing.",
    ),
]


def replace(only: str | None, *, at_once: bool, finish: bool) -> None:
    """Replace keys that sign, or end a hand-over, and say whom to tell."""
    if finish and (only or at_once):
        raise InputError("--finish ends a hand-over and goes with nothing else.")
    with session.running(), session.ends_tidily():
        tools = session.unseal(session.factor())
        from countenance.apps.records import signers
        from countenance.sealing.kinds import KeyKind
        from countenance.web import keykeeping

        kinds = {"bundles": [KeyKind.SIGNING], "checkpoints": [KeyKind.CHECKPOINT]}
        wanted = kinds[only] if only else [KeyKind.SIGNING, KeyKind.CHECKPOINT]
        done = keykeeping.replace_signers(wanted, tools=tools, at_once=at_once, finish=finish)
        keys = signers.to_dicts(tools.keyring)
    value = {
        "begun": [str(one) for one in done.begun],
        "handing_over": done.handing_over,
        "followed": done.followed,
        "signing_keys": keys,
    }
    rows = [(one["kind"], one["key"], *span(one)) for one in keys]
    table = output.table("Keys that sign", ("Kind", "Public key", "Since", "Until"), rows)
    output.result(value, *_said(done, finish=finish), table, *_after(done))
    if not done.followed:
        raise typer.Exit(NOT_FOLLOWED)


def span(key: dict[str, Any]) -> tuple[str, str]:
    """Return from when to when a key signs, for people."""
    return (key["since"] or "the beginning")[:19], (key["until"] or "-")[:19]


def _said(done: Replaced, *, finish: bool) -> Iterator[str]:
    if finish:
        yield "The old key of checkpoints is destroyed; the new one signs alone."
    elif not done.begun:
        yield "A key is being handed over already, so no other was begun."
    if "signing" in done.begun:
        yield (
            "Bundles, backups and erasure lists are signed with a new key. Publish it, and leave the old one where it was "
            "published: bundles of before verify with it only."
        )
    if done.handing_over:
        yield HANDING_OVER
        yield (
            "Until then give the new key to whoever knows the old one: those who run witnesses (`countenance witness log "
            "FOLDER KEY --instead`), and everybody who verifies exports, checkpoints or receipts."
        )
    elif "checkpoint" in done.begun:
        yield (
            "The old key of checkpoints is destroyed. Whoever knows it must be told the new one by another way than by "
            "this ledger, because a thief of the old key can sign as well. Witnesses refuse until those who run them were "
            "given the new one (`countenance witness log FOLDER KEY --instead`); after the grace searches stop."
        )


def _after(done: Replaced) -> Iterator[str]:
    if not done.followed:
        yield (
            "A process that runs here has not taken this in, or a long search still runs, and may still sign bundles with "
            "the old key: wait for it, or stop it. Nothing else is left to do; do not run this again."
        )
