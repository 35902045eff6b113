from __future__ import annotations

import struct

import numpy as np
import pytest
from unit.index.drawn import MODEL, unit_vectors

from countenance.errors import IndexUnavailable
from countenance.index import FlatIndex

HEADER = struct.Struct("<8sHHIQ")
MAGIC, VERSION, NAME, DIMENSIONS, COUNT = b"CNTNINDX", 1, len(MODEL), 4, 3


def snapshot(
    *,
    magic: bytes = MAGIC,
    version: int = VERSION,
    name: int = NAME,
    dimensions: int = DIMENSIONS,
    count: int = COUNT,
) -> bytes:
    """Return a small snapshot written by hand, so that the format is pinned down by this test."""
    rows = np.array([5, 0, 77], dtype="<i8").tobytes()
    templates = unit_vectors(3, 4, seed=1).astype("<f4").tobytes()
    header = HEADER.pack(magic, version, name, dimensions, count)
    return header + MODEL.encode() + rows + templates


def test_the_format_is_the_one_that_earlier_snapshots_were_written_in() -> None:
    index = FlatIndex(4, model=MODEL)
    index.add(np.array([5, 0, 77]), unit_vectors(3, 4, seed=1), model=MODEL)
    assert index.to_bytes() == snapshot()


def test_an_index_comes_back_as_it_was() -> None:
    index = FlatIndex(32, model="modèle")
    index.add(np.arange(500) * 3, unit_vectors(500, 32, seed=2), model="modèle")
    index.remove(np.arange(0, 700, 2))
    back = FlatIndex.from_bytes(index.to_bytes())
    probe = unit_vectors(1, 32, seed=3)[0]
    assert (back.model, back.dimensions, len(back)) == ("modèle", 32, len(index))
    assert sorted(back.rows().tolist()) == sorted(index.rows().tolist())
    assert back.search(probe, k=50, model="modèle") == index.search(probe, k=50, model="modèle")


def test_an_index_that_came_back_can_be_changed() -> None:
    back = FlatIndex.from_bytes(snapshot())
    back.add(np.array([5, 6]), unit_vectors(2, 4, seed=4), model=MODEL)
    assert back.remove(np.array([77])) == 1
    assert sorted(back.rows().tolist()) == [0, 5, 6]


def test_an_empty_index_comes_back_empty() -> None:
    assert len(FlatIndex.from_bytes(FlatIndex(4, model=MODEL).to_bytes())) == 0


def test_every_truncation_is_refused() -> None:
    whole = snapshot()
    for length in range(len(whole)):
        with pytest.raises(IndexUnavailable):
            FlatIndex.from_bytes(whole[:length])


def test_anything_after_the_end_is_refused() -> None:
    with pytest.raises(IndexUnavailable):
        FlatIndex.from_bytes(snapshot() + b"\0")


def test_every_changed_byte_of_the_header_is_refused() -> None:
    whole = snapshot()
    for at in range(HEADER.size):
        for bit in range(8):
            changed = bytearray(whole)
            changed[at] ^= 1 << bit
            with pytest.raises(IndexUnavailable):
                FlatIndex.from_bytes(changed)


@pytest.mark.parametrize(
    "data",
    [
        snapshot(magic=b"\x93NUMPY\x01\x00"),
        snapshot(version=0),
        snapshot(version=2),
        snapshot(name=0),
        snapshot(name=65535),
        snapshot(dimensions=0),
        snapshot(dimensions=2**32 - 1),
        snapshot(count=2**64 - 1),
        snapshot(count=2**61),
        b"",
        b"IxFI" + bytes(100),
    ],
)
def test_an_impossible_header_is_refused(data: bytes) -> None:
    with pytest.raises(IndexUnavailable):
        FlatIndex.from_bytes(data)


def replaced(at: int, content: bytes) -> bytes:
    whole = bytearray(snapshot())
    whole[at : at + len(content)] = content
    return bytes(whole)


ROWS_AT = HEADER.size + NAME
TEMPLATES_AT = ROWS_AT + 8 * COUNT


@pytest.mark.parametrize(
    "data",
    [
        replaced(HEADER.size, b"\xff\xfe"),
        replaced(ROWS_AT, np.int64(-5).tobytes()),
        replaced(ROWS_AT, np.int64(77).tobytes()),
        replaced(TEMPLATES_AT, np.float32(np.nan).tobytes()),
        replaced(TEMPLATES_AT, np.float32(3).tobytes()),
        replaced(TEMPLATES_AT, bytes(16)),
    ],
    ids=["name not text", "negative row", "row twice", "NaN", "too long", "zero vector"],
)
def test_an_impossible_content_is_refused(data: bytes) -> None:
    with pytest.raises(IndexUnavailable):
        FlatIndex.from_bytes(data)
