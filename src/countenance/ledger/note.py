"""Signed notes (C2SP signed-note): a text, and below it one line for each signature.

A key is named by its name and a short id together; a line of another key says nothing and is passed
over, one of a known key that does not verify makes the whole note wrong. Two kinds of signature are
known: Ed25519 over the text, with which a log signs, and the timestamped cosignature of a witness
(C2SP tlog-cosignature, `cosignature/v1`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countenance.errors import BadProof, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_SIGNATURES: Final = 100
MOST_BYTES: Final = 64 * 1024

_KEY_ID: Final = 4
_PUBLIC: Final = 32
_SIGNATURE: Final = 64
_TIME: Final = 8
_LATEST: Final = 2**63
_DASH: Final = "\u2014"
_LINE: Final = re.compile(rf"{_DASH} (\S+) ([A-Za-z0-9+/]+={{0,2}})")


class KeyType(IntEnum):
    """The first byte of a public key in a note: what its signatures are over."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, as its owner gives it to others.

    Attributes:
        name: without spaces and plus signs; of a log the origin of its checkpoints.
        kind: what its signatures are over.
        public: 32 bytes.
    """

    name: str
    kind: KeyType
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what no key can be called, and what is no Ed25519 key."""
        if not is_name(self.name) or len(self.public) != _PUBLIC:
            detail = "A verifier key is a name without spaces and plus signs, and 32 bytes."
            raise InputError(detail)

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        data = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(data).digest()[:_KEY_ID]

    def __str__(self) -> str:
        """Return the key in its one line: name, id and key."""
        return f"{self.name}+{self.key_id.hex()}+{_text(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a key from its line.

        Raises:
            InputError: it is none, or of a kind that is not known.
        """
        name, _, rest = text.strip().partition("+")
        digits, _, encoded = rest.partition("+")
        try:
            data = _bytes(encoded)
            key = cls(name, KeyType(data[0]), data[1:])
            known = key.key_id.hex() == digits
        except (ValueError, IndexError, InputError):
            known = False
        if not known:
            detail = "This is no verifier key: NAME+ID+KEY, as its owner gave it."
            raise InputError(detail)
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note.

    Attributes:
        name: the name of the key that it says it is of.
        key_id: that key's id.
        data: the signature's bytes.
    """

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """Return the line with its end."""
        return f"{_DASH} {self.name} {_text(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """What verified: which key signed, and when, if its kind of signature says so."""

    key: VerifierKey
    at: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, of which none is verified yet.

    Attributes:
        text: the lines that are signed, with the last one's end.
        signatures: in their order.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """Return the note as it is sent and kept."""
        return self.text + "\n" + "".join(one.line() for one in self.signatures)

    @classmethod
    def parse(cls, data: bytes | str) -> Note:
        """Read a note.

        Raises:
            BadProof: it is none.
        """
        try:
            whole = data if isinstance(data, str) else data.decode()
            size = len(whole.encode())
        except UnicodeError:
            _fail("A note is not UTF-8.")
        if size > MOST_BYTES or any(sign < " " and sign != "\n" for sign in whole):
            _fail("A note is too long, or holds control characters.")
        text, gap, lines = whole.rpartition("\n\n")
        if not gap or not text or not lines.endswith("\n"):
            _fail("A note has no signatures.")
        return cls(text + "\n", read_lines(lines))

    def with_lines(self, more: Iterable[Signature]) -> Note:
        """Return the note with further signatures; a key's newer one takes the place of its older."""
        kept = {(one.name, one.key_id): one for one in (*self.signatures, *more)}
        return Note(self.text, tuple(kept.values()))

    def verified(self, keys: Iterable[VerifierKey]) -> list[Signed]:
        """Return which of these keys signed, each once, in the order of the note.

        Raises:
            BadProof: a signature that says it is of one of them is not.
        """
        known = {(key.name, key.key_id): key for key in keys}
        found: dict[tuple[str, bytes], Signed] = {}
        for one in self.signatures:
            key = known.get((one.name, one.key_id))
            if key is not None:
                signed = Signed(key, _verify(key, one.data, self.text))
                found.setdefault((one.name, one.key_id), signed)
        return list(found.values())


def read_lines(lines: str) -> tuple[Signature, ...]:
    """Return the signatures of some lines, each with its end.

    Raises:
        BadProof: one is no signature.
    """
    *each, rest = lines.split("\n")
    if rest or not each or len(each) > MOST_SIGNATURES:
        _fail("A note has no signatures, or too many.")
    return tuple(_read_line(one) for one in each)


def is_name(name: str) -> bool:
    """Say whether a key may be called that."""
    return (
        bool(name) and "+" not in name and not any(sign <= " " or sign.isspace() for sign in name)
    )


def sign(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """Sign a note's text as a log does."""
    return Signature(name, log_key(name, key).key_id, key.sign(text.encode()))


def cosign(text: str, name: str, key: Ed25519PrivateKey, *, at: int) -> Signature:
    """Sign a checkpoint's text as a witness does, at a time in seconds since 1970."""
    signature = key.sign(_cosigned(text, at))
    return Signature(name, witness_key(name, key).key_id, at.to_bytes(_TIME, "big") + signature)


def log_key(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    """Return what others verify a log's signatures with."""
    return VerifierKey(name, KeyType.ED25519, _public(key))


def witness_key(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    """Return what others verify a witness's cosignatures with."""
    return VerifierKey(name, KeyType.COSIGNATURE, _public(key))


def base64_of(data: bytes) -> str:
    """Return bytes as notes write them."""
    return _text(data)


def bytes_of(text: str) -> bytes:
    """Return bytes that notes wrote, which have one spelling only; ValueError if they are none."""
    return _bytes(text)


def _verify(key: VerifierKey, data: bytes, text: str) -> int | None:
    """Check one signature of a known key, and return its time if it has one."""
    at, signature, message = None, data, text.encode()
    if key.kind is KeyType.COSIGNATURE:
        at, signature = int.from_bytes(data[:_TIME], "big"), data[_TIME:]
        message = _cosigned(text, at)
    if len(signature) != _SIGNATURE or (at is not None and at >= _LATEST):
        _fail(f"A signature of {key.name} has the wrong form.")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        _fail(f"A signature of {key.name} does not verify.")
    return at


def _cosigned(text: str, at: int) -> bytes:
    """Return what a cosignature is over."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _read_line(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    try:
        data = _bytes(found[2]) if found else b""
    except ValueError:
        data = b""
    if found is None or not is_name(found[1]) or len(data) <= _KEY_ID:
        _fail("A line below a note is no signature.")
    return Signature(found[1], data[:_KEY_ID], data[_KEY_ID:])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
    if _text(data) != text:
        raise ValueError
    return data


def _fail(detail: str) -> NoReturn:
    """Raise the one error of this module's reading and verification."""
    raise BadProof(detail)
