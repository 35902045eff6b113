"""The ledger at one moment, which receipts and checkpoints speak of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """The ledger at one moment: how many entries it has and the root hash over them."""

    size: int
    root: bytes
