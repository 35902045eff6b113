"""Photos on their way in, before anybody looked into them: named, or turned away by name. Pure."""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One photo to enrol.

    Attributes:
        path: where it lies.
        label: its path relative to the given folder, as shown to people.
        subject: whose photo it is; None if the manifest does not say, then it is a subject of its own.
        external_id: the photo's number in the system that it comes from.
        date: when it was taken.
        notes: whatever the steward wants to keep beside it.
    """

    path: Path
    label: str
    subject: str | None
    external_id: str | None = None
    date: date | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One thing that cannot be enrolled, and why."""

    label: str
    reason: str


def shown(name: str | os.PathLike[str]) -> str:
    """Return a file name as text that can be stored and printed: valid, composed, no control characters."""
    text = os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in {"Cc", "Cf"} else c
        for c in unicodedata.normalize("NFC", text)
    )


def fault_of(path: Path, root: Path) -> str | None:
    """Say why a file must not be opened, or None: it is a plain file that really lies below `root`."""
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except (OSError, RuntimeError, ValueError):  # the last: a name that no file can have
        return "There is no such file, or it cannot be reached."
    if not real.is_relative_to(root.resolve()):
        return "The path leads out of the folder, so it is not followed."
    if not stat.S_ISREG(kind):
        return "This is not a plain file."
    return None
