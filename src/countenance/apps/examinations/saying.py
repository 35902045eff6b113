"""What examiners say, spelled as the ledger has the SHA-256 of it and as a bundle discloses it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from countenance.ledger.entry import canonical_json


def digest(said: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what was said, so that the ledger proves it without repeating it."""
    return hashlib.sha256(canonical_json(as_text(said))).hexdigest()


def as_text(value: Any) -> Any:
    """Return JSON without fractions, which the ledger's form of it does not have."""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return {name: as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return value
