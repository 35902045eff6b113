"""Putting a backup into a new home: every byte is verified before anything of it is used.

The keys come last: until then the home is none, and nothing opens it. What was done is looked at anew by the next run
after an interruption, and not done twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from countenance.config import Config
from countenance.errors import AlreadyExists, BackupBroken, NotFound, WrongState
from countenance.sealing.files import make_folder
from countenance.sealing.store import ObjectStore
from countenance.web.backups import marks, programs
from countenance.web.backups.folder import DATABASE, KEY_FILE, BackupFolder
from countenance.web.backups.manifest import Manifest, Stored
from countenance.web.backups.marks import Mark, Stage

BATCH = 64
Notify = Callable[[int, int], None]


def begin(settings: Config, manifest: Manifest) -> None:
    """Mark the home as being restored from a backup; from here on nothing else is made in it.

    Raises:
        AlreadyExists: there is a deployment in this home, or a part of one.
        WrongState: it was restored already, or from another backup.
    """
    mark = marks.read(settings)
    if mark is None:
        if settings.key_file.exists() or any(settings.objects_folder.glob("??/*")):
            raise AlreadyExists(
                f"There is a deployment in {settings.home}. A backup is restored into an empty home: choose "
                "another with COUNTENANCE_HOME."
            )
        fresh = Mark(
            backup=manifest.backup,
            made_at=manifest.made_at,
            head=manifest.head,
            stage=Stage.RESTORING,
        )
        marks.write(settings, fresh)
    elif mark.backup != manifest.backup:
        raise WrongState(f"Another backup is being restored into {settings.home}.")
    elif mark.stage != Stage.RESTORING:
        raise WrongState(
            "This backup is restored already. Repeat what was erased since: `countenance restore --erasures PLACE`."
        )


def put_objects(
    folder: BackupFolder, manifest: Manifest, settings: Config, *, notify: Notify
) -> int:
    """Verify each object and put it into the home's store; return how many were not there yet.

    Raises:
        BackupBroken: one is missing, or was changed.
    """
    store = ObjectStore(settings.objects_folder)
    put = 0

    def absent(batch: Sequence[Stored]) -> Iterator[tuple[UUID, bytes]]:
        # One after the other: a video has hundreds of megabytes.
        nonlocal put
        for one in batch:
            there = _is_there(store, one.id, one.digest)
            data = folder.object(one.digest)
            if not there:
                put += 1
                yield one.id, data

    for start in range(0, len(manifest.objects), BATCH):
        store.put_many(absent(manifest.objects[start : start + BATCH]))
        notify(min(start + BATCH, len(manifest.objects)), len(manifest.objects))
    return put


def put_database(folder: BackupFolder, name: str, manifest: Manifest) -> None:
    """Put the dump into the started, empty database, and check that its ledger is the backup's.

    Raises:
        AlreadyExists: the database is not empty.
        WrongState: a newer version of the program made the backup.
        BackupBroken: the ledger in it is another one.
    """
    # Models can only be imported once Django is set up, which comes after the rest of a restore.
    from countenance.apps.records.models import LedgerHead
    from countenance.apps.records.queries import head

    _require_known(manifest)
    if loads := not _tables():
        programs.load(folder.files(name) / DATABASE)
    there = "records_ledgerhead" in _tables() and LedgerHead.objects.exists()
    if there and head() == manifest.head:
        return
    if loads:
        raise BackupBroken("The ledger in the dump is not the one that the manifest names.")
    raise AlreadyExists("The database is not empty. A backup is restored into an empty one.")


def finish(folder: BackupFolder, name: str, settings: Config) -> Mark:
    """Put the key file in place, which makes the home a deployment; return its mark."""
    mark = marks.read(settings)
    if mark is None:
        raise NotFound("Nothing is being restored here.")
    # It is there since the restore began: at no moment are the keys here and nothing holds them back.
    mark = replace(mark, stage=Stage.NOT_REPLAYED, folder=str(folder.path.absolute()))
    data = (folder.files(name) / KEY_FILE).read_bytes()
    make_folder(settings.key_file.parent)
    marks.replace(settings.key_file, data)
    marks.write(settings, mark)
    return mark


def _is_there(store: ObjectStore, id: UUID, digest: bytes) -> bool:  # the store's word
    try:
        return hashlib.sha256(store.get(id)).digest() == digest
    except NotFound:
        return False


def _tables() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def _require_known(manifest: Manifest) -> None:
    known = {
        f"{app}.{name}"
        for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    }
    unknown = [one for one in manifest.migrations if one not in known]
    if unknown:
        raise WrongState(
            f"The backup was made by version {manifest.program}, which is newer than this one. Restore it with "
            "that version, or a newer one."
        )
