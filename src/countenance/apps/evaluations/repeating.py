"""Destroying again, after a restore, the templates for selftests that were destroyed since the backup."""

from __future__ import annotations

from uuid import UUID

from countenance.apps.evaluations.forgetting import forget_non_mates
from countenance.apps.evaluations.models import NonMates
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.NON_MATES_DESTROYED, deed=Deed.SET_UP)
def forget_again(actor: Actor, record: Record, *, sample: NonMates, tools: Tools) -> None:
    """Destroy the templates that were kept for selftests of a gallery."""
    record.note(about=sample.gallery_id)
    record.agency = sample.agency_id
    forget_non_mates(NonMates.objects.select_for_update(no_key=True).get(pk=sample.pk), tools=tools)


@composed_of(forget_again)
def destroy_non_mates_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Destroy what is kept for selftests of the gallery of this id; return how many."""
    rows = NonMates.objects.filter(gallery=about, ended_at=None)
    for sample in rows:
        forget_again(actor, sample=sample, tools=tools)
    return len(rows)
