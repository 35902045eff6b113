"""The mark of a home that was restored and in which what was erased since is not erased again yet.

As long as it is there, no key of that home is opened for anything else than erasing it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from countenance.config import Config
from countenance.errors import ErasuresNotReplayed, TamperDetected
from countenance.ledger.head import Head
from countenance.sealing.files import make_folder, sync, write_new

NAME = "restored.json"


class Stage(StrEnum):
    """How far a restore is."""

    RESTORING = "restoring"
    NOT_REPLAYED = "erasures not replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a home was restored from.

    Attributes:
        backup: the backup's id.
        made_at: when it was made; what was erased later is in it still.
        head: the ledger as it was then.
        stage: how far the restore is.
        folder: the folder of backups that it came from; empty if that is not known.
    """

    backup: UUID
    made_at: datetime
    head: Head
    stage: Stage
    folder: str = ""


def read(settings: Config) -> Mark | None:
    """Return the mark of this home; None if it was not restored, or everything was replayed.

    Raises:
        TamperDetected: the mark cannot be read.
    """
    try:
        said = json.loads((settings.home / NAME).read_bytes())
        return Mark(
            backup=UUID(said["backup"]),
            made_at=datetime.fromisoformat(said["made_at"]),
            head=Head(size=int(said["size"]), root=bytes.fromhex(said["root"])),
            stage=Stage(said["stage"]),
            folder=str(said.get("folder", "")),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TamperDetected(f"The file {NAME} in the home folder cannot be read.") from None


def write(settings: Config, mark: Mark) -> None:
    """Write the mark durably, in place of an earlier one."""
    said: dict[str, Any] = {
        "backup": str(mark.backup),
        "made_at": mark.made_at.isoformat(),
        "size": mark.head.size,
        "root": mark.head.root.hex(),
        "stage": str(mark.stage),
        "folder": mark.folder,
    }
    make_folder(settings.home)
    replace(settings.home / NAME, (json.dumps(said, indent=2) + "\n").encode())


def remove(settings: Config) -> None:
    """Remove the mark durably: from now on the deployment serves."""
    (settings.home / NAME).unlink(missing_ok=True)
    sync(settings.home)


def permit_use(settings: Config) -> None:
    """Permit to open the keys of a home in which nothing is left to erase again.

    Raises:
        ErasuresNotReplayed: it was restored, and something is.
    """
    mark = read(settings)
    if mark is not None:
        raise ErasuresNotReplayed(backup=str(mark.backup), made_at=mark.made_at.isoformat())


def replace(path: Path, data: bytes) -> None:
    """Write a private file so that after a crash it is there whole, or as it was before."""
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        write_new(part, data)
        sync(part)
        part.replace(path)
        sync(path.parent)
    finally:
        part.unlink(missing_ok=True)
