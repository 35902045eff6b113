"""Whether a search waits for an examiner, kept beside it in clear; and the end of one with which all is done.

Called by services inside their transaction, after anything that changes the answer; the search is locked.
Which candidates were released as leads, the app above this one says from its `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from countenance.apps.examinations import queries
from countenance.apps.examinations.models import Closing, ExaminationState
from countenance.apps.examinations.permits import examiners_of, is_lapsed, standings_of
from countenance.apps.records.services import Record
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import root_of
from countenance.errors import NotEvidence, SealBroken
from countenance.examination.combine import Standing
from countenance.tools import Tools

log = structlog.get_logger()

ALL_COMPARED = "All candidates are compared."

Released = Callable[[Search], Collection[UUID]]

_released: list[Released] = []


def register(released: Released) -> None:
    """Ask this function which candidates of a search were released as leads."""
    _released[:] = [released]


def requeue(search: Search, record: Record, *, tools: Tools) -> None:
    """Say in clear whether a locked search wants one examiner more, and close it if nothing is left to do.

    That it is closed, the entry of the service says that did the last of it.
    """
    if is_done(search, tools=tools):
        close(search, tools=tools)
        record.note(closed=True)


def is_done(search: Search, *, tools: Tools) -> bool:
    """Say in clear whether a locked search wants one examiner more; return whether nothing is left to do.

    Nothing is left once everybody has recorded and no candidate is supported, or those that are were
    released. A disagreement waits for an examiner or a consolidation, support for a supervisor.
    """
    try:
        wants, done = _judged(search, tools=tools)
    except SealBroken as error:
        # What somebody altered costs nobody the work that is just recorded; the search stays a signal.
        log.warning("queue.unreadable", code=error.code)
        return False
    search.wants_examiner = wants
    search.save(update_fields=("wants_examiner",))
    return done


def _judged(search: Search, *, tools: Tools) -> tuple[bool, bool]:
    """Return whether an examiner is wanted, and whether nothing is left to do."""
    wants = done = False
    if queries.has_candidates(search) and not queries.is_closed(search):
        every = search.examinations.exclude(state=ExaminationState.ENDED)
        states = list(every.values_list("state", flat=True))
        wants = len(states) < examiners_of(search) and _is_evidence(search)
        if not wants and ExaminationState.OPEN not in states:
            leads = {subject for released in _released for subject in released(search)}
            left = [one for one in standings_of(search) if one.subject not in leads]
            today = tools.clock().date()
            wants = any(
                one.standing == Standing.DISAGREED or is_lapsed(one, search, today=today)
                for one in left
            )
            done = all(one.standing == Standing.NO_LEAD for one in left)
    return wants, done


def _is_evidence(search: Search) -> bool:
    """Say whether it is known who added the photo; not of the first version, so nobody is let at it."""
    try:
        root_of(search.probe)
    except NotEvidence:
        return False
    return True


def close(search: Search, *, tools: Tools) -> None:
    """Close a locked search with which nothing is left to do."""
    closing = Closing(search=search, agency_id=search.agency_id, by_id=None, at=tools.clock())
    closing.details = {"links": closing.links, "compared": True, "reason": ALL_COMPARED}
    closing.save(force_insert=True)
