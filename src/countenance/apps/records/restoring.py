"""What the ledger is told of backups and restores, and how a restored ledger continues the lost one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import ErasureListBroken, LedgerBroken, WrongState
from countenance.ledger.entry import Action, Entry
from countenance.ledger.head import Head
from countenance.ledger.merkle import Frontier
from countenance.policy import Actor, Deed
from countenance.tools import Tools

CHUNK = 2000

DONE_BEFORE = (
    "It was done after the backup from which this deployment was restored; by whom and why is lost."
)
"""The reason of what is done again after a restore, where the ledger came back without it."""


@accountable(Action.BACKUP_MADE, deed=Deed.SET_UP)
def note_backup(
    actor: Actor,
    record: Record,
    *,
    backup: UUID,
    head: Head,
    manifest: str,
    objects: int,
    missing: int,
    tools: Tools,
) -> None:
    """Record that a backup was made: of which ledger, and the hash of its manifest."""
    record.note(
        about=backup,
        size=head.size,
        root=head.root.hex(),
        manifest=manifest,
        objects=objects,
        missing=missing,
    )


@accountable(Action.DEPLOYMENT_RESTORED, deed=Deed.SET_UP)
def continue_ledger(
    actor: Actor,
    record: Record,
    *,
    backup: UUID,
    made_at: datetime,
    head: Head,
    taken_from: str,
    heads: Mapping[int, bytes],
    entries: Iterable[tuple[int, bytes]],
    reason: str = "",
    tools: Tools,
) -> int:
    """Append the lost ledger's entries as they were, without their bodies, and return how many those are.

    So the restored ledger is the same tree, gone on: no receipt, checkpoint or witness contradicts it. What the
    entries were about stays known, who did it and why is lost with their bodies.

    Args:
        actor: the program itself.
        record: filled in by `@accountable`.
        backup: what was restored.
        made_at: when it was made.
        head: the ledger in it.
        taken_from: where the entries come from; `lost` if there are none to be had.
        heads: roots that the entries must give, by size.
        entries: index and bytes, in order.
        reason: why there are none, in words.
        tools: the clock.

    Raises:
        WrongState: the ledger is not the backup's any more.
        ErasureListBroken: the entries do not continue it.
    """
    row = LedgerHead.objects.select_for_update().get(id=1)
    frontier = Frontier.from_bytes(bytes(row.frontier))
    if (frontier.size, frontier.root()) != (head.size, head.root):
        raise WrongState("Something was done since the restore, so nothing can be put before it.")
    last = _store(_continued(frontier, heads=heads, entries=entries))
    row.frontier, row.at = frontier.to_bytes(), last or row.at
    row.save(update_fields=("frontier", "at"))
    record.note(
        about=backup,
        backup_made_at=made_at,
        backup_size=head.size,
        taken_from=taken_from,
        entries=frontier.size - head.size,
        # What was destroyed after this moment is not known, and may be there again.
        known_until=last or made_at,
        reason=reason.strip(),
    )
    return frontier.size - head.size


def _store(rows: Iterator[LedgerRow]) -> datetime | None:
    """Store rows, some at a time, and return the time of the last; None if there are none."""
    last = None
    while chunk := list(islice(rows, CHUNK)):
        LedgerRow.objects.bulk_create(chunk)
        last = chunk[-1].at
    return last


def _continued(
    frontier: Frontier, *, heads: Mapping[int, bytes], entries: Iterable[tuple[int, bytes]]
) -> Iterator[LedgerRow]:
    """Yield the rows of the entries that the ledger lacks, and compare those that it has."""
    begun, last = frontier.size, None
    for index, data in entries:
        if index < begun:
            _compare(index, data)
            continue
        if index != frontier.size:
            raise ErasureListBroken("An entry of the list is missing.")
        try:
            entry = Entry.parse(data)
        except LedgerBroken:
            raise ErasureListBroken from None
        if last is not None and entry.at < last:
            raise ErasureListBroken
        last = entry.at
        path = frontier.append(entry.leaf())
        if heads.get(frontier.size, frontier.root()) != frontier.root():
            raise ErasureListBroken("The entries of the list do not give the root that it names.")
        yield LedgerRow(
            index=index,
            entry=data,
            path=b"".join(path),
            root=frontier.root(),
            action=str(entry.action),
            at=entry.at,
            about=entry.about,
        )
    if heads and frontier.size != max(heads):
        raise ErasureListBroken("The list ends before the size that it names.")


def _compare(index: int, data: bytes) -> None:
    row = LedgerRow.objects.filter(index=index).first()
    if row is None or bytes(row.entry) != data:
        raise ErasureListBroken("The list is not of the ledger that is in the backup.")


@accountable(Action.ERASURES_REPEATED, deed=Deed.SET_UP)
def note_repeated(
    actor: Actor,
    record: Record,
    *,
    backup: UUID,
    repeated: Mapping[str, int],
    by_hand: Mapping[str, int],
    withdrawn: Mapping[str, int],
    not_repeated: Mapping[str, list[str]],
    reason: str,
    tools: Tools,
) -> None:
    """Record what was erased again, what else only people can repeat, and how many of what was open were withdrawn.

    Of what does not open, and so was not repeated, also why this serves all the same.
    """
    record.note(
        about=backup,
        repeated=dict(repeated),
        by_hand=dict(by_hand),
        **{f"{what}_withdrawn": count for what, count in withdrawn.items()},
        not_repeated=dict(not_repeated),
        reason=reason.strip() if not_repeated else "",
    )


@composed_of()
def continued_at(backup: UUID) -> LedgerRow | None:
    """Return the entry with which the ledger of this backup was continued here; None if it was not yet."""
    rows = LedgerRow.objects.filter(about=backup, action=str(Action.DEPLOYMENT_RESTORED))
    # Without a body it is one of the lost deployment, which was restored from the same backup before.
    return rows.exclude(body=None).order_by("-index").first()
