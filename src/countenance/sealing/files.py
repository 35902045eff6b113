"""Small steps on files that survive a crash, and that only the owner may read."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from countenance.errors import AlreadyExists, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet; not yet durable."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, durable and closed to others; fine if it is there."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_once(path: Path, data: bytes) -> None:
    """Write a private file durably: complete or not at all, and never over another.

    Raises:
        AlreadyExists: there is a file already.
        Unavailable: it cannot be written.
    """
    # Unlike a rename, a link fails if another process was faster.
    _write(path, data, path.hardlink_to)


def replace(path: Path, data: bytes) -> None:
    """Write a private file durably over another: the one or the other is there, whatever happens.

    Raises:
        Unavailable: it cannot be written; the file before is still there.
    """
    _write(path, data, lambda part: part.replace(path))


def _write(path: Path, data: bytes, place: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        make_folder(path.parent)
        write_new(part, data)
        sync(part)
        place(part)
        part.unlink(missing_ok=True)
        sync(path.parent)
    except FileExistsError:
        part.unlink(missing_ok=True)
        raise AlreadyExists("There is a key file already; it is never overwritten.") from None
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        detail = f"A key file cannot be written: {os.strerror(error.errno or 0)}."
        raise Unavailable(detail, errno=error.errno) from error
