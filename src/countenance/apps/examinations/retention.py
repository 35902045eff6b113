"""The clock of controls, and of who waits: what is destroyed after its time, and what wants an examiner again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from countenance import policy
from countenance.apps.agencies.models import Agency
from countenance.apps.examinations.forgotten import forget
from countenance.apps.examinations.locking import locked
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.examinations.queueing import requeue
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.destroying import each
from countenance.apps.searches.kept import Days, days_of
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools


@accountable(Action.CONTROL_DESTROYED, deed=Deed.SEARCH_PURGE)
def destroy_control(
    actor: Actor, record: Record, *, examination: Examination, tools: Tools
) -> None:
    """Destroy a control that is old enough: who played in it and what was written; its answers stay.

    It is kept for as many days after it was recorded as what a search found is after its case.

    Raises:
        WrongState: it is no control, or it is not time.
        NotFound: it was destroyed meanwhile.
    """
    record.note(about=examination.pk)
    record.agency = examination.agency_id
    if actor != SYSTEM:
        policy.permit_own(actor, examination.agency_id)
    one = locked(examination)
    days = _days(one.agency)
    if one.search_id is not None or tools.clock() <= _since(one) + timedelta(days=days.results):
        raise WrongState("It is kept for longer.")
    record.note(days=days.results, section=days.results_law)
    forget(one)


@composed_of(destroy_control)
def destroy_old_controls(actor: Actor, *, tools: Tools) -> int:
    """Destroy the controls that are old enough, and return how many; called every hour and at start."""
    controls = Examination.objects.filter(search=None)
    done = 0
    for agency in Agency.objects.filter(pk__in=controls.values("agency")):
        before = tools.clock() - timedelta(days=_days(agency).results)
        rows = controls.filter(agency=agency).annotate(since=Coalesce("recorded_at", "begun_at"))
        old = rows.filter(since__lt=before).order_by("since", "pk")
        done += each(actor, destroy_control, old, tools=tools, name="examination")
    return done


@composed_of()
def requeue_open(actor: Actor, *, tools: Tools) -> int:
    """Look again whether open searches want an examiner, and return how many do.

    Those of before there was a queue may, and those of which an examiner's certificate has ended since.
    """
    recorded = Examination.objects.filter(search=OuterRef("pk"), state=ExaminationState.RECORDED)
    rows = Search.objects.filter(
        Q(wants_examiner=None) | Q(Exists(recorded), wants_examiner=False),
        state=SearchState.CONCLUDED,
        frozen_at=None,
        purged_at=None,
        closing=None,
    )
    found = 0
    for pk in list(rows.order_by("ended_at", "pk").values_list("pk", flat=True)):
        with transaction.atomic():
            search = Search.objects.select_for_update(no_key=True).get(pk=pk)
            requeue(search, tools=tools)
        found += bool(search.wants_examiner)
    return found


def _days(agency: Agency) -> Days:
    return days_of([agency.pack])


def _since(one: Examination) -> datetime:
    return one.recorded_at or one.begun_at
