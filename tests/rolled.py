"""A deployment's ledger and rows put back to what they were: what a restore of a backup does, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import transaction
from witnessing import sign

from countenance import config
from countenance.apps.records.models import CheckpointRow, LedgerHead, LedgerRow
from countenance.apps.records.queries import export_ledger, head
from countenance.web.backups import erasures, marks, replaying
from countenance.web.backups.marks import Mark, Stage


class Rolled:
    """The ledger and the rows of some tables as they are now, to be put back: what a restore of a backup does."""

    def __init__(self, on: Any, *models: Any) -> None:
        erasures.copy(on.folder, keyring=on.tools.keyring)
        self.on, self.head = on, head()
        self.edge = LedgerHead.objects.get()
        self.objects = {one: on.tools.store.get(one) for one in on.tools.store.ids()}
        self.rows = [(model, list(model.objects.all())) for model in models]
        self.bodies = {row.index: row.body for row in LedgerRow.objects.all()}

    def back(self) -> Mark:
        CheckpointRow.objects.filter(size__gt=self.head.size).delete()
        LedgerRow.objects.filter(index__gte=self.head.size).delete()
        for row in LedgerRow.objects.all():
            LedgerRow.objects.filter(pk=row.pk).update(body=self.bodies[row.index])
        self.edge.save()
        with transaction.atomic():
            for _, rows in self.rows:
                for row in rows:
                    row.save()
        self.on.tools.store.put_many(self.objects.items())
        self.on.tools.shelf.clear()
        mark = Mark(
            backup=uuid4(),
            made_at=self.on.tools.clock(),
            head=self.head,
            stage=Stage.NOT_REPLAYED,
        )
        marks.write(config.current(), mark)
        return mark


def replay(on: Any, mark: Mark, place: Path | None, reason: str = "") -> dict[str, Any]:
    return replaying.replay(
        config.current(),
        mark,
        place=place,
        reason=reason,
        tools=on.tools,
        notify=lambda *_: None,
    )


def exported(on: Any, path: Path) -> Path:
    """Write an export of the ledger as it is now, with its signed checkpoint."""
    lines = export_ledger(on.tools.keyring, signed=sign(on))
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
