"""Ledger entries: what was done, when, about what, and a commitment to the rest.

An entry holds nothing about a person. Who did it, why and with which result is in its *body*,
which is kept sealed beside the entry; the entry holds a salted commitment to the body. Destroying
the salt and the body erases both, and the tree still verifies.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from countenance.errors import InputError, LedgerBroken
from countenance.ledger.actions import OF_EXAMINERS, Action
from countenance.ledger.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = (
    "COMMITMENT_SIZE",
    "OF_EXAMINERS",
    "SALT_SIZE",
    "VERSION",
    "Action",
    "Entry",
    "canonical_json",
    "commit",
    "verify_commitment",
)

VERSION: Final = 1
SALT_SIZE: Final = 32
COMMITMENT_SIZE: Final = 32

# Every JSON reader holds integers up to this size exactly (RFC 8785, RFC 7493).
_EXACT_INTEGER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Attributes:
        action: what was done.
        at: when, in UTC, to the microsecond.
        about: the id of the thing it was done to, if there is one.
        commitment: the salted commitment to the sealed body.
        version: the version of this layout.
    """

    action: Action
    at: datetime
    about: UUID | None
    commitment: bytes
    version: int = VERSION

    def __post_init__(self) -> None:
        """Refuse what could not be written down exactly."""
        if self.at.utcoffset() is None:
            detail = "The time of an entry needs a time zone."
            raise InputError(detail)
        if len(self.commitment) != COMMITMENT_SIZE:
            detail = "A commitment is 32 bytes."
            raise InputError(detail)
        if type(self.version) is not int or self.version != VERSION:
            detail = "Entries of this version are not known."
            raise InputError(detail)

    def canonical(self) -> bytes:
        """Return the entry's only spelling, which the tree is made of."""
        return canonical_json(
            {
                "about": self.about,
                "action": self.action,
                "at": self.at,
                "commitment": self.commitment.hex(),
                "v": self.version,
            }
        )

    def leaf(self) -> bytes:
        """Return the hash of this entry as a leaf of the tree."""
        return leaf_hash(self.canonical())

    @classmethod
    def parse(cls, data: bytes) -> Entry:
        """Read an entry back from its canonical bytes.

        Raises:
            LedgerBroken: these bytes are not exactly what `canonical` writes.
        """
        try:
            body = json.loads(data)
            about = body["about"]
            entry = cls(
                action=Action(body["action"]),
                at=datetime.fromisoformat(body["at"]),
                about=None if about is None else UUID(about),
                commitment=bytes.fromhex(body["commitment"]),
                version=body["v"],
            )
            canonical = entry.canonical()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            detail = "An entry of the ledger cannot be read."
            raise LedgerBroken(detail) from None
        except InputError as error:
            raise LedgerBroken(error.detail) from None
        # One comparison catches everything else: other keys, other order, doubled keys, spaces,
        # upper-case digits, another time zone, a version of `true`.
        if canonical != data:
            detail = "An entry of the ledger is not in its canonical form."
            raise LedgerBroken(detail)
        return entry


def commit(body: bytes, salt: bytes) -> bytes:
    """Return the commitment to a body: it fixes the body, and without the salt tells nothing of it.

    Raises:
        InputError: the salt is not 32 bytes.
    """
    # A fixed size matters: HMAC pads shorter keys and hashes longer ones, so that two salts of
    # different sizes could give the same commitment.
    if len(salt) != SALT_SIZE:
        detail = "A salt is 32 bytes."
        raise InputError(detail)
    mac = HMAC(salt, hashes.SHA256())
    mac.update(body)
    return mac.finalize()


def verify_commitment(commitment: bytes, body: bytes, salt: bytes) -> None:
    """Check that this body, under this salt, is the one that was committed to.

    Raises:
        LedgerBroken: it is another body, or another salt.
    """
    if len(salt) != SALT_SIZE or not hmac.compare_digest(commit(body, salt), commitment):
        detail = "The body of an entry is not the one that was recorded."
        raise LedgerBroken(detail)


def canonical_json(body: Mapping[str, Any]) -> bytes:
    """Return the only spelling of a JSON object (RFC 8785, without fractions).

    Ids, dates, times and enumerations are written as text. Fractions are refused, because their
    spelling differs between writers: pass a similarity as text.

    Raises:
        InputError: the body holds something that has no exact spelling.
    """
    try:
        text = json.dumps(_plain(body), ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except (UnicodeEncodeError, RecursionError):
        detail = "The body of an entry holds text that cannot be written down exactly."
        raise InputError(detail) from None


def _plain(value: object) -> object:
    """Return a value in terms of JSON's own types, object keys in the order of RFC 8785."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        names = sorted(value, key=lambda name: str(name).encode("utf-16-be"))
        return {str(name): _plain(value[name]) for name in names}
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    """Return one value that is no list and no object in terms of JSON's own types."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | UUID):
        # Also turns an enumeration's member into its value.
        return str(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and abs(value) <= _EXACT_INTEGER:
        return int(value)
    detail = "The body of an entry holds a value that has no exact spelling."
    raise InputError(detail, type=type(value).__name__)


def _instant(at: datetime) -> str:
    """Return a time in UTC with microseconds and Z."""
    if at.utcoffset() is None:
        detail = "A time in the ledger needs a time zone."
        raise InputError(detail)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
