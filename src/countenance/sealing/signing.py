"""The key that a deployment signs with what leaves it, such as a disclosure bundle.

Ed25519 (RFC 8032). The stored key of kind `signing` is not used as it is: the seed is derived from it
under a label, so that no other use of that key could ever meet this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countenance.sealing.blind import mac_of

if TYPE_CHECKING:
    from countenance.sealing.envelope import Key

_LABEL: Final = b"countenance/signing/ed25519/1"


def signer_of(key: Key) -> Ed25519PrivateKey:
    """Return the signing key whose seed is derived from a stored key."""
    return Ed25519PrivateKey.from_private_bytes(mac_of(key.material, _LABEL))


def public_bytes(signer: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes that others verify with."""
    return signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
