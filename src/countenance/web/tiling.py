"""Writing the ledger as static files (C2SP tlog-tiles)."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from countenance.apps.records import tree
from countenance.apps.records.models import LedgerRow
from countenance.errors import InputError, LedgerBroken
from countenance.ledger import tiles
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.merkle import leaf_hash


def write_tiles(folder: Path, signed: SignedCheckpoint) -> int:
    """Write what is missing of the ledger up to a checkpoint, the checkpoint last; return how many files.

    Tiles that are full never change, so those that are there stay as they are.

    Raises:
        InputError: the folder cannot be written.
        LedgerBroken: an entry is gone.
    """
    written = 0
    try:
        for level, index, width in tiles.tiles_of(signed.checkpoint.size):
            place = folder / tiles.tile_path(level, index, width)
            if place.exists():
                continue
            if level == 0:
                entries = _entries(index * tiles.WIDTH, width)
                _put(folder / tiles.bundle_path(index, width), tiles.bundle(entries))
                _put(place, b"".join(leaf_hash(one) for one in entries))
                written += 2
            else:
                _put(place, tiles.tile_bytes(tree.node, level, index, width))
                written += 1
        _put(folder / tiles.CHECKPOINT, str(signed).encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {os.strerror(error.errno or 0)}.") from None
    return written + 1


def _entries(first: int, width: int) -> list[bytes]:
    """Return the public entries of one tile."""
    rows = LedgerRow.objects.filter(index__gte=first, index__lt=first + width).order_by("index")
    entries = [bytes(one) for one in rows.values_list("entry", flat=True)]
    if len(entries) != width:
        raise LedgerBroken(f"Entries are missing between {first} and {first + width - 1}.")
    return entries


def _put(path: Path, data: bytes) -> None:
    """Write a file as a whole: whoever reads it meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    part.write_bytes(data)
    part.replace(path)
