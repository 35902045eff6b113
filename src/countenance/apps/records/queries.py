"""Reading the ledger: receipts, the latest entries, an export that outsiders can verify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.apps.records.signers import log_key_of
from countenance.apps.records.tree import head_frontier
from countenance.apps.records.witnessed import RowReceipt, newest_checkpoint
from countenance.errors import LedgerBroken, NotFound
from countenance.ledger.checkpoint import SignedCheckpoint, Trust
from countenance.ledger.entry import OF_EXAMINERS, Action, Entry
from countenance.ledger.export import entry_line, header_line, signed_header_line
from countenance.ledger.head import Head
from countenance.ledger.receipt import Receipt
from countenance.ledger.verify import Report, verify_export
from countenance.policy import Actor, Role
from countenance.sealing.keyring import Keyring

HASH_BYTES = 32


def receipt_of(row: LedgerRow) -> RowReceipt:
    """Return the receipt that was given when this entry was appended; it knows whether that is witnessed."""
    path = bytes(row.path)
    return RowReceipt(
        index=row.index,
        leaf=Entry.parse(bytes(row.entry)).leaf(),
        size=row.index + 1,
        root=bytes(row.root),
        path=tuple(path[i : i + HASH_BYTES] for i in range(0, len(path), HASH_BYTES)),
    )


def receipt_about(about: UUID, action: Action) -> RowReceipt:
    """Return the receipt of the newest entry of this action about this row.

    Raises:
        NotFound: there is none.
    """
    row = LedgerRow.objects.filter(about=about, action=str(action)).order_by("-index").first()
    if row is None:
        raise NotFound("There is no such entry on the ledger.")
    return receipt_of(row)


def entries_about(about: UUID, count: int) -> list[LedgerRow]:
    """Return the newest entries about one row, newest first."""
    return list(LedgerRow.objects.filter(about=about).order_by("-index")[:count])


def left_out_for(reader: Actor) -> frozenset[str]:
    """Return the actions whose times and counts an examiner does not read: they tell how far others are."""
    return frozenset(map(str, OF_EXAMINERS)) if Role.EXAMINER in reader.roles else frozenset()


def newest_entries(count: int = 50, *, reader: Actor | None = None) -> list[LedgerRow]:
    """Return the newest entries, newest first; of a reader, those that they may read."""
    rows = LedgerRow.objects.order_by("-index")
    if reader is not None:
        rows = rows.exclude(action__in=left_out_for(reader))
    return list(rows[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries somebody looks for; what is left out is not asked for.

    Attributes:
        action: what was done.
        since: not earlier than this.
        until: earlier than this.
        about: the id of what it was done to.
        number: the entry of this number alone.
        before: only those with a lower number: where the page before ended.
    """

    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    about: UUID | None = None
    number: int | None = None
    before: int | None = None


def find_entries(wanted: Wanted, count: int, *, reader: Actor) -> list[LedgerRow]:
    """Return the newest entries that are wanted and that somebody may read, newest first."""
    rows: QuerySet[LedgerRow] = LedgerRow.objects.order_by("-index")
    asked = {
        "action": wanted.action or None,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
        "about": wanted.about,
        "index": wanted.number,
        "index__lt": wanted.before,
    }
    rows = rows.filter(**{name: value for name, value in asked.items() if value is not None})
    return list(rows.exclude(action__in=left_out_for(reader))[:count])


def counts_by_action(reader: Actor) -> dict[str, int]:
    """Return how many entries there are of each action that somebody may read, most frequent first."""
    rows = LedgerRow.objects.exclude(action__in=left_out_for(reader))
    counts = rows.order_by().values_list("action").annotate(count=Count("index"))
    return dict(counts.order_by("-count", "action"))


def head() -> Head:
    """Return the tree's size and root."""
    frontier = head_frontier()
    return Head(size=frontier.size, root=frontier.root())


def export_ledger(
    keyring: Keyring,
    *,
    bodies: bool = False,
    reader: Actor | None = None,
    signed: SignedCheckpoint | None = None,
) -> Iterator[str]:
    """Yield the export's lines: a header, then one line an entry.

    Args:
        keyring: opens the bodies, if wanted.
        bodies: disclose salt and body of entries, so that a reader can check the commitments.
        reader: whose export it is: only bodies of their own agency are disclosed, and to the custodian
            those of the deployment itself; the others stay commitments. None: all, for the machine alone.
        signed: the checkpoint that goes with it: the export is of its entries. None: of all, and without one.
    """
    if signed is None:
        now = head()
        yield header_line(deployment=keyring.deployment, head=now)
    else:
        now = signed.checkpoint.head
        key = log_key_of(signed, keyring=keyring)
        yield signed_header_line(deployment=keyring.deployment, signed=signed, key=key)
    rows = LedgerRow.objects.filter(index__lt=now.size).order_by("index")
    for row in rows.iterator(chunk_size=2000):
        _compare_columns(row)
        shown = bodies and (reader is None or _is_of(reader, row))
        salt, body = (unseal_body(row, keyring=keyring) if shown else None) or (None, None)
        yield entry_line(row.index, bytes(row.entry), salt=salt, body=body, erased=row.body is None)


def verify_ledger(
    keyring: Keyring, *, expect: Receipt | Head | None = None, reader: Actor | None = None
) -> Report:
    """Verify this deployment's ledger, with every sealed body that the reader may open.

    Its newest signed checkpoint has to be of it, too.

    Raises:
        LedgerBroken, SealBroken: where and what is wrong.
    """
    kept = newest_checkpoint()
    return verify_export(
        export_ledger(keyring, bodies=True, reader=reader),
        expect=expect,
        kept=kept,
        trust=Trust(log=log_key_of(kept, keyring=keyring)) if kept else None,
    )


def _is_of(reader: Actor, row: LedgerRow) -> bool:
    """Say whether an entry's body is the reader's to see."""
    if row.agency is None:
        return Role.CUSTODIAN in reader.roles
    return row.agency == reader.agency


def _compare_columns(row: LedgerRow) -> None:
    """Refuse a row whose query columns say something other than its entry."""
    entry = Entry.parse(bytes(row.entry))
    if (str(entry.action), entry.at, entry.about) != (row.action, row.at, row.about):
        raise LedgerBroken(f"Entry {row.index}: its columns contradict the entry.")
