"""The ledger's part of a bundle: each entry, its body, and its proof up to the stated root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from countenance.bundle.shapes import SHAPES, read_canonical
from countenance.errors import BadProof, BundleBroken, LedgerBroken
from countenance.ledger.entry import Entry, verify_commitment
from countenance.ledger.receipt import Receipt

ENTRIES: Final = "ledger/entries.jsonl"
RESTORED: Final = "deployment.restored"
"""What was done between the backup and this entry came back without a body, and its records are as in the backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry as the references between members need it; no facts if its body is not there.

    `lost` says that nobody knows any more what it said: it has no body, and the deployment was restored after it.
    """

    action: str
    about: str | None
    facts: Mapping[str, Any] | None
    receipt: Receipt
    lost: bool = False


def read_entries(data: memoryview, *, size: int, root: bytes) -> list[Line]:
    """Return the entries of a bundle, each proved to be in the tree of that size and root.

    Raises:
        BundleBroken: one is not, or its body is not what was committed to.
    """
    text = bytes(data)
    if text and not text.endswith(b"\n"):
        raise BundleBroken(f"{ENTRIES} is cut.")
    lines: list[Line] = []
    before: tuple[int, str] = (-1, "")
    for line in text.split(b"\n")[:-1]:
        fields = read_canonical(ENTRIES, line)
        if not (SHAPES["entry"](fields) or SHAPES["erased entry"](fields)):
            raise BundleBroken(f"{ENTRIES} is not as a bundle is written.")
        entry, receipt = _entry(fields, size=size, root=root)
        at = json.loads(fields["entry"])["at"]
        if fields["index"] <= before[0] or at < before[1]:
            raise BundleBroken(f"Entry {fields['index']} does not stand in its place.")
        before = (fields["index"], at)
        about = None if entry.about is None else str(entry.about)
        lines.append(
            Line(action=entry.action.value, about=about, facts=_facts(fields), receipt=receipt)
        )
    restored = max((at for at, one in enumerate(lines) if one.action == RESTORED), default=0)
    return [replace(one, lost=at < restored and one.facts is None) for at, one in enumerate(lines)]


def _entry(fields: Mapping[str, Any], *, size: int, root: bytes) -> tuple[Entry, Receipt]:
    """Return one entry and the receipt that its proof is, after checking it and the body."""
    index = fields["index"]
    try:
        entry = Entry.parse(fields["entry"].encode())
        path = tuple(bytes.fromhex(node) for node in fields["path"])
        receipt = Receipt(index=index, leaf=entry.leaf(), size=size, root=root, path=path)
        receipt.verify()
        if "body" in fields:
            body, salt = fields["body"].encode(), bytes.fromhex(fields["salt"])
            verify_commitment(entry.commitment, body, salt)
    except (BadProof, LedgerBroken) as error:
        raise BundleBroken(f"Entry {index} does not verify: {error.detail}") from None
    return entry, receipt


def _facts(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a body says was done; the commitment has fixed it."""
    if "body" not in fields:
        return None
    body = read_canonical("The body of an entry", fields["body"].encode())
    if not isinstance(body.get("facts"), dict):
        raise BundleBroken(f"The body of entry {fields['index']} cannot be read.")
    facts: dict[str, Any] = body["facts"]
    return facts
