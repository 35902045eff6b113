"""`countenance verify-ledger` and `countenance ledger`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.errors import InputError
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.ledger.receipt import Receipt
    from countenance.ledger.verify import Report


@shown_with(
    "countenance verify-ledger",
    "countenance verify-ledger ledger.jsonl --receipt receipt.json",
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
    as_json: AsJson = False,
) -> None:
    """Verify a ledger: every entry, the tree over them, and what the bodies were committed to.

    Exits with 70 if anything was changed, cut or moved. A ledger that was cut at its end, or written anew as
    a whole, can only be told from a receipt that somebody kept: pass it with --receipt.
    """
    from countenance.ledger.verify import verify_export

    kept = _receipt(receipt) if receipt else None
    left_out: frozenset[str] = frozenset()
    if file is not None:
        try:
            with file.open("rb") as lines:
                report = verify_export(lines, expect=kept)
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    else:
        from countenance.cli.session import unsealed

        with unsealed() as session:
            from countenance.apps.records import queries

            report = queries.verify_ledger(session.tools.keyring, expect=kept, reader=session.actor)
            left_out = queries.left_out_for(session.actor)
    _show(report, kept=kept is not None, left_out=left_out)


def _receipt(path: Path) -> Receipt:
    import json

    from countenance.ledger.receipt import Receipt

    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise InputError(f"The receipt {path} cannot be read.") from None
    if isinstance(read, dict) and isinstance(read.get("receipt"), dict):
        read = read["receipt"]
    if not isinstance(read, dict):
        raise InputError(f"{path} holds no receipt.")
    return Receipt.from_dict(read)


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
    under Ledger. The export is itself recorded.
    """
    from countenance.cli.session import unsealed

    with unsealed() as session, _new_file(file) as opened:
        from countenance.apps.approvals import exporting
        from countenance.apps.records import queries

        head = queries.head()
        exporting.note_export(session.actor, size=head.size, bodies=bodies, tools=session.tools)
        keyring, reader = session.tools.keyring, session.actor
        for line in queries.export_ledger(keyring, bodies=bodies, reader=reader):
            opened.write(line + "\n")
    output.result(
        {
            "file": str(file),
            "bodies": bodies,
            "recorded_size": head.size,
            "recorded_root": head.root.hex(),
        },
        f"Exported the ledger to {file}.",
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
