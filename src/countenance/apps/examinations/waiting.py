"""What waits about examinations: those that are open, own searches, and that another one can be taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from countenance.apps.examinations import queries
from countenance.apps.examinations.models import ExaminationState
from countenance.apps.examinations.permits import permit_beginner
from countenance.apps.records.waiting import Waiting
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import code_of
from countenance.errors import CountenanceError
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LOOKED_AT = 20
"""So many searches are looked at to say whether one waits; this is asked whenever a page is drawn."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the actor's open examinations; and, while none is open that they drew, what else they can begin.

    While one is open, that another one waits would tell a control from an examination of a search.
    """
    if not may(actor, Deed.EXAMINE):
        return
    drawn = False
    for one in queries.own_examinations(actor, ExaminationState.OPEN).order_by("begun_at", "pk"):
        drawn = drawn or one.about["drawn"]
        yield Waiting(
            what=f"Examination {one.about['code']}",
            since=one.begun_at,
            href=reverse("examination", args=[one.pk]),
        )
    if not drawn:
        yield from _own_searches(actor, tools=tools)
        yield from _next_one(actor, tools=tools)


def _own_searches(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the searches that the actor ran and may begin to examine; nobody else is given them otherwise."""
    rows = queries.wanting(actor).filter(asked_by_id=actor.person)
    for search in rows[:LOOKED_AT]:
        if search.ended_at is not None and _begins(actor, search, tools=tools):
            yield Waiting(
                what=f"Examine what search {code_of(search)} found",
                since=search.ended_at,
                href=reverse("search", args=[search.pk]),
            )


def _begins(actor: Actor, search: Search, *, tools: Tools) -> bool:
    try:
        permit_beginner(actor, search, today=tools.clock().date())
    except CountenanceError:
        return False
    return True


def _next_one(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    for search in queries.waiting_searches(actor, tools=tools, at_most=LOOKED_AT):
        if search.ended_at is not None:
            since = max(_day(search.ended_at), _last_begun(actor) or _day(search.ended_at))
            href = reverse("examinations")
            yield Waiting(what="Take the next examination", since=since, href=href)
            return


def _day(moment: datetime) -> datetime:
    """Return the day of a moment: the moment itself would name the search."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _last_begun(actor: Actor) -> datetime | None:
    """Return when the actor last began one: an older search that waits again would tell that a third is asked."""
    last = queries.own_examinations(actor).first()
    return None if last is None else last.begun_at
