"""The stored form of an object's own key, which stays the same when the key above it is replaced.

`wrapped`, 97 bytes, is the key sealed with its class key. Behind it stands, unless it is 1, the epoch of the
class key at which this key was *made* (4 bytes, big-endian): wrapping it anew changes the first part only, so
that it can still be told which objects are under keys of before. While an object is being sealed anew
under another key, the wrapped form of the key before follows as well (97 bytes).
"""

from __future__ import annotations

import struct
from typing import Final

from countenance.errors import SealBroken
from countenance.sealing.envelope import KEY_SIZE, OVERHEAD, Context, Key, epoch_of, seal, unseal

WRAPPED: Final = KEY_SIZE + OVERHEAD
_BORN: Final = struct.Struct(">I")
_WHOLE: Final = WRAPPED + _BORN.size
_FIRST: Final = 1

Parent = tuple[Key, int]
"""A class key and its epoch."""


def made(key: Key, parent: Parent, context: Context) -> bytes:
    """Return the stored form of a new key."""
    wrapped = seal(key.material, key=parent[0], context=context, epoch=parent[1])
    return wrapped if parent[1] == _FIRST else wrapped + _BORN.pack(parent[1])


def opened(stored: bytes, parent: Key, context: Context) -> Key:
    """Return the key.

    Raises:
        SealBroken: the stored form was changed, or is that of another object.
    """
    _check(stored)
    return Key(unseal(stored[:WRAPPED], key=parent, context=context))


def born(stored: bytes) -> int:
    """Return the epoch of the class key at which this key was made; not verified.

    Raises:
        SealBroken: this is no stored key.
    """
    _check(stored)
    return _FIRST if len(stored) == WRAPPED else int(_BORN.unpack_from(stored, WRAPPED)[0])


def former_wrapped(stored: bytes) -> bytes | None:
    """Return the wrapped form of the key before, while the object is being sealed anew."""
    _check(stored)
    return stored[_WHOLE:] or None


def oldest_epoch(stored: bytes) -> int:
    """Return the oldest epoch of a class key that this stored form needs."""
    return min(epochs_of(stored))


def epochs_of(stored: bytes) -> set[int]:
    """Return the epochs of the class key that this stored form needs, as it says."""
    former = former_wrapped(stored)
    return {epoch_of(stored)} if former is None else {epoch_of(stored), epoch_of(former)}


def remade(stored: bytes, key: Key, parent: Parent, context: Context) -> bytes:
    """Return the stored form of another key, with the key before, which still opens the object."""
    wrapped = seal(key.material, key=parent[0], context=context, epoch=parent[1])
    return wrapped + _BORN.pack(parent[1]) + stored[:WRAPPED]


def settled(stored: bytes) -> bytes:
    """Return the stored form without the key before, which nothing is under any more."""
    return stored[:_WHOLE]


def rewrapped(
    stored: bytes, key: Key, former: Key | None, parent: Parent, context: Context
) -> bytes:
    """Return the stored form of the same key, or keys, under another class key."""
    wrapped = seal(key.material, key=parent[0], context=context, epoch=parent[1])
    number = born(stored)
    if number == _FIRST and former is None:
        return wrapped
    tail = b""
    if former is not None:
        tail = seal(former.material, key=parent[0], context=context, epoch=parent[1])
    return wrapped + _BORN.pack(number) + tail


def _check(stored: bytes) -> None:
    if len(stored) not in {WRAPPED, _WHOLE, _WHOLE + WRAPPED}:
        raise SealBroken("The stored key of an object has a wrong length.")
