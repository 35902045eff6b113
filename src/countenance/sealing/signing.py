"""The key that a deployment signs with what leaves it, such as a disclosure bundle.

Ed25519 (RFC 8032). The stored key of kind `signing` is not used as it is: the seed is derived from it
under a label, so that no other use of that key could ever meet this one. When it is replaced, the old key signs
which one follows it, so that whoever knows only the old one can go on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countenance.sealing.blind import mac_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from countenance.sealing.envelope import Key

_LABEL: Final = b"countenance/signing/ed25519/1"
_FOLLOWS: Final = b"countenance/signing/follows/1"


def signer_of(key: Key) -> Ed25519PrivateKey:
    """Return the signing key whose seed is derived from a stored key."""
    return Ed25519PrivateKey.from_private_bytes(mac_of(key.material, _LABEL))


def public_bytes(signer: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes that others verify with."""
    return signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def link(signer: Ed25519PrivateKey, new: bytes, deployment: UUID) -> dict[str, str]:
    """Return what says that a deployment's key is followed by another, signed by the one that ends."""
    old = public_bytes(signer)
    signature = signer.sign(_followed_by(old, new, deployment))
    return {"old": old.hex(), "new": new.hex(), "signature": signature.hex()}


def followed(
    known: Iterable[bytes], links: Iterable[Mapping[str, Any]], deployment: UUID
) -> list[bytes]:
    """Return the keys that are known, and those that follow them by these links, in their order.

    Raises:
        InvalidSignature: a link from a known key was not signed by it.
        ValueError, KeyError, TypeError: a link has another form.
    """
    found = list(known)
    for one in links:
        old, new = bytes.fromhex(one["old"]), bytes.fromhex(one["new"])
        if old in found and new not in found:
            verify_with([old], bytes.fromhex(one["signature"]), _followed_by(old, new, deployment))
            found.append(new)
    return found


def verify_with(keys: Iterable[bytes], signature: bytes, data: bytes) -> None:
    """Check that one of these keys signed this.

    Raises:
        InvalidSignature: none did.
    """
    for one in keys:
        try:
            return Ed25519PublicKey.from_public_bytes(one).verify(signature, data)
        except InvalidSignature:
            continue
    raise InvalidSignature


def _followed_by(old: bytes, new: bytes, deployment: UUID) -> bytes:
    return _FOLLOWS + deployment.bytes + old + new
