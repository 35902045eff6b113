"""Every key-like value that lies anywhere, tried on what the deployment's keys seal.

A thief who holds several artefacts together has more than each of them only if something in one opens
something in another. So whatever could be a key, in any artefact, is tried on one value of each key of the
deployment; that covers every subset of the artefacts, as far as keys that lie there go. It is written from the published format (docs/explanation/sealing.md),
as a thief would, and shares no code with the cipher that it tries.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

KEY = 32
NONCE_AT, COMMITMENT_AT, SEALED_AT = 5, 17, 49
LABEL = b"countenance/seal/1\x00"
SMALL = 4096
"""A file beside the objects that is not longer is looked at from every byte on: key files are small."""

_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{43,}={0,2}")

Lock = Mapping[str, str]


def key_like(data: bytes, *, everywhere: bool = False) -> set[bytes]:
    """Return everything of 32 bytes in some bytes that may be a key, as it is or written as text.

    Args:
        data: any bytes.
        everywhere: a key may begin at any byte, as in a small file; otherwise where a sealed value has parts.
    """
    found = set(_windows(data, everywhere=everywhere))
    for run in _HEX.findall(data):
        found |= set(_windows(bytes.fromhex(run[: len(run) // 2 * 2].decode())))
    for run in _BASE64.findall(data):
        if _HEX.fullmatch(run) is None:
            found |= set(_windows(_from_base64(run)))
    return found


def of_secret(secret: str | bytes) -> set[bytes]:
    """Return the keys that a leaked secret may stand for: itself, its hashes, and what it may spell."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    found = {
        hashlib.sha256(raw).digest(),
        hashlib.sha512(raw).digest()[:KEY],
        raw[:KEY].ljust(KEY, b"\0"),
    }
    found |= key_like(raw, everywhere=True)
    if len(raw) == KEY:
        found.add(raw)
    return found


def opened(keys: Iterable[bytes], locks: Iterable[Lock]) -> list[tuple[bytes, str]]:
    """Return the keys that open something, and what; whether one does stands in its commitment."""
    tries = [
        (
            LABEL
            + (sealed := bytes.fromhex(lock["sealed"]))[NONCE_AT:COMMITMENT_AT]
            + bytes.fromhex(lock["bound"]),
            sealed[COMMITMENT_AT:SEALED_AT],
            lock["what"],
        )
        for lock in locks
    ]
    digest = hmac.digest
    return [
        (key, what)
        for key in keys
        for message, commitment, what in tries
        if digest(key, message, "sha512")[KEY:] == commitment
    ]


def _windows(data: bytes, *, everywhere: bool = False) -> Iterable[bytes]:
    """Yield the parts of 32 bytes at which a key may lie."""
    starts: Iterable[int] = (0, COMMITMENT_AT, SEALED_AT, len(data) - KEY)
    if everywhere:
        starts = range(len(data) - KEY + 1)
    for start in starts:
        if 0 <= start <= len(data) - KEY:
            yield data[start : start + KEY]


def _from_base64(run: bytes) -> bytes:
    """Return what base64 text stands for, of either alphabet."""
    text = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""
