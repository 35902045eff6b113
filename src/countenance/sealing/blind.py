"""The arithmetic of blind indexes."""

from __future__ import annotations

import unicodedata

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC


def folded(text: str) -> str:
    """Return text as the blind index compares it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def mac_of(key: bytes, data: bytes) -> bytes:
    """Return the HMAC-SHA-256 of some bytes."""
    made = HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()
