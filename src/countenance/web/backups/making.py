"""Making a backup while the deployment serves: one snapshot of the database, and the objects that it names.

What is erased meanwhile has no object any more, and is left out. What a killed backup has copied is used by the next
one, and so is what an earlier backup in the same folder holds already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import QuerySet

from countenance import __version__
from countenance.apps.agencies.models import VettingDocument
from countenance.apps.evaluations.models import KeptTrials, NonMates
from countenance.apps.galleries.models import Collection, IndexSnapshot, Photo, StagedPhoto
from countenance.apps.records import restoring as services
from countenance.apps.records import signers
from countenance.apps.records.keys import load_keys
from countenance.apps.records.queries import head
from countenance.apps.records.sealed import ObjectSealedModel
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe
from countenance.config import Config
from countenance.errors import BackupBroken, Conflict, CountenanceError, NotFound, Unavailable
from countenance.ledger.head import Head
from countenance.policy import SYSTEM
from countenance.sealing.keyfile import Root
from countenance.sealing.kinds import KeyRecord
from countenance.tools import Tools
from countenance.web import keykeeping
from countenance.web.backups import erasures, manifest, programs
from countenance.web.backups.folder import (
    DATABASE,
    KEY_FILE,
    MANIFEST,
    BackupFolder,
    digest_of,
    require_outside,
)
from countenance.web.backups.manifest import Manifest, Part, Stored
from countenance.web.backups.marks import replace

LEFT_OUT = (IndexSnapshot, Collection, StagedPhoto)
"""Kinds that are made or uploaded again after a restore, so that none of their objects is backed up."""
ALWAYS_STORED = (Photo, Probe, Footage, VettingDocument, NonMates, KeptTrials)
"""Kinds of which each row with a key has an object; a missing one is a loss."""
BATCH = 64
_TRIES = 3

Notify = Callable[[int, int], None]
"""Told how many objects are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made.

    Attributes:
        name: its name in the folder.
        manifest: what it is made of.
        copied: how many objects were written; the others were there.
        read_anew: every object was read, because the newest backup in the folder opens with none of the keys of now.
        ledger: up to which size the folder holds the ledger's entries.
    """

    name: str
    manifest: Manifest
    copied: int
    read_anew: bool
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """What one moment of the database holds, beside its dump."""

    at: datetime
    head: Head
    keys: Sequence[KeyRecord]
    named: Sequence[UUID]
    migrations: tuple[str, ...]


def back_up(folder: BackupFolder, settings: Config, *, tools: Tools, notify: Notify) -> Made:
    """Make a backup and record it.

    Raises:
        InputError: the folder is inside the home.
        Conflict: another backup is being written there, or the key file changes all the time.
        WrongState: keys are being rotated; what is sealed meanwhile would not open with the keys in the dump.
        Unavailable: it cannot be written, or PostgreSQL's programs are missing.
    """
    require_outside(folder.path, settings.home)
    with folder.locked(), keykeeping.alone(tools):
        tools.keyring.take_in(load_keys())
        part = folder.begin()
        found, key_file = _taken(part, settings, tools=tools)
        known = _known(folder, tools=tools)
        objects, copied, missing = _copy(folder, found, known or {}, tools=tools, notify=notify)
        made = Manifest(
            backup=uuid4(),
            deployment=tools.keyring.deployment,
            made_at=found.at,
            program=__version__,
            migrations=found.migrations,
            head=found.head,
            database=_part(part / DATABASE),
            key_file=key_file,
            objects=tuple(objects),
            missing=tuple(missing),
        )
        data = manifest.write(made, records=found.keys, keyring=tools.keyring)
        _require_opens(data, tools=tools)
        replace(part / MANIFEST, data)
        # Before it has its name: no backup is complete that the ledger does not know.
        services.note_backup(
            SYSTEM,
            backup=made.backup,
            head=made.head,
            manifest=hashlib.sha256(data).hexdigest(),
            objects=len(objects),
            missing=len(missing),
            tools=tools,
        )
        name = folder.publish(part, backup=made.backup, made_at=made.made_at)
        return Made(
            name=name,
            manifest=made,
            copied=copied,
            read_anew=known is None,
            ledger=erasures.copy(folder, keyring=tools.keyring),
        )


def _taken(part: Path, settings: Config, *, tools: Tools) -> tuple[_Snapshot, Part]:
    """Dump the database and copy the key file that opens it: neither is of another moment than the other."""
    for _ in range(_TRIES):
        before = _key_file(settings)
        (part / DATABASE).unlink(missing_ok=True)
        found = _dump(part, tools=tools)
        if _key_file(settings) == before:
            replace(part / KEY_FILE, before)
            return found, Part(digest=hashlib.sha256(before).digest(), size=len(before))
    raise Conflict("The key file is being changed. Run the backup again when that is done.")


def _key_file(settings: Config) -> bytes:
    try:
        return settings.key_file.read_bytes()
    except OSError as error:
        raise Unavailable(f"The key file cannot be read: {error.strerror}.") from error


def _dump(part: Path, *, tools: Tools) -> _Snapshot:
    """Dump one snapshot of the database, and return what else the backup needs to know of it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        programs.dump(part / DATABASE, snapshot=str(cursor.fetchone()[0]))
        return _Snapshot(
            at=tools.clock(),
            head=head(),
            keys=load_keys(),
            named=sorted(_named()),
            migrations=_migrations(),
        )


def _require_opens(data: bytes, *, tools: Tools) -> None:
    """Refuse a manifest that the keys which it carries itself do not open."""
    roots = tools.keyring.chest.roots
    epoch = max(roots)
    former = {one: key for one, key in roots.items() if one != epoch}
    root = Root(key=roots[epoch], epoch=epoch, deployment=tools.keyring.deployment, former=former)
    try:
        manifest.read(data, root=root)
    except BackupBroken:
        raise Conflict("Keys were changed while the backup was made. Run it again.") from None


def _migrations() -> tuple[str, ...]:
    applied = MigrationRecorder(connection).applied_migrations()
    return tuple(sorted(f"{app}.{name}" for app, name in applied))


def _named() -> Iterator[UUID]:
    """Yield the id of each row that may have an object, but for those that are left out."""
    for model in apps.get_models():
        if issubclass(model, ObjectSealedModel) and not issubclass(model, LEFT_OUT):
            yield from _keyed(model).values_list("pk", flat=True).iterator()


def _keyed(model: type[ObjectSealedModel]) -> QuerySet[Any]:
    return model._default_manager.exclude(object_key=None)  # noqa: SLF001 # Django's public name


def _copy(
    folder: BackupFolder,
    found: _Snapshot,
    known: Mapping[UUID, Stored],
    *,
    tools: Tools,
    notify: Notify,
) -> tuple[list[Stored], int, list[UUID]]:
    """Copy the objects; return them, how many were written, and which are missing."""
    stored: list[Stored] = []
    absent: list[UUID] = []
    copied = 0

    def new(batch: Sequence[UUID]) -> Iterator[tuple[bytes, bytes]]:
        # One after the other: a video has hundreds of megabytes.
        nonlocal copied
        for one in batch:
            taken, data = _take(one, known.get(one), folder=folder, tools=tools)
            absent.append(one) if taken is None else stored.append(taken)
            if taken is not None and data is not None:
                copied += 1
                yield taken.digest, data

    for start in range(0, len(found.named), BATCH):
        folder.add_objects(new(found.named[start : start + BATCH]))
        notify(min(start + BATCH, len(found.named)), len(found.named))
    return stored, copied, _lost(absent)


def _take(
    one: UUID, known: Stored | None, *, folder: BackupFolder, tools: Tools
) -> tuple[Stored | None, bytes | None]:
    """Return how an object is stored, None without one, and its bytes unless the folder holds them."""
    changed = tools.store.changed(one)
    if changed is None:
        return None, None
    moment = round(changed * 1_000_000)
    if known is not None and known.changed == moment and folder.holds(known.digest):
        return known, None
    try:
        data = tools.store.get(one)
    except NotFound:
        return None, None
    digest = hashlib.sha256(data).digest()
    stored = Stored(id=one, digest=digest, size=len(data), changed=moment)
    return stored, None if folder.holds(digest) else data


def _known(folder: BackupFolder, *, tools: Tools) -> dict[UUID, Stored] | None:
    """Return what the newest backup of this folder holds, so that it need not be read again; None if it does not open.

    One of before a rotation opens with the keys that came with it, and with none of those of now.
    """
    names = folder.names()
    if not names:
        return {}
    path = folder.files(names[-1])
    try:
        data, past = (path / MANIFEST).read_bytes(), signers.verifying_keys(tools.keyring)
        former = manifest.read_with(data, keyring=tools.keyring, past=past)
    except (OSError, CountenanceError):
        # Of before a rotation, of another deployment, or damaged: everything is read, and nothing of it is trusted.
        return None
    return {one.id: one for one in former.objects}


def _lost(absent: Sequence[UUID]) -> list[UUID]:
    """Return those that have no object although nobody removed them meanwhile."""
    if not absent:
        return []
    rows = (_keyed(model).filter(pk__in=absent) for model in ALWAYS_STORED)
    return sorted(pk for found in rows for pk in found.values_list("pk", flat=True))


def _part(path: Path) -> Part:
    digest, size = digest_of(path)
    return Part(digest=digest, size=size)
