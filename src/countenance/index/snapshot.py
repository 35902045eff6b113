"""The bytes of an index at rest: a header, then arrays one behind the other, and nothing to execute.

Version 1 holds row ids and templates. Version 2 is that of a quantised index: a second header, row ids and
templates that have no code yet, then for each shard the quantiser, row ids, templates in half precision and
codes. All numbers are little-endian. Codes are laid out as FAISS does; where a sample of them does not
say what the kept rows say, because another version lays them out otherwise, they are made anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
from countenance.index.codes import Codes, sampled
from countenance.index.kept import Kept
from countenance.index.shard import SHARD, Shard

_MAGIC: Final = b"CNTNINDX"
FLAT, QUANTISED = 1, 2
"""The versions, one for each kind of index."""
# Magic, version, bytes of the model's name, dimensions, rows; all little-endian.
_HEADER: Final = struct.Struct("<8sHHIQ")
# Shards.
_QUANTISED: Final = struct.Struct("<I")
# Rows, bytes of the codes.
_SHARD: Final = struct.Struct("<IQ")
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an index is made of."""

    model: str
    rows: Rows
    templates: Templates


@dataclass(frozen=True, slots=True)
class Quantised:
    """What a quantised index is made of; `rows` and `templates` are those without a code."""

    model: str
    rows: Rows
    templates: Templates
    shards: Sequence[Shard]

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return int(self.templates.shape[1])


class _Reader:
    """Takes one array after the other out of the bytes."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._buffer = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        """Return how many bytes there still are."""
        return len(self._buffer) - self._at

    def bytes(self, count: int) -> memoryview:
        """Return the next bytes.

        Raises:
            IndexUnavailable: there are not as many.
        """
        if count > self.left:
            raise _unreadable("its length is not what its header says")
        self._at += count
        return self._buffer[self._at - count : self._at]

    def header(self, form: struct.Struct) -> tuple[Any, ...]:
        """Return the next numbers."""
        return form.unpack(self.bytes(form.size))

    def array(self, kind: str, *shape: int) -> np.ndarray[Any, Any]:
        """Return a view of the next array."""
        numbers = 1
        for length in shape:
            numbers *= length
        data = self.bytes(np.dtype(kind).itemsize * numbers)
        return np.frombuffer(data, dtype=kind).reshape(shape)


def version_of(data: bytes | bytearray | memoryview) -> int:
    """Return the version of a snapshot, which says of what kind the index in it is.

    Raises:
        IndexUnavailable: it does not start as a snapshot.
    """
    version, _, _, _ = _begin(_Reader(data))
    return version


def pack(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot."""
    model = snapshot.model.encode()
    count, dimensions = snapshot.templates.shape
    header = _HEADER.pack(_MAGIC, FLAT, len(model), dimensions, count)
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
    reader = _Reader(data)
    version, name_length, dimensions, count = _begin(reader)
    if version != FLAT:
        raise _unreadable("it is of another version")
    if reader.left != name_length + count * (8 + 4 * dimensions):
        raise _unreadable("its length is not what its header says")
    try:
        model = bytes(reader.bytes(name_length)).decode()
        rows = check_rows(reader.array("<i8", count))
        templates = check_templates(reader.array("<f4", count, dimensions), dimensions)
    except (InputError, UnicodeDecodeError) as error:
        raise _unreadable("its content is impossible") from error
    return Snapshot(model, rows, templates)


def pack_quantised(held: Quantised) -> bytes:
    """Return the bytes of a quantised index; none of its positions may be gone."""
    model = held.model.encode()
    count = len(held.rows)
    parts: list[Any] = [
        _HEADER.pack(_MAGIC, QUANTISED, len(model), held.dimensions, count),
        model,
        _QUANTISED.pack(len(held.shards)),
        np.ascontiguousarray(held.rows, dtype="<i8").data,
        np.ascontiguousarray(held.templates, dtype="<f4").data,
    ]
    for shard in held.shards:
        packed = shard.codes.packed()
        parts += [_SHARD.pack(shard.size, packed.size), shard.codes.centroids.data]
        parts += [shard.ids[: shard.size].data, shard.kept.numbers[: shard.size].data]
        parts.append(packed.data)
    return b"".join(parts)


def unpack_quantised(data: bytes | bytearray | memoryview) -> Quantised:
    """Return the parts of a quantised index, copied out of these bytes; see `unpack`.

    Raises:
        IndexUnavailable: the bytes are no snapshot of this version, whole and without more.
    """
    reader = _Reader(data)
    version, name_length, dimensions, count = _begin(reader)
    if version != QUANTISED:
        raise _unreadable("it is of another version")
    try:
        model = bytes(reader.bytes(name_length)).decode()
        (shards,) = reader.header(_QUANTISED)
        rows = check_rows(reader.array("<i8", count))
        templates = check_templates(reader.array("<f4", count, dimensions), dimensions)
        read = [_shard(reader, dimensions) for _ in range(shards)]
        check_rows(np.concatenate([rows, *(shard.ids[: shard.size] for shard in read)]))
    except (InputError, UnicodeDecodeError) as error:
        raise _unreadable("its content is impossible") from error
    if reader.left:
        raise _unreadable("its length is not what its header says")
    return Quantised(model, rows, templates, read)


def _shard(reader: _Reader, dimensions: int) -> Shard:
    count, packed_bytes = reader.header(_SHARD)
    if not 1 <= count <= SHARD:
        raise _unreadable("its header is impossible")
    centroids = reader.array("<f4", 16 * dimensions).astype(np.float32)
    if not np.isfinite(centroids).all():
        raise _unreadable("its content is impossible")
    shard = Shard.empty(Codes(dimensions, centroids), dimensions)
    shard.ids[:count] = reader.array("<i8", count)
    shard.kept.numbers[:count] = reader.array("<f2", count, dimensions)
    packed = reader.array("u1", packed_bytes)
    for templates in _chunks(shard.kept, count):
        check_templates(templates, dimensions)
    return _coded(shard, count, packed)


def _coded(shard: Shard, count: int, packed: np.ndarray[Any, Any]) -> Shard:
    """Return the shard with its stored codes, or with new ones if they do not fit its rows."""
    ids = shard.ids[:count]
    order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
    sample = sampled(count)
    fresh = shard.codes.empty()
    codes = fresh.loaded(packed, shard.kept.read(sample), sample)
    if codes is None:
        codes = shard.codes
        for templates in _chunks(shard.kept, count):
            codes = codes.extended(templates)
    return Shard(codes, shard.ids, shard.kept, shard.gone, count, order)


def _chunks(kept: Kept, count: int) -> Iterator[Templates]:
    for start in range(0, count, _CHUNK):
        yield kept.read(slice(start, min(start + _CHUNK, count)))


def _begin(reader: _Reader) -> tuple[int, int, int, int]:
    """Return version, length of the model's name, dimensions and rows, from the header."""
    if reader.left < _HEADER.size:
        raise _unreadable("it is too short")
    magic, version, name_length, dimensions, count = reader.header(_HEADER)
    if magic != _MAGIC:
        raise _unreadable("it does not start as one")
    if version not in {FLAT, QUANTISED}:
        raise _unreadable("it is of another version")
    if not 1 <= name_length <= LONGEST_MODEL or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise _unreadable("its header is impossible")
    return version, name_length, dimensions, count


def _unreadable(why: str) -> IndexUnavailable:
    return IndexUnavailable(
        f"The snapshot of the index cannot be read: {why}. Build the index from the database."
    )
