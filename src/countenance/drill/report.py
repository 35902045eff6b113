"""The drill's report: signed, to be checked offline, and as a page to print.

The key that signs is the drill's own deployment's, which is gone when the drill ends: it shows that nothing
in the report was changed since, to whoever wrote down the key that the drill printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countenance.errors import BadProof
from countenance.ledger.entry import canonical_json

LABEL = b"countenance/breach-drill/1\n"


def signed(report: Mapping[str, Any], seed: bytes) -> dict[str, Any]:
    """Return a report with its signature and the key that checks it (Ed25519, RFC 8032)."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(LABEL + canonical_json(report))
    return {"report": dict(report), "public_key": public.hex(), "signature": signature.hex()}


def checked(data: bytes, *, key: str = "") -> dict[str, Any]:
    """Return the report of a signed document.

    Args:
        data: the document.
        key: the key that its reader expects, in hexadecimal digits; empty takes the document's word.

    Raises:
        BadProof: it is no report, or was changed, or another key signed it.
    """
    try:
        document = json.loads(data)
        report, public = document["report"], bytes.fromhex(document["public_key"])
        checking = Ed25519PublicKey.from_public_bytes(public)
        checking.verify(bytes.fromhex(document["signature"]), LABEL + canonical_json(report))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadProof("This is not a report of the breach drill.") from None
    except InvalidSignature:
        raise BadProof("The report was changed after it was signed.") from None
    if key and key.strip().lower() != public.hex():
        raise BadProof("The report was signed with another key.")
    return dict(report)
