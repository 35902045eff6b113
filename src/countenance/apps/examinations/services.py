"""Examining: begin, write down what the probe shows, compare each candidate, conclude.

An examiner sees and says everything alone: no service here shows, or depends on, what another examiner
does before both have recorded theirs. What was recorded is never written again, only followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import queries
from countenance.apps.examinations.locking import (
    lock_search,
    own,
    own_open,
    own_unsaid,
    probe_of,
    require_candidates,
)
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.permits import permit_beginner, permit_following
from countenance.apps.examinations.queueing import requeue
from countenance.apps.examinations.rows import end, make_rows
from countenance.apps.examinations.saying import digest
from countenance.apps.examinations.standings import CONCLUSIONS
from countenance.apps.records.services import Record, accountable
from countenance.apps.searches.models import Search
from countenance.errors import InputError, NotFound, WrongState
from countenance.examination.checklist import Checklist, read_analysis, read_comparison
from countenance.examination.concluding import check_conclusion, check_whole
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, permit_reason
from countenance.tools import Tools

Said = Mapping[str, Any]


@accountable(Action.EXAMINATION_BEGUN, deed=Deed.EXAMINE)
def begin_examination(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Examination:
    """Begin one's own examination of a search that one ran; of all others one draws (`take_examination`).

    Raises:
        NotPermitted: somebody else ran it; recorded.
        SamePerson: the actor had a part in it, or has examined it; recorded.
        SearchFrozen: its authority did not come in time; recorded.
        WrongState: it needs no examiner now, was closed, returned nobody, or another one is open that
            was drawn.
    """
    record.note(search=search.pk)
    search = lock_search(actor, search, tools=tools)
    if queries.open_draw(actor) is not None:
        # The same for every search, so that nobody can ask of which one it is that they drew.
        raise WrongState("Finish or give up the examination that is open first.")
    require_candidates(search)
    permit_beginner(actor, search, today=tools.clock().date())
    made = make_rows(
        actor,
        examination_id=uuid4(),
        search=search,
        probe=probe_of(search),
        candidates=search.outcome["candidates"],
        drawn=False,
        tools=tools,
    )
    requeue(search, record, tools=tools)
    record.note(about=made.pk, candidates=made.about["candidates"], drawn=False)
    return made


@accountable(Action.EXAMINATION_SAVED, deed=Deed.EXAMINE)
def save_analysis_draft(
    actor: Actor, record: Record, *, examination: Examination, checklist: Said, tools: Tools
) -> Examination:
    """Keep what was written of the probe so far.

    Raises:
        InputError: it says something that a component cannot be.
        WrongState: it is recorded already, or the examination is over.
    """
    examination = own_open(actor, record, examination, tools=tools)
    _require_unanalysed(examination)
    examination.draft = read_analysis(checklist).as_json()
    examination.save(update_fields=("draft",))
    return examination


@accountable(Action.PROBE_ANALYSED, deed=Deed.EXAMINE)
def record_analysis(
    actor: Actor, record: Record, *, examination: Examination, checklist: Said, tools: Tools
) -> Examination:
    """Record what the probe shows; only now can any candidate be seen.

    Raises:
        InputError: something is not said of every component.
        WrongState: it is recorded already, or the examination is over.
    """
    examination = own_open(actor, record, examination, tools=tools)
    _require_unanalysed(examination)
    read = read_analysis(checklist)
    check_whole(read)
    now = tools.clock()
    examination.analysis = {"checklist": read.as_json(), "at": now.isoformat()}
    examination.analysed_at, examination.draft = now, None
    examination.save(update_fields=("analysis", "analysed_at", "draft"))
    record.note(said=digest(examination.analysis))
    return examination


@accountable(Action.EXAMINATION_SAVED, deed=Deed.EXAMINE)
def save_comparison_draft(
    actor: Actor,
    record: Record,
    *,
    comparison: Comparison,
    checklist: Said,
    conclusion: str = "",
    tools: Tools,
) -> Comparison:
    """Keep what was written of a candidate so far, whole or not.

    Raises:
        InputError: it says something that a component, or a conclusion, cannot be.
        WrongState: it is concluded already, or the examination is over.
    """
    comparison = own_unsaid(actor, record, comparison, tools=tools)
    kept = None if not conclusion else str(_conclusion(conclusion))
    comparison.draft = {"checklist": read_comparison(checklist).as_json(), "conclusion": kept}
    comparison.save(update_fields=("draft",))
    return comparison


@accountable(Action.CONCLUSION_RECORDED, deed=Deed.EXAMINE)
def record_conclusion(
    actor: Actor,
    record: Record,
    *,
    comparison: Comparison,
    checklist: Said,
    conclusion: str,
    tools: Tools,
) -> Comparison:
    """Record a conclusion on a candidate, for good; the last one makes the examination recorded.

    Raises:
        InputError: the checklist is not whole, or nothing in it speaks for the conclusion.
        WrongState: it is concluded already, or the examination is over.
    """
    comparison = own_unsaid(actor, record, comparison, tools=tools)
    _say(actor, record, comparison, checklist, conclusion, tools=tools)
    comparison.draft = None
    comparison.save(update_fields=("said", "recorded_at", "draft"))
    examination = comparison.examination
    if not examination.comparisons.filter(follows=None, said__isnull=True).exists():
        examination.move(ExaminationState.RECORDED)
        examination.recorded_at = tools.clock()
        examination.save(update_fields=("state", "about", "recorded_at"))
        record.note(last=True)
        if examination.search is not None:
            requeue(examination.search, record, tools=tools)
    return comparison


@accountable(Action.CONCLUSION_FOLLOWED, deed=Deed.EXAMINE)
def follow_conclusion(
    actor: Actor,
    record: Record,
    *,
    comparison: Comparison,
    checklist: Said,
    conclusion: str,
    reason: str,
    tools: Tools,
) -> Comparison:
    """Put another conclusion after one's own, once two are recorded; the earlier one stays as it is.

    Raises:
        ReasonMissing: why is not said.
        InputError: the checklist is not whole, or nothing in it speaks for the conclusion.
        NotFound: it is of a control.
        WrongState: not everybody has recorded theirs yet, or it was followed already.
        NotPermitted: it is somebody else's, or would come to support a lead where nobody disagrees.
    """
    examination = own(actor, record, comparison.examination, tools=tools)
    record.note(about=comparison.pk, reason=reason.strip())
    search = examination.search
    if search is None:
        raise NotFound("There is no such conclusion to follow.")
    if examination.state != ExaminationState.RECORDED:
        raise WrongState("This examination is not recorded, so nothing in it can be followed.")
    comparison = Comparison.objects.select_for_update(no_key=True).get(pk=comparison.pk)
    comparison.check_links()
    comparison.examination = examination
    permit_following(
        actor,
        search,
        comparison,
        checklist=read_comparison(checklist),
        conclusion=_conclusion(conclusion),
        reason=reason,
        today=tools.clock().date(),
    )
    later = Comparison(
        agency_id=actor.agency,
        examination=examination,
        place=comparison.place,
        follows=comparison,
    )
    later.about = {**comparison.about, "links": later.links}
    _say(actor, record, later, checklist, conclusion, reason=reason.strip(), tools=tools)
    later.save(force_insert=True)
    record.note(about=later.pk, follows=comparison.pk)
    requeue(search, record, tools=tools)
    return later


@accountable(Action.EXAMINATION_ENDED, deed=Deed.EXAMINE)
def end_examination(
    actor: Actor, record: Record, *, examination: Examination, reason: str, tools: Tools
) -> Examination:
    """Give up one's own examination, with a reason; somebody else can then examine in one's place.

    Also one of a search that is frozen, or that somebody altered: while it is open one cannot take the next.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it is over already.
    """
    examination = own_open(actor, record, examination, frozen_too=True, tools=tools)
    record.note(reason=reason.strip())
    permit_reason(reason)
    end(examination, reason.strip(), tools=tools)
    if examination.search is not None:
        requeue(examination.search, record, tools=tools)
    return examination


def _require_unanalysed(examination: Examination) -> None:
    if examination.analysis is not None:
        raise WrongState("What the probe shows is recorded; it stays as it is.")


def _say(
    actor: Actor,
    record: Record,
    comparison: Comparison,
    checklist: Said,
    conclusion: str,
    *,
    reason: str | None = None,
    tools: Tools,
) -> None:
    """Put checklist and conclusion on a row that has none; the caller saves it."""
    read: Checklist = read_comparison(checklist)
    step = _conclusion(conclusion)
    check_conclusion(read, step)
    now = tools.clock()
    until = Person.objects.get(pk=actor.person).certified_until
    comparison.said = {
        "checklist": read.as_json(),
        "conclusion": str(step),
        "by": str(actor.person),
        "at": now.isoformat(),
        "certified_until": None if until is None else until.isoformat(),
    }
    if reason is not None:
        comparison.said = {**comparison.said, "reason": reason}
    comparison.recorded_at = now
    record.note(conclusion=str(step), said=digest(comparison.said))


def _conclusion(word: str) -> Conclusion:
    if word not in CONCLUSIONS:
        raise InputError("Choose one of the conclusions of the scale.")
    return CONCLUSIONS[word]
