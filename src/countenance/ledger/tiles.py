"""A ledger as static files that anyone can serve (C2SP tlog-tiles): hashes in tiles, entries in bundles.

A tile holds up to 256 hashes of one height of the tree; its own subtree is eight levels high. A bundle
holds the public entries of one tile of leaves, each behind its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from countenance.errors import BadProof, InputError
from countenance.ledger.merkle import HASH_SIZE, leaf_hash, node_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from countenance.ledger.merkle import Node

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
CHECKPOINT: Final = "checkpoint"

_LENGTH_BYTES: Final = 2
_LONGEST: Final = 2**16 - 1
_DIGITS: Final = 1000


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return where a tile of hashes is served."""
    return f"tile/{level}/{_numbered(index, width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Return where the entries of a tile of leaves are served."""
    return f"tile/entries/{_numbered(index, width)}"


def tiles_of(size: int, *, since: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of each tile of a tree.

    Args:
        size: how many leaves the tree has.
        since: leave out the full tiles that the tree of that size had already.
    """
    level, old = 0, since
    while size:
        full, width = divmod(size, WIDTH)
        for index in range(old // WIDTH, full):
            yield level, index, WIDTH
        if width:
            yield level, full, width
        level, size, old = level + 1, full, old // WIDTH


def tile_bytes(node: Node, level: int, index: int, width: int) -> bytes:
    """Return the hashes of one tile."""
    first = index * WIDTH
    return b"".join(node(level * HEIGHT, first + place) for place in range(width))


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as they are served together.

    Raises:
        InputError: one is longer than its length can say.
    """
    parts = []
    for entry in entries:
        if len(entry) > _LONGEST:
            raise InputError("An entry is too long for a bundle.")
        parts.append(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry)
    return b"".join(parts)


def read_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        BadProof: it is none.
    """
    entries, place = [], 0
    while place < len(data):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(data[place:start], "big")
        entries.append(data[start:place])
    if place != len(data):
        raise BadProof("A bundle of entries is cut off.")
    return entries


def check_bundle(data: bytes, tile: bytes) -> list[bytes]:
    """Return the entries of a bundle whose hashes are those of its tile of leaves.

    Raises:
        BadProof: they are not.
    """
    entries = read_bundle(data)
    if b"".join(leaf_hash(one) for one in entries) != tile:
        raise BadProof("A bundle of entries is not that of its tile.")
    return entries


def node_from(fetch: Callable[[str], bytes], size: int) -> Node:
    """Return what gives the complete subtrees of a tree of that size from its tiles.

    What comes out is as right as the tiles are: whoever uses it checks it against a root.

    Args:
        fetch: returns what lies under a path, or raises.
        size: how many leaves the tree has.
    """
    held: dict[tuple[int, int], bytes] = {}

    def tile(level: int, index: int) -> bytes:
        if (level, index) not in held:
            width = min(WIDTH, (size >> (level * HEIGHT)) - index * WIDTH)
            data = fetch(tile_path(level, index, width)) if width > 0 else b""
            if len(data) != width * HASH_SIZE or not data:
                raise BadProof("A tile has the wrong length.")
            held[level, index] = data
        return held[level, index]

    def node(height: int, place: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        first = place << above
        data = tile(level, first // WIDTH)
        start = first % WIDTH * HASH_SIZE
        hashes = data[start : start + (HASH_SIZE << above)]
        if len(hashes) != HASH_SIZE << above:
            raise BadProof("A tile has fewer hashes than the tree.")
        return _folded([hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)])

    return node


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a complete subtree, of a power of two of hashes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [node_hash(left, right) for left, right in pairs]
    return hashes[0]


def _numbered(index: int, width: int) -> str:
    """Return an index in groups of three digits, and the width of a tile that is not full."""
    if index < 0 or not 0 < width <= WIDTH:
        raise InputError("There is no such tile.")
    index, last = divmod(index, _DIGITS)
    parts = [f"{last:03d}"]
    while index:
        index, group = divmod(index, _DIGITS)
        parts.append(f"x{group:03d}")
    path = "/".join(reversed(parts))
    return path if width == WIDTH else f"{path}.p/{width}"
