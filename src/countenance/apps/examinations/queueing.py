"""Whether a search waits for an examiner, kept beside it in clear; and the end of one with which all is done.

Called by services inside their transaction, after anything that changes the answer; the search is locked.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import structlog

from countenance.apps.examinations import queries
from countenance.apps.examinations.models import Closing, ExaminationState
from countenance.apps.examinations.permits import examiners_of, is_lapsed, standings_of
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import root_of
from countenance.errors import NotEvidence, SealBroken
from countenance.examination.combine import Standing
from countenance.tools import Tools

log = structlog.get_logger()

ALL_COMPARED = "All candidates are compared."


def requeue(search: Search, *, leads: Collection[UUID] = (), tools: Tools) -> None:
    """Say in clear whether a locked search wants one examiner more, and close it if nothing is left to do.

    Nothing is left once everybody has recorded and no candidate is supported, or those that are were
    released. A disagreement waits for an examiner or a consolidation, support for a supervisor.

    Args:
        search: what returned candidates, or did not.
        leads: which of them were released as leads.
        tools: the clock.
    """
    try:
        wants, over = _judged(search, leads, tools=tools)
    except SealBroken as error:
        # What somebody altered costs nobody the work that is just recorded; the search stays a signal.
        log.warning("queue.unreadable", code=error.code)
        return
    search.wants_examiner = wants and not over
    search.save(update_fields=("wants_examiner",))
    if over:
        _close(search, tools=tools)


def _judged(search: Search, leads: Collection[UUID], *, tools: Tools) -> tuple[bool, bool]:
    """Return whether an examiner is wanted, and whether nothing is left to do."""
    wants = over = False
    if queries.has_candidates(search) and not queries.is_closed(search):
        every = search.examinations.exclude(state=ExaminationState.ENDED)
        states = list(every.values_list("state", flat=True))
        wants = len(states) < examiners_of(search) and _is_evidence(search)
        if not wants and ExaminationState.OPEN not in states:
            found, today = standings_of(search), tools.clock().date()
            wants = any(
                one.standing == Standing.DISAGREED or is_lapsed(one, search, today=today)
                for one in found
            )
            over = all(one.standing == Standing.NO_LEAD or one.subject in leads for one in found)
    return wants, over


def _is_evidence(search: Search) -> bool:
    """Say whether it is known who added the photo; not of the first version, so nobody is let at it."""
    try:
        root_of(search.probe)
    except NotEvidence:
        return False
    return True


def _close(search: Search, *, tools: Tools) -> None:
    closing = Closing(search=search, agency_id=search.agency_id, by_id=None, at=tools.clock())
    closing.details = {"links": closing.links, "compared": True, "reason": ALL_COMPARED}
    closing.save(force_insert=True)
