"""Sealed objects (photos, probes, snapshots) under random ids.

A store never sees a key or a plaintext, so another one, such as a bucket, needs no trust: whatever
it returns is verified when it is unsealed.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID, uuid4

from countenance.errors import NotFound, Unavailable
from countenance.sealing.files import make_folder, sync, write_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_INCOMING: Final = "incoming"
_NAME: Final = re.compile("[0-9a-f]{32}")
_HOUR: Final = 3600.0


class SealedObjects(Protocol):
    """Where sealed objects are kept."""

    def put(self, id: UUID, sealed: bytes) -> None:
        """Store one object durably, replacing one of the same id."""

    def put_many(self, items: Iterable[tuple[UUID, bytes]]) -> None:
        """Store several objects durably."""

    def get(self, id: UUID) -> bytes:
        """Return one object, or raise `NotFound`."""

    def delete(self, id: UUID) -> None:
        """Remove one object durably; fine if it is not there."""

    def ids(self) -> Iterator[UUID]:
        """Yield the ids of all objects, in no particular order."""

    def changed(self, id: UUID) -> float | None:
        """Return when an object was written, in seconds since 1970; None if it is not there."""


class ObjectStore:
    """Sealed objects in a folder.

    An object is complete or not there: it is written beside its place, synced, renamed into its
    place, and the folder synced, before a call returns.
    """

    def __init__(self, folder: Path) -> None:
        """Open the store, making the folder if need be.

        Raises:
            Unavailable: the folder cannot be made or written.
        """
        self._folder = folder
        self._incoming = folder / _INCOMING
        with _translated():
            make_folder(self._incoming)

    def put(self, id: UUID, sealed: bytes) -> None:
        """Store one object durably, replacing one of the same id.

        Raises:
            Unavailable: it cannot be written; nothing has changed.
        """
        self.put_many([(id, sealed)])

    def put_many(self, items: Iterable[tuple[UUID, bytes]]) -> None:
        """Store several objects durably; faster than one by one.

        Raises:
            Unavailable: one cannot be written; some of the others may have been.
        """
        parts: list[tuple[Path, Path]] = []
        try:
            with _translated():
                for identity, sealed in items:
                    part = self._incoming / uuid4().hex
                    parts.append((part, self._path(identity)))
                    write_new(part, sealed)
                # Only when all are written, so that the disk can take them in one go.
                for part, _ in parts:
                    sync(part)
                for part, place in parts:
                    make_folder(place.parent)
                    os.replace(part, place)  # noqa: PTH105 - one style with the other steps.
                for shard in {place.parent for _, place in parts}:
                    sync(shard)
        except BaseException:
            for part, _ in parts:
                # A disk that became read-only refuses this too; what it refused first is what is told.
                with suppress(OSError):
                    part.unlink(missing_ok=True)
            raise

    def get(self, id: UUID) -> bytes:
        """Return one object.

        Raises:
            NotFound: there is no such object.
            Unavailable: it cannot be read.
        """
        with _translated():
            try:
                return self._path(id).read_bytes()
            except FileNotFoundError:
                raise NotFound from None

    def delete(self, id: UUID) -> None:
        """Remove one object durably; fine if it is not there.

        Raises:
            Unavailable: it cannot be removed.
        """
        self.delete_many([id])

    def delete_many(self, ids: Iterable[UUID]) -> None:
        """Remove several objects durably; faster than one by one.

        Raises:
            Unavailable: one cannot be removed; some of the others may have been.
        """
        shards: set[Path] = set()
        with _translated():
            for identity in ids:
                path = self._path(identity)
                if path.parent.is_dir():
                    path.unlink(missing_ok=True)
                    shards.add(path.parent)
            for shard in shards:
                sync(shard)

    def ids(self) -> Iterator[UUID]:
        """Yield the ids of all objects, in no particular order.

        Raises:
            Unavailable: the folder cannot be read.
        """
        with _translated():
            for path in self._folder.glob("??/*"):
                # What someone else put there, such as a file manager, is no object.
                if _NAME.fullmatch(path.name):
                    yield UUID(hex=path.name)

    def changed(self, id: UUID) -> float | None:
        """Return when an object was written, in seconds since 1970; None if it is not there."""
        with _translated():
            try:
                return self._path(id).stat().st_mtime
            except FileNotFoundError:
                return None

    def sweep(self, *, older_than: float = _HOUR) -> int:
        """Remove what a crash left half written, and return how many files that were.

        Args:
            older_than: seconds; younger files may be those of a process that is still writing.

        Raises:
            Unavailable: one cannot be removed.
        """
        limit = time.time() - older_than
        swept = 0
        with _translated():
            for part in self._incoming.iterdir():
                if part.stat().st_mtime <= limit:
                    part.unlink(missing_ok=True)
                    swept += 1
        return swept

    def _path(self, identity: UUID) -> Path:
        """Return the place of an object: its id's last two digits spread over 256 folders."""
        # The last ones, because the first digits of time-ordered ids hardly differ.
        return self._folder / identity.hex[-2:] / identity.hex


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the operating system says into an error that callers know."""
    try:
        yield
    except OSError as error:
        detail = f"The object store cannot be used: {os.strerror(error.errno or 0)}."
        raise Unavailable(detail, errno=error.errno) from error
