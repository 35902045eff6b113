"""`countenance verify-ledger` and `countenance ledger`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from countenance.cli import output
from countenance.cli.checkpoints import (
    FormerKeys,
    LogKey,
    Quorum,
    WitnessKeys,
    read_checkpoint,
    trust_of,
)
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.errors import InputError
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.ledger.checkpoint import SignedCheckpoint
    from countenance.ledger.receipt import Receipt
    from countenance.ledger.verify import Report


@shown_with(
    "countenance verify-ledger",
    "countenance verify-ledger ledger.jsonl --receipt receipt.json",
    "countenance verify-ledger ledger.jsonl --checkpoint kept.txt --log-key NAME+ID+KEY --witness-key NAME+ID+KEY",
    deed=Deed.LEDGER_READ,
)
def verify_ledger(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="An exported ledger; needs no deployment. Without it: this deployment's."
        ),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(
            help="A receipt that was kept (the JSON object, or a search's JSON): its entry must be in the ledger."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A signed checkpoint that was kept: the ledger must go on from it."),
    ] = None,
    log_key: LogKey = None,
    witness_key: WitnessKeys = None,
    quorum: Quorum = None,
    former_key: FormerKeys = None,
    as_json: AsJson = False,
) -> None:
    """Verify a ledger: every entry, the tree over them, its checkpoint, and what the bodies were committed to.

    Exits with 70 if anything was changed, cut or moved. A ledger that was cut at its end, or written anew as
    a whole by whoever has its key, can only be told from what somebody else has: a receipt (--receipt), a
    checkpoint (--checkpoint), or the cosignatures of witnesses whose keys you know (--witness-key).
    """
    from countenance.ledger.verify import verify_export

    kept, noted = _receipt(receipt) if receipt else (None, None)
    trust = trust_of(log_key, witness_key, quorum, former_key)
    signed = read_checkpoint(checkpoint) if checkpoint else noted
    left_out: frozenset[str] = frozenset()
    if file is not None:
        try:
            with file.open("rb") as lines:
                report = verify_export(lines, expect=kept, kept=signed, trust=trust)
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    elif checkpoint or log_key or witness_key or former_key:
        raise InputError(
            "Keys and a checkpoint are compared with an exported ledger: name its file."
        )
    else:
        from countenance.cli.session import unsealed

        with unsealed() as session:
            from countenance.apps.records import queries

            report = queries.verify_ledger(session.tools.keyring, expect=kept, reader=session.actor)
            left_out = queries.left_out_for(session.actor)
    _show(report, kept=kept is not None, left_out=left_out)


def _receipt(path: Path) -> tuple[Receipt, SignedCheckpoint | None]:
    """Return a receipt that was kept, and the checkpoint that came with it, which must hold its entry."""
    import json

    from countenance.ledger.receipt import Receipt, checkpoint_with

    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise InputError(f"The receipt {path} cannot be read.") from None
    if isinstance(read, dict) and isinstance(read.get("receipt"), dict):
        read = read["receipt"]
    if not isinstance(read, dict):
        raise InputError(f"{path} holds no receipt.")
    kept = Receipt.from_dict(read)
    return kept, checkpoint_with(kept, read.get("witnessed"))


def _show(report: Report, *, kept: bool, left_out: frozenset[str]) -> None:
    value: dict[str, Any] = {
        "verified": True,
        "deployment": str(report.deployment),
        "size": report.size,
        "root": report.root.hex(),
        "first": report.first.isoformat() if report.first else None,
        "last": report.last.isoformat() if report.last else None,
        "actions": {
            action: count
            for action, count in sorted(report.actions.items())
            if action not in left_out  # An examiner would read in them how far others are.
        },
        "bodies": report.bodies_shown,
        "erased": report.erased,
        "receipt": kept,
        "checkpoint": report.checkpoint is not None,
        "witnessed_by": [one.key.name for one in report.witnessed_by],
    }
    rows = [(action, count) for action, count in value["actions"].items()]
    lines = [
        f"The ledger verifies: {report.size} entries, root {report.root.hex()}.",
        f"Bodies checked: {report.bodies_shown}; erased: {report.erased}.",
    ]
    lines.append(
        "The kept receipt is in it."
        if kept
        else "No receipt was given, so a cut end would not show."
    )
    if report.checkpoint is not None:
        names = ", ".join(value["witnessed_by"])
        lines.append(
            f"It carries the signed checkpoint of its {report.size} entries; "
            + (f"signed by {names} too." if names else "no witness whose key you gave signed it.")
        )
    output.result(value, *lines, output.table("", ("Action", "#Entries"), rows))


@shown_with(
    "countenance ledger export ledger.jsonl",
    "countenance ledger export ledger.jsonl --bodies",
    deed=Deed.LEDGER_EXPORT,
)
def export(
    file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")],
    bodies: Annotated[
        bool,
        typer.Option(
            "--bodies",
            help="Write the bodies of your agency's entries too, in clear: who did what, and why. "
            "Needs the approval of a second person.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export the ledger to a file that anybody can verify offline with `countenance verify-ledger FILE`.

    Without --bodies the file says which action was done when and about which id, and nothing about people.
    With --bodies it discloses those of your own agency; the others stay commitments, which verify all the
    same. A second person's approval allows that once, within a day; auditors ask for it in the web app,
    under Ledger. The export is itself recorded, and ends with that entry and its signed checkpoint.
    """
    from countenance.cli.session import unsealed

    with unsealed() as session, _new_file(file) as opened:
        from countenance.apps.approvals import exporting
        from countenance.apps.records import queries
        from countenance.web import wiring, witnesses

        head = queries.head()
        exporting.note_export(session.actor, size=head.size, bodies=bodies, tools=session.tools)
        done = witnesses.sign_and_ask(tools=wiring.current())
        keyring, reader = session.tools.keyring, session.actor
        for line in queries.export_ledger(
            keyring, bodies=bodies, reader=reader, signed=done.signed
        ):
            opened.write(line + "\n")
        by = done.signed.cosigned_by(done.policy.trust.witnesses) if done.signed else []
    names = [one.key.name for one in by]
    output.result(
        {
            "file": str(file),
            "bodies": bodies,
            "recorded_size": head.size,
            "recorded_root": head.root.hex(),
            "witnessed_by": names,
        },
        f"Exported the ledger to {file}.",
        f"Its checkpoint is signed by {', '.join(names) or 'no witness'}.",
    )


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Open a new file that only its owner reads; nothing half written stays if anything fails.

    It is made before the export is recorded, so that no approval is spent on a file that cannot be.

    Raises:
        InputError: it is there already, or cannot be written.
    """
    made = False
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        made = True
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            yield opened
    except BaseException as error:
        if made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{path} cannot be written: {error.strerror}.") from None
        raise


COMMANDS: Commands = {"export": export}
