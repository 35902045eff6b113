"""Seal and unseal bytes: AES-256-GCM with a bound context and a key commitment.

The format is written down byte by byte, with its reasons, in `docs/explanation/sealing.md`. The
golden vectors in `tests/vectors/envelope.json` hold it still: a change that breaks one of them
needs a new version byte, never a new vector under the old one.
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass
from typing import Final, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from countenance.errors import InputError, SealBroken

VERSION: Final = 1
KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
COMMITMENT_SIZE: Final = 32
TAG_SIZE: Final = 16
EPOCH_LIMIT: Final = 2**32

_HEADER: Final = struct.Struct(">BI")
_CLEAR_SIZE: Final = _HEADER.size + NONCE_SIZE + COMMITMENT_SIZE
OVERHEAD: Final = _CLEAR_SIZE + TAG_SIZE

_LABEL: Final = b"countenance/seal/1\x00"
_FIELD_LIMIT: Final = 0xFFFF
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_SHA512: Final = hashes.SHA512()

PAD_FLOOR: Final = 1024
"""The smallest size class of a sealed object, in bytes."""


class Key:
    """A 256-bit secret that cannot be printed, pickled or copied by accident."""

    __slots__ = ("_material",)
    _material: bytes

    def __init__(self, material: bytes) -> None:
        """Take exactly 32 bytes.

        Raises:
            InputError: the material has another size.
        """
        if len(material) != KEY_SIZE:
            detail = "A key is 32 bytes."
            raise InputError(detail)
        object.__setattr__(self, "_material", bytes(material))

    @classmethod
    def generate(cls) -> Key:
        """Return a new random key from the operating system's generator."""
        return cls(os.urandom(KEY_SIZE))

    @property
    def material(self) -> bytes:
        """The 32 secret bytes."""
        return self._material

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: a key never changes."""
        message = "a key cannot be changed"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: a key never changes."""
        message = "a key cannot be changed"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Key):
            return NotImplemented
        return hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((Key, self._material))

    def __repr__(self) -> str:
        """Name the type and nothing of the secret."""
        return "Key(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: a pickled key is a key in clear."""
        message = "a key cannot be pickled or copied"
        raise TypeError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Where a sealed value belongs; it opens nowhere else.

    Attributes:
        deployment: the deployment that sealed it.
        agency: its tenant, or None for what the deployment itself holds.
        kind: the class of key and of thing, such as `photo`.
        object: the id of the row or object.
        field: the column or part of that object.
        schema: the version of the plaintext's layout, so that an old layout is never read as a new.
    """

    deployment: UUID
    agency: UUID | None
    kind: str
    object: UUID | str
    field: str = ""
    schema: int = 1

    def encode(self, epoch: int) -> bytes:
        """Return the bytes that seal this context and the key's epoch to the ciphertext.

        Every part carries its length, so that no two contexts share an encoding.

        Raises:
            InputError: a part is longer than 65,535 bytes, or a number does not fit 32 bits.
        """
        if not (0 <= epoch < EPOCH_LIMIT and 0 <= self.schema < EPOCH_LIMIT):
            detail = "An epoch and a schema version are numbers of 32 bits."
            raise InputError(detail)
        if isinstance(self.object, UUID):
            about = b"u" + self.object.bytes
        else:
            about = b"s" + self.object.encode()
        parts = (
            bytes((VERSION,)),
            self.deployment.bytes,
            b"" if self.agency is None else self.agency.bytes,
            self.kind.encode(),
            about,
            self.field.encode(),
            _U32.pack(self.schema),
            _U32.pack(epoch),
        )
        encoded = bytearray()
        for part in parts:
            if len(part) > _FIELD_LIMIT:
                detail = "A part of a context is too long."
                raise InputError(detail)
            encoded += _U16.pack(len(part))
            encoded += part
        return bytes(encoded)


def seal(plaintext: bytes, *, key: Key, context: Context, epoch: int = 1) -> bytes:
    """Encrypt and bind to a context.

    Args:
        plaintext: what to seal.
        key: the key; one key may seal any number of values.
        context: where the value belongs.
        epoch: which generation of the key this is; readable without the key.
    """
    return _seal(plaintext, key=key, context=context, epoch=epoch, nonce=os.urandom(NONCE_SIZE))


def _seal(plaintext: bytes, *, key: Key, context: Context, epoch: int, nonce: bytes) -> bytes:
    """Seal under a given nonce: for golden vectors only, because a nonce must never be reused."""
    bound = context.encode(epoch)
    message_key, commitment = _derive(key, nonce, bound)
    ciphertext = AESGCM(message_key).encrypt(nonce, plaintext, bound)
    return b"".join((_HEADER.pack(VERSION, epoch), nonce, commitment, ciphertext))


def unseal(sealed: bytes, *, key: Key, context: Context) -> bytes:
    """Return the plaintext of a value that was sealed with this key for this context.

    Raises:
        SealBroken: it was changed, moved to another context, or sealed with another key.
    """
    epoch = epoch_of(sealed)
    bound = context.encode(epoch)
    nonce = sealed[_HEADER.size : _HEADER.size + NONCE_SIZE]
    message_key, commitment = _derive(key, nonce, bound)
    # The commitment is checked first, so that no plaintext is ever made with a key other than the
    # one that sealed: AES-GCM alone would let a crafted value open under two keys.
    if not hmac.compare_digest(commitment, sealed[_HEADER.size + NONCE_SIZE : _CLEAR_SIZE]):
        raise SealBroken
    try:
        return AESGCM(message_key).decrypt(nonce, sealed[_CLEAR_SIZE:], bound)
    except InvalidTag:
        raise SealBroken from None


def epoch_of(sealed: bytes) -> int:
    """Return the epoch of the key that sealed this value; not verified until it is unsealed.

    Raises:
        SealBroken: this is no sealed value, or one of an unknown version.
    """
    if len(sealed) < OVERHEAD:
        detail = "A sealed value is cut short."
        raise SealBroken(detail)
    version, epoch = _HEADER.unpack_from(sealed)
    if version != VERSION:
        detail = "A sealed value is of an unknown version."
        raise SealBroken(detail, version=version)
    return int(epoch)


def _derive(key: Key, nonce: bytes, bound: bytes) -> tuple[bytes, bytes]:
    """Return the key of one message and its commitment: the two halves of one HMAC-SHA-512."""
    mac = HMAC(key.material, _SHA512)
    mac.update(_LABEL + nonce + bound)
    derived = mac.finalize()
    return derived[:KEY_SIZE], derived[KEY_SIZE:]


def padded_size(size: int) -> int:
    """Return the size class of `size` bytes (Padmé): few classes, above the floor at most 6.25 % more.

    The top bits of the size are kept and the rest rounded up, so that what a sealed object's size
    gives away grows only with the logarithm of the logarithm of the largest size.
    """
    if size <= PAD_FLOOR:
        return PAD_FLOOR
    exponent = size.bit_length() - 1
    kept = exponent.bit_length()
    mask = (1 << (exponent - kept)) - 1
    return (size + mask) & ~mask


def pad(data: bytes) -> bytes:
    """Return `data` behind its length and in front of zeros, in one of few sizes."""
    size = _U64.size + len(data)
    return b"".join((_U64.pack(len(data)), data, bytes(padded_size(size) - size)))


def unpad(padded: bytes) -> bytes:
    """Return what `pad` was given.

    Raises:
        SealBroken: these bytes were not made by `pad`.
    """
    if len(padded) >= _U64.size:
        end = _U64.size + int(_U64.unpack_from(padded)[0])
        if padded_size(end) == len(padded) and not padded[end:].strip(b"\x00"):
            return padded[_U64.size : end]
    detail = "The padding of a sealed object is wrong."
    raise SealBroken(detail)


def seal_object(plaintext: bytes, *, key: Key, context: Context, epoch: int = 1) -> bytes:
    """Seal a photo or another large object, its size hidden among its size class."""
    return seal(pad(plaintext), key=key, context=context, epoch=epoch)


def unseal_object(sealed: bytes, *, key: Key, context: Context) -> bytes:
    """Return what `seal_object` was given.

    Raises:
        SealBroken: it was changed, moved to another context, or sealed with another key.
    """
    return unpad(unseal(sealed, key=key, context=context))
