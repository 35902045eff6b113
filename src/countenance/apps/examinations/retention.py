"""The clock of examinations: controls destroyed after their time, examiners who cannot go on, who is wanted again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from countenance import policy
from countenance.apps.agencies.models import Agency
from countenance.apps.examinations.forgotten import forget
from countenance.apps.examinations.locking import locked
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.examinations.permits import still_certified
from countenance.apps.examinations.queries import is_altered
from countenance.apps.examinations.queueing import ALL_COMPARED, close, is_done, requeue
from countenance.apps.examinations.rows import end
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.destroying import each
from countenance.apps.searches.kept import Days, days_of
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

NOT_CERTIFIED = "Its examiner may not examine any more."
ALTERED = "It was altered in the database and does not open any more."


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


@accountable(Action.EXAMINATION_ENDED, deed=Deed.SET_UP)
def end_left(actor: Actor, record: Record, *, examination: Examination, tools: Tools) -> None:
    """End an open examination with which its examiner cannot go on, so that another examines in their place.

    Of one that somebody altered only the state is written: its seal stays broken, and its search a signal.

    Raises:
        WrongState: it is over, or its examiner can go on.
    """
    record.note(about=examination.pk)
    record.agency = examination.agency_id
    search = None
    if examination.search_id is not None:
        search = Search.objects.select_for_update(no_key=True).get(pk=examination.search_id)
    one = Examination.objects.select_for_update(no_key=True).get(pk=examination.pk)
    why = _why_left(one, today=tools.clock().date())
    if one.state != ExaminationState.OPEN or why is None:
        raise WrongState("Its examiner can go on with it, or it is over.")
    record.note(reason=why)
    if why == ALTERED:
        Examination.objects.filter(pk=one.pk).update(state=ExaminationState.ENDED)
    else:
        end(one, why, tools=tools)
    if search is not None:
        requeue(search, record, tools=tools)


@composed_of(end_left)
def end_all_left(actor: Actor, *, tools: Tools) -> int:
    """End the open examinations with which nobody can go on, and return how many; called every hour and at start."""
    return each(actor, end_left, _left(tools.clock().date()), tools=tools, name="examination")


def _left(today: date) -> Iterator[Examination]:
    for one in Examination.objects.filter(state=ExaminationState.OPEN).order_by("begun_at", "pk"):
        if _why_left(one, today=today) is not None:
            yield one


def _why_left(one: Examination, *, today: date) -> str | None:
    """Return why an examination cannot be gone on with, if nobody can."""
    if is_altered(one):
        return ALTERED
    return None if still_certified([one.examiner_id], today=today) else NOT_CERTIFIED


@accountable(Action.SEARCH_CLOSED, deed=Deed.SET_UP)
def close_done(actor: Actor, record: Record, *, search: Search, tools: Tools) -> None:
    """Close a search with which nothing is left to do, although nobody did the last of it just now.

    Raises:
        WrongState: something is left.
    """
    record.note(about=search.pk, compared=True, reason=ALL_COMPARED)
    record.agency = search.agency_id
    search = Search.objects.select_for_update(no_key=True).get(pk=search.pk)
    if not is_done(search, tools=tools):
        raise WrongState("Something is left to do with it.")
    close(search, tools=tools)


@composed_of(close_done)
def requeue_open(actor: Actor, *, tools: Tools) -> int:
    """Look again whether open searches want an examiner, and return how many do; close those that are done.

    Those of before there was a queue may, and those of which somebody cannot examine any more.
    """
    recorded = Examination.objects.filter(search=OuterRef("pk"), state=ExaminationState.RECORDED)
    rows = Search.objects.filter(
        Q(wants_examiner=None) | Exists(recorded),
        state=SearchState.CONCLUDED,
        frozen_at=None,
        purged_at=None,
        closing=None,
    )
    found, done = 0, []
    for pk in list(rows.order_by("ended_at", "pk").values_list("pk", flat=True)):
        with transaction.atomic():
            search = Search.objects.select_for_update(no_key=True).get(pk=pk)
            if is_done(search, tools=tools):
                done.append(search)
        found += bool(search.wants_examiner)
    each(actor, close_done, done, tools=tools)
    return found


def _days(agency: Agency) -> Days:
    return days_of([agency.pack])


def _since(one: Examination) -> datetime:
    return one.recorded_at or one.begun_at
