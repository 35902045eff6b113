"""Envelope encryption: what is stored opens only with its key and only where it belongs."""

from __future__ import annotations

from countenance.sealing.envelope import (
    Context,
    Key,
    epoch_of,
    pad,
    seal,
    seal_object,
    unpad,
    unseal,
    unseal_object,
)
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind, KeyRecord

__all__ = [
    "Context",
    "Key",
    "KeyKind",
    "KeyRecord",
    "Keyring",
    "epoch_of",
    "pad",
    "seal",
    "seal_object",
    "unpad",
    "unseal",
    "unseal_object",
]
