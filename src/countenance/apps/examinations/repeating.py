"""Destroying again, after a restore, the controls that were destroyed since the backup."""

from __future__ import annotations

from uuid import UUID

from countenance.apps.examinations.forgotten import forget
from countenance.apps.examinations.models import Examination
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.CONTROL_DESTROYED, deed=Deed.SET_UP)
def forget_again(actor: Actor, record: Record, *, control: Examination, tools: Tools) -> None:
    """Destroy a control; how it was answered stays."""
    record.note(about=control.pk)
    record.agency = control.agency_id
    forget(Examination.objects.select_for_update(no_key=True).get(pk=control.pk))


@composed_of(forget_again)
def destroy_control_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Destroy the control of this id if it is there; return how many."""
    rows = Examination.objects.filter(pk=about, search=None)
    for control in rows:
        forget_again(actor, control=control, tools=tools)
    return len(rows)
