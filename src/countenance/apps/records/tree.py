"""The ledger's tree out of its rows: any subtree from one row, and whether the newest rows are whole."""

from __future__ import annotations

from django.db.models import Subquery

from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.errors import LedgerBroken
from countenance.ledger.checkpoint import Checkpoint
from countenance.ledger.entry import Entry
from countenance.ledger.merkle import (
    HASH_SIZE,
    Frontier,
    consistency_from,
    inclusion_from,
    node_hash,
    subtrees_of,
)

SIZE_BYTES = 8


def head_frontier() -> Frontier:
    """Return the edge of the whole tree.

    Raises:
        LedgerBroken: the row that holds it is gone.
    """
    return _head_and_last()[0]


def node(height: int, place: int) -> bytes:
    """Return the root of a complete subtree: from its last entry, whose path begins inside of it.

    Raises:
        LedgerBroken: that entry is gone.
    """
    end = (place + 1) << height
    row = LedgerRow.objects.filter(index=end - 1).only("entry", "path").first()
    if row is None:
        raise LedgerBroken(f"Entry {end - 1} is gone from the database.", index=end - 1)
    result, path = Entry.parse(bytes(row.entry)).leaf(), bytes(row.path)
    for start in range(0, height * HASH_SIZE, HASH_SIZE):
        result = node_hash(path[start : start + HASH_SIZE], result)
    return result


def consistency(old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `old` entries begins that of `new`; as right as the rows are."""
    return consistency_from(subtrees_of(node), old, new)


def inclusion(index: int, size: int) -> list[bytes]:
    """Return the proof that an entry is in the tree of that size; as right as the rows are."""
    return inclusion_from(subtrees_of(node), index, size)


def check_since(kept: Checkpoint | None) -> Frontier:
    """Require that the ledger goes on from a checkpoint of its own, row by row; return its edge now.

    What is older than the checkpoint is what the checkpoint's root says; `verify-ledger` reads that too.

    Raises:
        LedgerBroken: it was cut, rolled back or changed since; the sentence says which.
    """
    head, last = _head_and_last()
    size = kept.size if kept else 0
    if kept is not None and head.size < size:
        raise LedgerBroken(
            f"The ledger was rolled back: it has {head.size} entries, and signed a checkpoint of {size}."
        )
    if last is not None and last >= head.size:
        raise LedgerBroken("The head of the ledger is older than its entries.")
    frontier = _edge(size, head)
    if kept is not None and frontier.root() != kept.root:
        raise LedgerBroken(
            f"The ledger was changed: its first {size} entries are not those of its signed checkpoint."
        )
    rows = LedgerRow.objects.filter(index__gte=size, index__lt=head.size).order_by("index")
    for row in rows.iterator(2000):
        _take(row, frontier)
    if frontier.to_bytes() != head.to_bytes():
        raise LedgerBroken("The entries of the ledger do not lead to its head.")
    return head


def _head_and_last() -> tuple[Frontier, int | None]:
    """Return the edge and the number of the last entry, both as of one moment: another process may append.

    One statement sees one moment. What is appended after it is no part of what is compared.
    """
    last = LedgerRow.objects.order_by("-index").values("index")[:1]
    row = LedgerHead.objects.filter(id=1).annotate(last=Subquery(last)).first()
    if row is None:
        raise LedgerBroken("The head of the ledger is gone from the database.")
    return Frontier.from_bytes(bytes(row.frontier)), row.last


def _take(row: LedgerRow, frontier: Frontier) -> None:
    """Append one row, which has to be the next one and to say of itself what comes out."""
    entry = Entry.parse(bytes(row.entry))
    there = row.index == frontier.size
    same = (str(entry.action), entry.at, entry.about) == (row.action, row.at, row.about)
    path = b"".join(frontier.append(entry.leaf()))
    if not there or not same or path != bytes(row.path) or frontier.root() != bytes(row.root):
        raise LedgerBroken(f"Entry {row.index} is not the one that was recorded.", index=row.index)


def _edge(size: int, head: Frontier) -> Frontier:
    """Return the edge of the tree of that size: the next entry's path was made of it."""
    if size == head.size:
        return Frontier.from_bytes(head.to_bytes())
    row = LedgerRow.objects.filter(index=size).only("path").first()
    if row is None:
        raise LedgerBroken(f"Entry {size} is gone from the database.", index=size)
    path = bytes(row.path)
    peaks = [path[i : i + HASH_SIZE] for i in range(0, len(path), HASH_SIZE)][::-1]
    if len(peaks) != size.bit_count() or any(len(one) != HASH_SIZE for one in peaks):
        raise LedgerBroken(f"Entry {size} is not the one that was recorded.", index=size)
    return Frontier.from_bytes(size.to_bytes(SIZE_BYTES, "big") + b"".join(peaks))
