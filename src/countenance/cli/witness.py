"""`countenance witness`: witness other people's ledgers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with

if TYPE_CHECKING:
    from countenance.sealing.factors import Factor
    from countenance.web.witness_server import WitnessFolder

Folder = Annotated[Path, typer.Argument(help="The witness's folder.")]
PORT = 8400


@shown_with(
    "countenance witness init /srv/witness --name witness.example.org/one --log NAME+ID+KEY",
    "countenance witness init /srv/witness --name witness.example.org/one --passphrase",
)
def init(
    folder: Folder,
    name: Annotated[
        str,
        typer.Option(
            help="What the witness is called: best an address of yours, without https://."
        ),
    ],
    log: Annotated[
        list[str] | None,
        typer.Option(help="The verifier key of a ledger to witness; may be given several times."),
    ] = None,
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase",
            help="Lock the key with a passphrase (Argon2id) instead of a file beside it that only you can read.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a witness with a key of its own, and print the line that ledgers are told."""
    from countenance.ledger.note import VerifierKey, witness_key
    from countenance.web.witness_server import WitnessFolder

    logs = [VerifierKey.parse(one) for one in log or ()]
    factor = _asked(twice=True) if passphrase else None
    made = WitnessFolder.make(folder, name=name, factor=factor)
    for one in logs:
        made.add_log(one)
    key = witness_key(name, made.open(factor))
    output.result(
        {"folder": str(folder), "key": str(key), "logs": [one.name for one in logs]},
        f"The witness is ready in {folder}. Its key, to be given to the ledgers that it witnesses:",
        str(key),
        "Next: `countenance witness serve`, behind a web server that speaks HTTPS.",
    )


@shown_with("countenance witness key /srv/witness")
def key(folder: Folder, as_json: AsJson = False) -> None:
    """Print the witness's verifier key, and what it signed last of each ledger."""
    from countenance.ledger.note import witness_key

    made = _opened(folder)
    line = witness_key(made.name, made.open(_factor(made)))
    seen = {origin: one.size for origin, one in made.seen().items()}
    rows = list(seen.items())
    table = output.table("Ledgers", ("Ledger", "#Entries signed last"), rows)
    output.result({"key": str(line), "logs": seen}, str(line), *([table] if rows else []))


@shown_with(
    "countenance witness log /srv/witness NAME+ID+KEY",
    "countenance witness log /srv/witness NAME+ID+KEY --instead --checkpoint both.txt",
)
def log_(
    folder: Folder,
    key: Annotated[str, typer.Argument(help="The ledger's verifier key.")],  # of the ledger
    instead: Annotated[
        bool,
        typer.Option(
            "--instead",
            help="The ledger's key was replaced: know it by this key only. What was signed last of it stays.",
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="With --instead: refuse, unless the old and the new key both signed this checkpoint."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Witness one more ledger, or a ledger by another key; a witness that serves takes it up at its next start.

    Take a new key from the custodian in person or on paper. That the old key signed beside it shows nothing if the old
    one was stolen.
    """
    from countenance.cli.checkpoints import read_checkpoint
    from countenance.errors import InputError
    from countenance.ledger.note import VerifierKey

    if checkpoint is not None and not instead:
        raise InputError(
            "A checkpoint is looked at where one key takes the place of another: --instead."
        )
    made, log = _opened(folder), VerifierKey.parse(key)
    if instead:
        made.replace_keys(log, proof=None if checkpoint is None else read_checkpoint(checkpoint))
    else:
        made.add_log(log)
    output.result({"log": log.name}, f"{log.name} is witnessed by this key from the next start on.")


@shown_with(
    "countenance witness serve /srv/witness",
    "countenance witness serve /srv/witness --host 0.0.0.0 --port 8400",
)
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = PORT,
    as_json: AsJson = False,
) -> None:
    """Sign checkpoints that go on from what was signed before, and refuse all others, until Ctrl-C.

    Speaks C2SP tlog-witness at /add-checkpoint. What it refuses although its ledger signed it is kept in the folder
    `evidence`: two histories of one ledger, each with its signature.
    """
    from countenance.cli.session import ends_tidily
    from countenance.errors import Unavailable
    from countenance.web.witness_server import WitnessApp, server_of

    made = _opened(folder)
    with ends_tidily(), made.alone():
        app = WitnessApp(made, made.open(_factor(made)))
        try:
            server = server_of(app, host=host, port=port)
        except OSError:
            raise Unavailable(
                f"Port {port} on {host} cannot be used; another program may be using it."
            ) from None
        address = f"http://{host}:{server.bind_addr[1]}"
        output.result(
            {"address": address, "key": str(app.verifier_key)},
            f"{app.verifier_key}",
            f"Witnessing on {address}  (Ctrl-C stops)",
        )
        with contextlib.suppress(KeyboardInterrupt):
            server.serve()
        server.stop()
    output.say("Stopped.")


def _opened(folder: Path) -> WitnessFolder:
    from countenance.web.witness_server import WitnessFolder

    made = WitnessFolder(folder)
    _ = made.name  # Says that there is none, if there is none.
    return made


def _factor(made: WitnessFolder) -> Factor | None:
    return _asked(twice=False) if made.needs_passphrase() else None


def _asked(*, twice: bool) -> Factor:
    """Return the passphrase of the settings, or what is typed in."""
    from countenance import config
    from countenance.cli.session import ask_secret
    from countenance.sealing.factors import Passphrase

    settings = config.current()
    if settings.passphrase is not None:
        return Passphrase(settings.passphrase.get_secret_value())
    return Passphrase(ask_secret("Passphrase of the witness's key", twice=twice))


COMMANDS: Commands = {"init": init, "key": key, "log": log_, "serve": serve}
