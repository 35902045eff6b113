"""Stored keys: reading and writing their rows, and taking in what another process stored."""

from __future__ import annotations

from typing import Any

from django.apps import apps

from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind, KeyRecord


def save_keys(records: list[KeyRecord]) -> None:
    """Store wrapped keys; part of the transaction of the service that made them."""
    row = _row()
    row.objects.bulk_create(
        row(
            id=record.id,
            agency=record.agency,
            kind=str(record.kind),
            epoch=record.epoch,
            wrapped=record.wrapped,
        )
        for record in records
    )


def load_keys(kind: KeyKind | None = None) -> list[KeyRecord]:
    """Return every wrapped key, or those of a kind."""
    rows = _row().objects.all()
    return [
        KeyRecord(
            id=row.id,
            agency=row.agency,
            kind=KeyKind(row.kind),
            epoch=row.epoch,
            wrapped=bytes(row.wrapped),
        )
        for row in (rows if kind is None else rows.filter(kind=str(kind)))
    ]


def take_in_keys(keyring: Keyring) -> None:
    """Take in the keys that another process stored since."""
    keyring.take_in(load_keys())


def _row() -> Any:
    """Return the model of stored keys; by its name, because models stand on what takes in keys."""
    return apps.get_model("records", "KeyRow")
