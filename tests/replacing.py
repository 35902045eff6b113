"""Replacing the keys that sign, as the tests of several files do it."""

from __future__ import annotations

from typing import Any

import factories
import rotated
from witnessing import sign

from countenance.apps.records import queries
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.sealing.kinds import KeyKind
from countenance.web import keykeeping

BOTH = (KeyKind.SIGNING, KeyKind.CHECKPOINT)


def replaced(on: Any, *kinds: KeyKind, **wishes: bool) -> keykeeping.Replaced:
    return keykeeping.replace_signers(kinds or BOTH, tools=on.tools, wait=5.0, **wishes)


def epochs() -> tuple[list[int], list[int]]:
    """Return the stored epochs of the key of bundles and of that of checkpoints."""
    found = rotated.epochs()
    return found[None, "signing"], found[None, "checkpoint"]


def signed_anew(on: Any) -> SignedCheckpoint:
    factories.make_case(on, f"26-{queries.head().size}")
    return sign(on)
