"""Reading photo files: bounded, and only when their turn comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from countenance.apps.galleries.batch import Incoming, Reject
from countenance.apps.galleries.intake import Layout
from countenance.apps.galleries.items import Item
from countenance.apps.galleries.items import Reject as NotTaken
from countenance.errors import ImageRejected, InputError
from countenance.faces.limits import Limits

NOT_TAKEN = "not_taken"


def read_photo(path: Path, *, most: int = Limits().file_bytes) -> bytes:
    """Return a photo's bytes.

    Raises:
        ImageRejected: it cannot be read, is empty, or larger than a photo may be.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise ImageRejected(f"The file cannot be read: {error.strerror}.") from None
    if not data:
        raise ImageRejected("The file is empty.")
    if len(data) > most:
        raise ImageRejected(f"The file is larger than {most // 1_000_000} MB.")
    return data


def incoming(item: Item | NotTaken, *, named: bool) -> Incoming | Reject:
    """Return a planned item as the enrolment takes it.

    Args:
        item: from `intake.plan`.
        named: whether the subject was said by whoever enrols, not only derived from the file's name.
    """
    if isinstance(item, NotTaken):
        return Reject(label=item.label, code=NOT_TAKEN, reason=item.reason)
    return Incoming(
        label=item.label,
        subject=item.subject or item.label,
        subject_given=named and item.subject is not None,
        external_id=item.external_id or "",
        date=item.date.isoformat() if item.date else "",
        notes=item.notes or "",
        read=_reader(item.path),
    )


def names_subjects(path: Path, layout: Layout, manifest: Path | None) -> bool:
    """Say whether folders or a manifest name the subjects, rather than the photos' own file names."""
    if manifest is not None or path.suffix.lower() == ".csv":
        return True
    if layout is not Layout.AUTO:
        return layout is Layout.FOLDERS
    return path.is_dir() and any(
        entry.is_dir() and not entry.name.startswith(".") for entry in path.iterdir()
    )


def _reader(path: Path) -> Callable[[], bytes]:
    return partial(read_photo, path)


def probe_file(path: Path) -> bytes:
    """Return the bytes of a photo to search with.

    Raises:
        InputError: there is no such file.
        ImageRejected: it cannot be read.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    return read_photo(path)
