"""A folder of backups: what lies where in it, and nothing of what it means.

    objects/           sealed objects, each under the beginning of its SHA-256: backups share them
    backups/NAME/      one backup: backup.json, database.dump, keys/root.json
    ledger/            the ledger's entries without their bodies, in files that follow each other

Nothing in it is ever changed; what is not complete has another name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from countenance.errors import BackupBroken, Conflict, InputError, NotFound, Unavailable
from countenance.sealing.files import make_folder, sync
from countenance.sealing.store import ObjectStore

MANIFEST, DATABASE, KEY_FILE = "backup.json", "database.dump", "keys/root.json"
"""The key file lies as in a home, so that what unseals a home unseals a backup."""
_UNFINISHED = "unfinished-"
_BLOCK = 1024 * 1024


class BackupFolder:
    """One folder of backups; several backups in it share what did not change."""

    def __init__(self, path: Path) -> None:
        """Open the folder, making it if need be.

        Raises:
            Unavailable: it cannot be made or written.
        """
        self.path = path.absolute()
        self.backups = self.path / "backups"
        self.ledger = self.path / "ledger"
        try:
            for folder in (self.path, self.backups, self.ledger):
                make_folder(folder)
        except OSError as error:
            raise Unavailable(f"{path} cannot be used: {os.strerror(error.errno or 0)}.") from error
        self.objects = ObjectStore(self.path / "objects")

    @classmethod
    def existing(cls, path: Path) -> BackupFolder:
        """Open a folder in which something was backed up.

        Raises:
            NotFound: it holds none.
        """
        if not (path / "backups").is_dir():
            raise NotFound(f"{path} is no folder of backups.")
        return cls(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time write here; the lock vanishes with its process.

        Raises:
            Conflict: another one does.
        """
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("Another backup is being written to this folder.") from None
            yield
        finally:
            os.close(descriptor)

    def begin(self) -> Path:
        """Return a new folder for a backup; what an interrupted one left of its own is removed.

        Its objects stay, and are used.
        """
        for leftover in self.backups.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self.objects.sweep(older_than=0)
        made = self.backups / f"{_UNFINISHED}{os.getpid()}"
        make_folder((made / KEY_FILE).parent)
        return made

    def publish(self, part: Path, *, backup: UUID, made_at: datetime) -> str:
        """Give a complete backup its name, durably, and return it."""
        name = f"{made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{backup.hex[:8]}"
        for path in part.rglob("*"):
            sync(path)
        sync(part)
        part.rename(self.backups / name)
        sync(self.backups)
        return name

    def names(self) -> list[str]:
        """Return the names of the complete backups, the oldest first."""
        found = (path.name for path in self.backups.iterdir() if path.is_dir())
        return sorted(name for name in found if not name.startswith((_UNFINISHED, ".")))

    def chosen(self, name: str | None) -> str:
        """Return the name of one backup: the newest, unless one is named.

        Raises:
            NotFound: there is no such backup.
        """
        names = self.names()
        if not names or (name is not None and name not in names):
            raise NotFound(
                f"There is no backup {name} in {self.path}."
                if name
                else f"No backup is in {self.path}."
            )
        return name or names[-1]

    def files(self, name: str) -> Path:
        """Return the folder of one backup's own files."""
        return self.backups / name

    def add_objects(self, batch: Iterable[tuple[bytes, bytes]]) -> None:
        """Store objects, each given with its SHA-256, durably."""
        self.objects.put_many((address(digest), data) for digest, data in batch)

    def holds(self, digest: bytes) -> bool:
        """Say whether an object is here."""
        return self.objects.changed(address(digest)) is not None

    def object(self, digest: bytes) -> bytes:
        """Return an object, verified.

        Raises:
            BackupBroken: it is missing, or was changed.
        """
        try:
            data = self.objects.get(address(digest))
        except NotFound:
            raise BackupBroken("An object of the backup is missing.") from None
        if hashlib.sha256(data).digest() != digest:
            raise BackupBroken("An object of the backup was changed.")
        return data


def address(digest: bytes) -> UUID:
    """Return under which id an object of this SHA-256 lies here."""
    return UUID(bytes=digest[:16])


def digest_of(path: Path) -> tuple[bytes, int]:
    """Return SHA-256 and size of a file, in constant memory.

    Raises:
        BackupBroken: it is missing.
        Unavailable: it cannot be read.
    """
    made, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                made.update(block)
                size += len(block)
    except FileNotFoundError:
        raise BackupBroken(f"The file {path.name} of the backup is missing.") from None
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from error
    return made.digest(), size


def require_outside(folder: Path, home: Path) -> None:
    """Refuse a folder inside the home, with which it would be lost.

    Raises:
        InputError: it is inside.
    """
    if folder.resolve().is_relative_to(home.resolve()):
        raise InputError("A backup inside the home folder is lost with it. Choose another place.")
