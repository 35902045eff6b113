"""The Merkle tree of RFC 9162, section 2.1, over SHA-256.

Verification raises and never returns a truth value, so that a caller cannot forget to look at it.
Leaves are given as their hashes (`leaf_hash`).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from countenance.errors import BadProof, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Subtree = Callable[[int, int], bytes]
    """The root over the leaves from a first to before a last one."""
    Node = Callable[[int, int], bytes]
    """The root of a complete subtree, by its height and its place from the left on that height."""

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_SIZE_BYTES: Final = 8


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root hash over some leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """The right edge of a tree: all that is needed to append, in 32 bytes a level."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        """Start with the empty tree."""
        self._size = 0
        # The roots of the complete subtrees that the leaves fall into, the largest (leftmost)
        # first: one for each bit that is set in the size.
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, from left to right."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash and return its inclusion path in the tree that it makes."""
        path = self._peaks[::-1]
        merged = leaf
        # As adding one to a number carries over its trailing ones, the new leaf merges with as
        # many peaks.
        carry = self._size
        while carry & 1:
            merged = node_hash(self._peaks.pop(), merged)
            carry >>= 1
        self._peaks.append(merged)
        self._size += 1
        return path

    def root(self) -> bytes:
        """Return the root hash of the whole tree."""
        if not self._peaks:
            return EMPTY_ROOT
        result = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            result = node_hash(peak, result)
        return result

    def to_bytes(self) -> bytes:
        """Return the size in eight bytes and the peaks behind it."""
        return self._size.to_bytes(_SIZE_BYTES, "big") + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """Read back what `to_bytes` wrote.

        Raises:
            InputError: these bytes are not a frontier.
        """
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        if len(data) != _SIZE_BYTES + HASH_SIZE * size.bit_count():
            detail = "The stored edge of the ledger's tree has the wrong length."
            raise InputError(detail)
        frontier = cls()
        frontier._size = size
        frontier._peaks = [
            data[start : start + HASH_SIZE] for start in range(_SIZE_BYTES, len(data), HASH_SIZE)
        ]
        return frontier


def inclusion_path(leaves: Sequence[bytes], index: int, size: int | None = None) -> list[bytes]:
    """Return the proof that a leaf is in the tree of the first `size` leaves (all by default).

    Raises:
        InputError: there is no such leaf or no such tree.
    """
    size = len(leaves) if size is None else size
    if size > len(leaves):
        detail = "There is no such leaf in a tree of that size."
        raise InputError(detail)
    return inclusion_from(lambda start, end: root(leaves[start:end]), index, size)


def inclusion_from(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Return the same proof where not the leaves are at hand but the roots of subtrees.

    Raises:
        InputError: there is no such leaf.
    """
    if not 0 <= index < size:
        detail = "There is no such leaf in a tree of that size."
        raise InputError(detail)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def verify_inclusion(
    *, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash is at `index` in the tree of that size and root.

    Raises:
        BadProof: the proof does not show that.
    """
    if not 0 <= index < size:
        _fail("A proof names a leaf outside of its tree.")
    result = leaf
    for sibling, is_left in _climb(index, size - 1, path):
        result = node_hash(sibling, result) if is_left else node_hash(result, sibling)
    _same(result, root)


def consistency_path(leaves: Sequence[bytes], old: int, new: int | None = None) -> list[bytes]:
    """Return the proof that the tree of the first `old` leaves is the beginning of that of `new`.

    Raises:
        InputError: there are no such trees.
    """
    new = len(leaves) if new is None else new
    if new > len(leaves):
        detail = "There are no trees of those sizes."
        raise InputError(detail)
    return consistency_from(lambda start, end: root(leaves[start:end]), old, new)


def consistency_from(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """Return the same proof where not the leaves are at hand but the roots of subtrees.

    Raises:
        InputError: there are no such trees.
    """
    if not 0 <= old <= new:
        detail = "There are no trees of those sizes."
        raise InputError(detail)
    if old in {0, new}:
        return []
    path: list[bytes] = []
    start, end, complete = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, complete = middle, False
    if not complete:
        path.append(subtree(start, end))
    return path[::-1]


def subtrees_of(node: Node) -> Subtree:
    """Return what gives the root of any subtree that a proof asks for, from complete ones."""

    def subtree(start: int, end: int) -> bytes:
        if start == end:
            return EMPTY_ROOT
        size = end - start
        if size & (size - 1) == 0:
            height = size.bit_length() - 1
            return node(height, start >> height)
        middle = start + _split(size)
        return node_hash(subtree(start, middle), subtree(middle, end))

    return subtree


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that nothing of the old tree was changed or cut in the new one.

    Raises:
        BadProof: the proof does not show that.
    """
    if not 0 <= old_size <= new_size:
        _fail("The ledger has become shorter.")
    if old_size in {0, new_size}:
        if path:
            _fail("A proof is too long.")
        _same(old_root, new_root if old_size == new_size else EMPTY_ROOT)
        return
    # If the old tree is complete, its root is a node of the new one and is not repeated.
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not nodes:
        _fail("A proof is too short.")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_result = new_result = nodes[0]
    for sibling, is_left in _climb(position, last, nodes[1:]):
        if is_left:
            old_result = node_hash(sibling, old_result)
            new_result = node_hash(sibling, new_result)
        else:
            new_result = node_hash(new_result, sibling)
    _same(old_result, old_root)
    _same(new_result, new_root)


def _climb(position: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each sibling on the way up, and whether it stands on the left.

    Args:
        position: where the way starts on its level.
        last: the last position of that level.
        path: the siblings, the lowest first.

    Raises:
        BadProof: there are more or fewer siblings than the way has.
    """
    for sibling in path:
        if last == 0:
            _fail("A proof is too long.")
        is_left = bool(position & 1) or position == last
        yield sibling, is_left
        # On the right edge a node without a sibling is carried up as it is.
        while is_left and position and not position & 1:
            position >>= 1
            last >>= 1
        position >>= 1
        last >>= 1
    if last != 0:
        _fail("A proof is too short.")


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _same(found: bytes, expected: bytes) -> None:
    """Refuse a hash that is not the expected one."""
    if not hmac.compare_digest(found, expected):
        _fail("A proof leads to another root.")


def _fail(detail: str) -> None:
    """Raise the one error of this module's verification."""
    raise BadProof(detail)
