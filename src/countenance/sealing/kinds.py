"""What keys there are, and the form in which they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class KeyKind(StrEnum):
    """What a key is for; a value sealed as one kind never opens as another."""

    PLATFORM = "platform"
    BLIND_INDEX = "blind-index"
    LEDGER = "ledger"
    STANDING = "standing"  # what every request may know of an agency, such as its policy pack
    SIGNING = "signing"  # what the deployment signs with; it seals nothing
    CHECKPOINT = "checkpoint"  # what the ledger signs its checkpoints with; it seals nothing
    AGENCY = "agency"
    ACCOUNT = "account"
    CASE = "case"
    PROBE = "probe"
    PHOTO = "photo"
    SOURCE = "source"
    INDEX = "index"
    ENTRY = "entry"  # the sealed bodies of an agency's ledger entries
    EXPORT = "export"
    GRANT = (
        "grant"  # what an agency grants to others; sealed by the owner, so nobody else can make one
    )


PLATFORM_KINDS: Final = (
    KeyKind.PLATFORM,
    KeyKind.BLIND_INDEX,
    KeyKind.LEDGER,
    KeyKind.STANDING,
    KeyKind.SIGNING,
    KeyKind.CHECKPOINT,
)
"""Keys of the deployment itself; their parent is the root key."""

CLASS_KINDS: Final = tuple(
    kind for kind in KeyKind if kind not in PLATFORM_KINDS and kind is not KeyKind.AGENCY
)
"""Keys under an agency's key."""

SHARED_KINDS: Final = (KeyKind.BLIND_INDEX, KeyKind.LEDGER, KeyKind.STANDING)
"""Platform keys that a request of any agency needs."""

LENT_KINDS: Final = (KeyKind.PHOTO, KeyKind.SOURCE, KeyKind.INDEX)
"""Keys that whoever was granted a gallery reads with, and never seals with."""


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """A key as it is stored: wrapped by its parent.

    Attributes:
        id: the record's id.
        agency: whose key it is; None for a key of the deployment.
        kind: what it is for.
        epoch: its generation, from 1.
        wrapped: the key, sealed with its parent.
    """

    id: UUID
    agency: UUID | None
    kind: KeyKind
    epoch: int
    wrapped: bytes
