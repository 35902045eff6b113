"""The tamper-evident ledger: entries, their Merkle tree, receipts, and an offline verifier."""

from __future__ import annotations

from countenance.ledger.entry import Action, Entry, canonical_json, commit
from countenance.ledger.head import Head
from countenance.ledger.merkle import Frontier
from countenance.ledger.receipt import Receipt

__all__ = ["Action", "Entry", "Frontier", "Head", "Receipt", "canonical_json", "commit"]
