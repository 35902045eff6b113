"""What a keyring and its narrower views share: the root keys, the stored records, the keys that were opened."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from uuid import UUID

from countenance.errors import Conflict, KeyUnavailable, SealBroken
from countenance.sealing.envelope import Key, epoch_of
from countenance.sealing.kinds import CLASS_KINDS, KeyKind, KeyRecord
from countenance.sealing.wrapping import unwrap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FIRST_EPOCH: Final = 1

Name = tuple[UUID | None, KeyKind]
"""Whose key it is, and what it is for."""


class Chest:
    """Records and opened keys of one deployment; says nothing of who may use which."""

    def __init__(self, roots: Mapping[int, Key], deployment: UUID) -> None:
        """Start with the root keys by epoch; the newest wraps, older ones only open."""
        self.roots = dict(roots)
        self.deployment = deployment
        self.records: dict[Name, dict[int, KeyRecord]] = {}
        self.opened: dict[tuple[UUID | None, KeyKind, int], Key] = {}
        self.lock = threading.RLock()

    def __repr__(self) -> str:
        """Name the type and nothing of the secrets."""
        return "Chest(hidden)"

    def add(self, record: KeyRecord) -> None:
        """Take in one record; of one that was wrapped anew since, the newer wrapping is kept.

        Raises:
            Conflict: another record of the same agency, kind and epoch is already known.
        """
        with self.lock:
            known = self.records.setdefault((record.agency, record.kind), {})
            before = known.setdefault(record.epoch, record)
            if before == record:
                return
            if before.id != record.id or not _wrapped_later(record, before):
                detail = "Two keys of the same agency, kind and epoch contradict each other."
                raise Conflict(detail, kind=record.kind, epoch=record.epoch)
            known[record.epoch] = record

    def take_in(self, records: Iterable[KeyRecord], roots: Mapping[int, Key]) -> None:
        """Take in what another process stored; a record that this one has in a newer form stays."""
        with self.lock:
            self.roots |= roots
            for record in records:
                before = self.records.get((record.agency, record.kind), {}).get(record.epoch)
                if before is None or before.id != record.id or _wrapped_later(record, before):
                    self.add(record)

    def keep_only(self, stored: Collection[KeyRecord], *, root: int) -> None:
        """Forget every key whose record is not stored any more, and the root keys before this epoch."""
        there = {(one.agency, one.kind, one.epoch) for one in stored}
        with self.lock:
            for (agency, kind), epochs in self.records.items():
                for epoch in [one for one in epochs if (agency, kind, one) not in there]:
                    del epochs[epoch]
                    self.opened.pop((agency, kind, epoch), None)
            for epoch in [one for one in self.roots if one < root]:
                del self.roots[epoch]

    def newest(self, name: Name) -> int:
        """Return the newest epoch of a key, 0 if there is none."""
        return max(self.records.get(name, {}), default=0)

    def open(self, name: Name, epoch: int | None = None) -> tuple[Key, int]:
        """Return a key and its epoch: the newest unless one is named.

        Raises:
            KeyUnavailable: there is no such key.
            SealBroken: the stored record was changed, moved, or belongs to another root key.
        """
        # Opened keys are found without the lock: a dictionary look-up is atomic, keys never change.
        if epoch is not None:
            opened = self.opened.get((*name, epoch))
            if opened is not None:
                return opened, epoch
        with self.lock:
            number = self.newest(name) if epoch is None else epoch
            record = self.records.get(name, {}).get(number)
            if record is None:
                raise KeyUnavailable(kind=name[1], epoch=epoch)
            opened = self.opened.get((*name, number))
            if opened is None:
                parent, _ = self.parent(name, epoch_of(record.wrapped))
                opened = unwrap(record, parent, self.deployment)
                self.opened[*name, number] = opened
            return opened, number

    def parent(self, name: Name, epoch: int | None = None) -> tuple[Key, int]:
        """Return the key that wraps keys of this name, and its epoch: the newest unless one is named.

        Raises:
            KeyUnavailable: there is no such key.
        """
        agency, kind = name
        if kind in CLASS_KINDS:
            return self.open((agency, KeyKind.AGENCY), epoch)
        number = max(self.roots) if epoch is None else epoch
        if number not in self.roots:
            raise KeyUnavailable(kind="root", epoch=number)
        return self.roots[number], number


def _wrapped_later(record: KeyRecord, before: KeyRecord) -> bool:
    """Say whether a record is the same key as another, under a newer parent."""
    try:
        return epoch_of(record.wrapped) > epoch_of(before.wrapped)
    except SealBroken:
        return False
