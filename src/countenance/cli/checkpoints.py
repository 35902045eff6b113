"""`countenance ledger checkpoint`, `tiles`, `witnesses`, `set-witnesses` and `monitor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.errors import InputError, LedgerBroken
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.ledger.checkpoint import SignedCheckpoint, Trust
    from countenance.ledger.quorum import WitnessPolicy
    from countenance.web.witnesses import Round

LogKey = Annotated[
    str | None,
    typer.Option(
        "--log-key",
        help="The ledger's verifier key, as you know it from elsewhere. Without it the key in the file is believed.",
    ),
]
WitnessKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--witness-key", help="The verifier key of a witness; may be given several times."
    ),
]
FormerKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--former-key",
        help="A key that the ledger had before, which may have signed what you kept; may be given several times.",
    ),
]
Quorum = Annotated[
    int | None,
    typer.Option(
        min=0, help="So many of these witnesses must have signed; without it all of them."
    ),
]


def trust_of(
    log_key: str | None,
    witness_keys: Sequence[str] | None,
    quorum: int | None,
    former_keys: Sequence[str] | None,
) -> Trust:
    """Return whom the options of a command say to believe.

    Raises:
        InputError: one is no key, or the quorum is larger than the number of witnesses.
    """
    from countenance.ledger.checkpoint import Trust
    from countenance.ledger.note import VerifierKey

    keys = tuple(VerifierKey.parse(one) for one in witness_keys or ())
    return Trust(
        log=VerifierKey.parse(log_key) if log_key else None,
        witnesses=keys,
        quorum=len(set(keys)) if quorum is None else quorum,
        former=tuple(VerifierKey.parse(one) for one in former_keys or ()),
    )


def read_checkpoint(path: Path) -> SignedCheckpoint:
    """Return the checkpoint that somebody kept in a file.

    Raises:
        InputError: there is no such file.
        BadProof: it holds no checkpoint.
    """
    from countenance.ledger.checkpoint import SignedCheckpoint

    try:
        return SignedCheckpoint.parse(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


@shown_with(
    "countenance ledger checkpoint",
    "countenance ledger checkpoint --out checkpoint.txt",
    deed=Deed.LEDGER_EXPORT,
)
def checkpoint(
    out: Annotated[
        Path | None, typer.Option(help="Write the checkpoint there; what is there is replaced.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the ledger as it is now, bring it to the witnesses, and print the checkpoint: keep it somewhere else.

    `countenance serve` does the same within a minute after each entry. A checkpoint that somebody kept shows later
    whether the ledger was rolled back or forked: `countenance ledger monitor`, `verify-ledger --checkpoint`.
    """
    from countenance.cli.session import unsealed

    with unsealed():
        from countenance.web import wiring, witnesses

        done = witnesses.sign_and_ask(tools=wiring.current())
    if done.signed is None:
        raise LedgerBroken("The ledger is empty, so there is nothing to sign.")
    if out is not None:
        _write(out, str(done.signed).encode())
    value, lines = _round(done)
    output.result(value, str(done.signed).rstrip("\n"), *lines)


def _round(done: Round) -> tuple[dict[str, Any], list[str]]:
    from countenance.ledger.checkpoint import said_of

    if done.signed is None:
        return {}, []
    by = done.signed.cosigned_by(done.policy.trust.witnesses)
    asked = [{"name": one.name, "state": str(one.state), "said": one.said} for one in done.asked]
    value = {**said_of(done.signed, by), "quorum": done.policy.quorum, "asked": asked}
    return value, [f"{one.name}: {one.said}" for one in done.asked]


@shown_with("countenance ledger tiles /srv/ledger", deed=Deed.LEDGER_EXPORT)
def tiles(
    folder: Annotated[
        Path, typer.Argument(help="Where to write; what is there from before is added to.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write the ledger as static files that anyone can serve: its checkpoint, hashes in tiles, public entries.

    The files are those of C2SP tlog-tiles and hold which action was done when and about which id, and nothing
    about people. They do show when each examination was done: do not serve them to your own examiners. The export is
    recorded, and the tiles end with that entry.
    """
    from countenance.cli.session import unsealed

    with unsealed() as session:
        from countenance.apps.approvals import exporting
        from countenance.apps.records import queries
        from countenance.web import tiling, wiring, witnesses

        size = queries.head().size
        exporting.note_export(session.actor, size=size, bodies=False, tools=session.tools)
        done = witnesses.sign_and_ask(tools=wiring.current())
        if done.signed is None:
            raise LedgerBroken("The ledger is empty, so there is nothing to write.")
        written = tiling.write_tiles(folder, done.signed)
    value, lines = _round(done)
    output.result(
        {**value, "folder": str(folder), "files": written},
        f"{folder} holds the ledger up to entry {value['size'] - 1}; {written} files were written.",
        *lines,
    )


@shown_with("countenance ledger witnesses", deed=Deed.LEDGER_EXPORT)
def witnesses_(as_json: AsJson = False) -> None:
    """Show who witnesses the ledger, how many must, and the key that its checkpoints are verified with."""
    from countenance.cli.session import unsealed

    with unsealed() as session:
        from countenance.apps.records import signers, witnessed
        from countenance.sealing.kinds import KeyKind

        now, key = witnessed.policy_now(), witnessed.log_key(session.tools.keyring)
        all_keys = signers.to_dicts(session.tools.keyring)
        keys = signers.words(session.tools.keyring, KeyKind.CHECKPOINT)
        lost = witnessed.lost_words()
        newest = witnessed.newest_checkpoint()
    policy = now.policy
    have = {one.key for one in newest.cosigned_by(policy.trust.witnesses)} if newest else set()
    value = {
        **policy.to_dict(),
        "since": now.since.isoformat() if now.since else None,
        "words": policy.words,
        "lost": lost,
        "log_key": str(key),
        "log_keys": [one for one in all_keys if one["kind"] == "checkpoint"],
        "newest_checkpoint": newest.checkpoint.size if newest else None,
        "signed_by": sorted(one.name for one in have),
    }
    rows = [
        (one.name, one.url, "yes" if one.key in have else "no", str(one.key))
        for one in policy.witnesses
    ]
    table = output.table("Witnesses", ("Name", "Address", "Signed the newest", "Key"), rows)
    said = [policy.words, *([lost] if lost else []), f"The ledger's key: {key}", *keys]
    output.result(value, *said, *([table] if rows else []))


@shown_with(
    'countenance ledger set-witnesses --witness "NAME+ID+KEY https://witness.example.org" --quorum 1 --grace 60',
    "countenance ledger set-witnesses --none",
    deed=Deed.WITNESSES_SET,
)
def set_witnesses(
    witness: Annotated[
        list[str] | None,
        typer.Option(help="A witness: verifier key and address, with a space between."),
    ] = None,
    quorum: Annotated[int, typer.Option(min=0, help="So many of them must sign.")] = 0,
    grace: Annotated[
        int,
        typer.Option(
            min=2,
            help="Minutes. Older entries that too few have signed stop searches, leads, exports and looks at faces.",
        ),
    ] = 60,
    none: Annotated[
        bool, typer.Option("--none", help="Nobody witnesses the ledger any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say who witnesses the ledger; the whole set is replaced, and the change is recorded, with what it was before.

    Only a custodian does this. A witness is somebody else, on another machine: they run `countenance witness serve`,
    give you the line of `countenance witness key`, and are told the ledger's key (`countenance ledger witnesses`).
    """
    from countenance.cli.session import unsealed

    if bool(witness) == none:
        raise InputError("Name the witnesses, or say --none.")
    policy = _policy(witness or [], quorum, timedelta(minutes=grace))
    with unsealed() as session:
        from countenance.apps.records import checkpoints

        checkpoints.set_witnesses(session.actor, policy=policy, tools=session.tools)
    output.result({**policy.to_dict(), "words": policy.words}, policy.words)


def _policy(named: Sequence[str], quorum: int, grace: timedelta) -> WitnessPolicy:
    from countenance import config
    from countenance.apps.agencies.outbound import check_url
    from countenance.ledger.note import VerifierKey
    from countenance.ledger.quorum import Witness, WitnessPolicy

    witnesses = []
    for one in named:
        key, _, url = one.strip().partition(" ")
        try:
            check_url(url.strip(), private=config.current().web.private_witnesses)
        except InputError:
            raise InputError(
                "A witness's address begins with https:// and names a host. (http is for this machine, where "
                "COUNTENANCE_WEB__PRIVATE_WITNESSES names it.)"
            ) from None
        witnesses.append(Witness(VerifierKey.parse(key), url.strip().rstrip("/")))
    return WitnessPolicy(witnesses=tuple(witnesses), quorum=quorum, grace=grace)


@shown_with(
    "countenance ledger monitor kept.txt /srv/ledger",
    "countenance ledger monitor kept.txt ledger.jsonl --log-key NAME+ID+KEY",
)
def monitor(
    kept: Annotated[Path, typer.Argument(help="A checkpoint that you kept.")],
    against: Annotated[
        Path, typer.Argument(help="The ledger now: a folder of tiles, or an export.")
    ],
    log_key: LogKey = None,
    witness_key: WitnessKeys = None,
    quorum: Quorum = None,
    former_key: FormerKeys = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="If it goes on, keep the new checkpoint instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a checkpoint that you kept with the ledger now: was it rolled back, or forked?

    Needs no deployment. Exits with 70 if the one does not go on from the other, or a signature is missing. With
    --witness-key the checkpoint of now must be signed by those witnesses.
    """
    trust = trust_of(log_key, witness_key, quorum, former_key)
    old = read_checkpoint(kept)
    new, added = (
        _in_tiles(old, against, trust) if against.is_dir() else _in_export(old, against, trust)
    )
    if keep and new is not None:
        _write(kept, str(new).encode())
    size = old.checkpoint.size + added
    output.result(
        {"continues": True, "kept_size": old.checkpoint.size, "size": size, "added": added},
        f"The ledger goes on from the checkpoint that you kept: {old.checkpoint.size} entries then, {size} now.",
    )


def _in_tiles(old: SignedCheckpoint, folder: Path, trust: Trust) -> tuple[SignedCheckpoint, int]:
    from countenance.ledger.checkpoint import Trust
    from countenance.ledger.monitor import continues_in_tiles
    from countenance.ledger.tiles import CHECKPOINT

    if trust.log is None:
        raise InputError("Tiles do not say whose they are: give the ledger's key with --log-key.")
    new = read_checkpoint(folder / CHECKPOINT)
    Trust(log=trust.log, former=trust.former).judge(old, kept=True)
    trust.judge(new)
    return new, continues_in_tiles(old.checkpoint, new.checkpoint, _fetch(folder))


def _fetch(folder: Path) -> Callable[[str], bytes]:
    def fetch(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except OSError:
            raise LedgerBroken(f"The tile {path} is missing.") from None

    return fetch


def _in_export(
    old: SignedCheckpoint, file: Path, trust: Trust
) -> tuple[SignedCheckpoint | None, int]:
    from countenance.ledger.verify import verify_export

    try:
        with file.open("rb") as lines:
            report = verify_export(lines, kept=old, trust=trust)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    return report.checkpoint, report.size - old.checkpoint.size


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None


COMMANDS: Commands = {
    "checkpoint": checkpoint,
    "tiles": tiles,
    "witnesses": witnesses_,
    "set-witnesses": set_witnesses,
    "monitor": monitor,
}
