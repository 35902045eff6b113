"""The bytes of an index at rest: a header, the row ids, the templates, and nothing to execute."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from countenance.errors import IndexUnavailable, InputError
from countenance.index.base import (
    LONGEST_MODEL,
    MOST_DIMENSIONS,
    Rows,
    Templates,
    check_rows,
    check_templates,
)

_MAGIC: Final = b"CNTNINDX"
_VERSION: Final = 1
# Magic, version, bytes of the model's name, dimensions, rows; all little-endian.
_HEADER: Final = struct.Struct("<8sHHIQ")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an index is made of."""

    model: str
    rows: Rows
    templates: Templates


def pack(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot."""
    model = snapshot.model.encode()
    count, dimensions = snapshot.templates.shape
    header = _HEADER.pack(_MAGIC, _VERSION, len(model), dimensions, count)
    rows = np.ascontiguousarray(snapshot.rows, dtype="<i8")
    templates = np.ascontiguousarray(snapshot.templates, dtype="<f4")
    return b"".join((header, model, rows.data, templates.data))


def unpack(data: bytes | bytearray | memoryview) -> Snapshot:
    """Return the snapshot in these bytes; its arrays are views of them, not to be written to.

    The seal around the bytes is verified by the caller before they come here; the checks here
    keep a wrong or old file from becoming a wrong index.

    Raises:
        IndexUnavailable: the bytes are no snapshot of this version, whole and without more.
    """
    buffer = memoryview(data)
    if len(buffer) < _HEADER.size:
        raise _unreadable("it is too short")
    magic, version, name_length, dimensions, count = _HEADER.unpack_from(buffer)
    if magic != _MAGIC:
        raise _unreadable("it does not start as one")
    if version != _VERSION:
        raise _unreadable("it is of another version")
    if not 1 <= name_length <= LONGEST_MODEL or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise _unreadable("its header is impossible")
    rows_at = _HEADER.size + name_length
    templates_at = rows_at + 8 * count
    if len(buffer) != templates_at + 4 * count * dimensions:
        raise _unreadable("its length is not what its header says")
    try:
        model = bytes(buffer[_HEADER.size : rows_at]).decode()
        rows = check_rows(np.frombuffer(buffer[rows_at:templates_at], dtype="<i8"))
        matrix = np.frombuffer(buffer[templates_at:], dtype="<f4").reshape(count, dimensions)
        templates = check_templates(matrix, dimensions)
    except (InputError, UnicodeDecodeError) as error:
        raise _unreadable("its content is impossible") from error
    return Snapshot(model, rows, templates)


def _unreadable(why: str) -> IndexUnavailable:
    return IndexUnavailable(
        f"The snapshot of the index cannot be read: {why}. Build the index from the database."
    )
