"""`countenance backup`, `countenance verify-backup` and `countenance restore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import factor, running, unseal
from countenance.errors import InputError, NotFound

if TYPE_CHECKING:
    from countenance.config import Config
    from countenance.sealing.factors import Factor
    from countenance.web.backups.folder import BackupFolder
    from countenance.web.backups.manifest import Manifest
    from countenance.web.backups.marks import Mark

READ_ANEW = (
    "The newest backup that was there opens with none of the keys of now, as after a rotation; so every object was "
    "read, and those whose bytes are in the folder were used. That backup still restores, with the keys in it."
)
Notify = Callable[[int, int], None]
Which = Annotated[
    str | None,
    typer.Option("--backup", help="The name of one backup in the folder. Without it: the newest."),
]


@shown_with(
    "countenance backup /mnt/backups/countenance",
    "countenance backup /mnt/backups/countenance --erasures-only --json",
)
def backup(
    folder: Annotated[
        Path, typer.Argument(help="A folder of backups; it is made if it is not there.")
    ],
    erasures_only: Annotated[
        bool,
        typer.Option(
            "--erasures-only",
            help="Copy only the list of what was erased: quick, for every hour. A restore needs the newest one.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a sealed backup while the deployment serves; several in one folder share what did not change.

    It holds one snapshot of the database, every sealed photo and document that this names, and the wrapped key
    file; never what unseals, and nothing in clear. Uploads that wait to be enrolled and who is signed in are
    left out. If it is interrupted, run it again: what was copied is used. Each backup also copies the list of
    what was erased, which a restore repeats.
    """
    with running() as settings:
        tools = unseal()
        from countenance.web.backups import erasures, making
        from countenance.web.backups.folder import BackupFolder, require_outside

        place = BackupFolder(folder)
        if erasures_only:
            require_outside(place.path, settings.home)
            with place.locked():
                size = erasures.copy(place, keyring=tools.keyring)
            said: dict[str, Any] = {"folder": str(place.path), "ledger": size}
            output.result(said, f"Copied the list of what was erased, up to entry {size}.")
            return
        with _progress("Backing up") as notify:
            made = making.back_up(place, settings, tools=tools, notify=notify)
        missing = [str(one) for one in made.manifest.missing]
        output.result(
            {
                **_described(made.name, made.manifest),
                "folder": str(place.path),
                "copied": made.copied,
                "read_anew": made.read_anew,
                "missing": missing,
                "ledger": made.ledger,
            },
            f"Made the backup {made.name}: {len(made.manifest.objects)} objects, {made.copied} of them new, "
            f"{made.manifest.bytes:,} bytes.",
            *([READ_ANEW] if made.read_anew else []),
            *(
                [f"{len(missing)} objects that the database names were not in the store: {missing}"]
                if missing
                else []
            ),
        )


@shown_with("countenance verify-backup /mnt/backups/countenance")
def verify_backup(
    folder: Annotated[Path, typer.Argument(help="The folder of backups.")],
    which: Which = None,
    as_json: AsJson = False,
) -> None:
    """Read every byte of a backup and compare it with its signed manifest; needs what unseals, and no home.

    Exits with 70 if anything was changed or is missing.
    """
    from countenance import config

    place, name, manifest = _opened(config.current(), folder, which)
    from countenance.web.backups import opening

    with _progress("Verifying") as notify:
        opening.verify_objects(place, manifest, notify=notify)
    output.result(
        {"verified": True, **_described(name, manifest)},
        f"The backup {name} verifies: {len(manifest.objects)} objects, {manifest.bytes:,} bytes.",
    )


@shown_with(
    "COUNTENANCE_HOME=/srv/new countenance restore /mnt/backups/countenance --erasures /mnt/backups/countenance",
    "countenance restore --erasures /srv/old-home",
    'countenance restore --erasures-lost --reason "The disk burnt, and no copy of the list was kept"',
)
def restore(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="The folder of backups. Without it: go on with a home that was restored."
        ),
    ] = None,
    which: Which = None,
    erasures: Annotated[
        Path | None,
        typer.Option(
            help="Where the list of what was erased since is: the lost home, a folder of backups, or a ledger export. "
            "Take the newest there is."
        ),
    ] = None,
    erasures_lost: Annotated[
        bool,
        typer.Option(
            "--erasures-lost",
            help="There is no such list; what was erased since the backup stays restored.",
        ),
    ] = False,
    reason: Annotated[
        str,
        typer.Option(
            help="With --erasures-lost: why, in words. With --erasures: why to serve although something does not open and was "
            "not erased again, once that was said. It is recorded."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty home, and erase again what was erased since it was made.

    Every byte is verified before it is used. Then nothing opens the home until the erasures were repeated: give
    their list with --erasures, now or later. If it is interrupted, run it again: it goes on.
    """
    from countenance import config

    if erasures is not None and erasures_lost:
        raise InputError("Give the list of erasures, or say that it is lost.")
    settings = config.current()
    value: dict[str, Any] = {}
    if folder is not None:
        value = _restored(settings, folder, which)
    if erasures is not None or erasures_lost:
        value |= _replayed(settings, erasures, reason)
        output.result(value, *_caveat_lines(value), *_replay_lines(value))
        return
    if folder is None:
        raise InputError(
            "Name a folder of backups, or the list of what was erased with --erasures."
        )
    output.result(
        {**value, "serves": False},
        f"Restored the backup {value['name']} into {settings.home}.",
        "It does not serve yet: first repeat what was erased since, with `countenance restore --erasures PLACE`.",
    )


def _restored(settings: Config, folder: Path, which: str | None) -> dict[str, Any]:
    """Put a backup into the home, or go on with that."""
    from countenance.web import wiring
    from countenance.web.backups import restoring

    place, name, manifest = _opened(settings, folder, which)
    restoring.begin(settings, manifest)
    with _progress("Restoring") as notify:
        restoring.put_objects(place, manifest, settings, notify=notify)
    try:
        started = wiring.start(settings)
        restoring.put_database(place, name, manifest)
    finally:
        wiring.stop()
    restoring.finish(place, name, started)
    return {**_described(name, manifest), "home": str(settings.home)}


def _replayed(settings: Config, erasures: Path | None, reason: str) -> dict[str, Any]:
    """Erase again what was erased since the backup."""
    from countenance.web import wiring
    from countenance.web.backups.marks import Stage

    mark = _mark(settings)
    if mark.stage != Stage.NOT_REPLAYED:
        raise InputError("The restore is not complete. Run it again with the folder of backups.")
    try:
        started = wiring.start(settings)
        wiring.migrate()
        tools = wiring.open_keys(factor())
        from countenance.web.backups import caveats, replaying

        # Looked for before anything is done: who reads of them may have to restore anew.
        known = caveats.look(erasures, mark=mark, keyring=tools.keyring) if erasures else {}
        with _progress("Erasing again") as notify:
            done = replaying.replay(
                started, mark, place=erasures, reason=reason, tools=tools, notify=notify
            )
    finally:
        wiring.stop()
    return {**done, **known, "serves": True}


def _mark(settings: Config) -> Mark:
    from countenance.web.backups import marks

    mark = marks.read(settings)
    if mark is None:
        raise NotFound(f"Nothing is left to erase again in {settings.home}.")
    return mark


def _opened(
    settings: Config, folder: Path, which: str | None
) -> tuple[BackupFolder, str, Manifest]:
    """Open a backup with what unseals it; its manifest, dump and key file are verified."""
    from countenance.web.backups import opening
    from countenance.web.backups.folder import BackupFolder

    place = BackupFolder.existing(folder)
    name = place.chosen(which)
    manifest, _ = opening.open_backup(place, name, _factor(settings, place.files(name)))
    return place, name, manifest


def _factor(settings: Config, backup: Path) -> Factor:
    """Return what unseals a backup: asked for as for a home, because its key file lies as in one."""
    from countenance import config
    from countenance.sealing.factors import FileFactor
    from countenance.sealing.keyfile import factor_kind

    as_home = settings.model_copy(update={"home": backup})
    if factor_kind(as_home.key_file) == FileFactor.kind:
        # Which is in no backup: it is copied into the new home by hand.
        return FileFactor(settings.file_factor)
    config.install(as_home)
    try:
        return factor()
    finally:
        config.install(settings)


def _described(name: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": name,
        "backup": str(manifest.backup),
        "deployment": str(manifest.deployment),
        "made_at": manifest.made_at.isoformat(),
        "objects": len(manifest.objects),
        "bytes": manifest.bytes,
        "recorded_size": manifest.head.size,
        "recorded_root": manifest.head.root.hex(),
    }


def _caveat_lines(value: dict[str, Any]) -> Iterator[str]:
    yield from value.get("caveats", ())
    for one in value.get("left_out", ()):
        yield f"  entry {one['index']}: {one['action'] or 'cannot be read'} {one['about'] or ''}".rstrip()


def _replay_lines(value: dict[str, Any]) -> Iterator[str]:
    yield f"Continued the ledger by {value['entries']} entries, and did again what they erased or took away."
    for action, count in value["repeated"].items():
        yield f"  {action}: {count}"
    if value["invitations_withdrawn"]:
        yield f"  Invitations that were open in the backup, withdrawn: {value['invitations_withdrawn']}"
        yield "Their links may have been used since. Invite again whoever still waits for one."
    if value["approvals_withdrawn"]:
        yield f"  Requests for approval that were open or unused in the backup, withdrawn: {value['approvals_withdrawn']}"
        yield "They may have been refused or used since. Ask again for what is still wanted."
    if value["not_repeated"]:
        yield "What is about these does not open and was not done again, for the reason that you gave:"
        for action, ids in value["not_repeated"].items():
            yield from (f"  {action}: {one}" for one in ids)
    yield f"Known is what was erased until {value['known_until']}; what was erased later is there again."
    if value["by_hand"]:
        yield "Since the backup people also did this, which you have to repeat yourselves; below each what it was about:"
        for action, count in value["by_hand"].items():
            yield f"  {action}: {count}"
            yield from (f"    {one}" for one in value["by_hand_about"].get(action, ()))
        if "password.changed" in value["by_hand"]:
            yield "  Their passwords of the backup open nothing. Let in anew whoever has no passkey either."
    yield (
        f"The lost ledger is known up to {value['known_size']} entries. A witness or checkpoint that saw more contradicts "
        "what is recorded from here on: before you serve, restore anew with a list that reaches further, if there is one."
    )
    yield "The deployment may serve now: `countenance serve`."


@contextmanager
def _progress(words: str) -> Iterator[Notify]:
    from rich import progress  # slow to import

    columns = (
        progress.TextColumn(words),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    console = output.console()
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=None)

        def notify(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield notify
