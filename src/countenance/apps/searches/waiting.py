"""What waits about requests for searches: to be run, declined and to be asked anew, or answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.urls import reverse

from countenance.apps.cases import queries as cases
from countenance.apps.records.waiting import NOBODY, Waiting
from countenance.apps.searches import queries
from countenance.apps.searches.models import RequestState, SearchRequest
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LATELY = timedelta(days=14)
"""So long an answer is listed after it was given."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the requests that the actor runs, and what became of those that they made."""
    if may(actor, Deed.SEARCH_RUN):
        yield from _to_run(actor)
    if may(actor, Deed.SEARCH_ASK):
        yield from _asked(actor)
        yield from _answered(actor, tools=tools)


def _to_run(actor: Actor) -> Iterator[Waiting]:
    """Yield what an examiner runs or declines: nothing that they asked for, added or opened themselves."""
    rows = queries.waiting_requests(actor).exclude(asked_by=actor.person)
    rows = rows.exclude(probe__added_by=actor.person).exclude(case__opened_by=actor.person)
    for one in rows:
        what = f"Run or decline the search asked for in case {one.case.reference}"
        yield Waiting(what=what, since=one.asked_at, href=_photo(one.probe_id))


def _asked(actor: Actor) -> Iterator[Waiting]:
    for one in queries.waiting_requests(actor).filter(asked_by=actor.person):
        what = f"You asked for a search in case {one.case.reference}"
        yield Waiting(what=what, since=one.asked_at, href=_photo(one.probe_id), whose="An examiner")


def _answered(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the newest answer about each photo that the actor asked about, in open cases that they see."""
    later = SearchRequest.objects.filter(probe=OuterRef("probe"), asked_at__gt=OuterRef("asked_at"))
    rows = SearchRequest.objects.filter(
        ~Exists(later),
        agency_id=actor.agency,
        asked_by=actor.person,
        state__in=(RequestState.DECLINED, RequestState.DONE),
        case__in=cases.cases(actor).order_by().values("pk"),
        case__closed_at=None,
    )
    for one in rows.select_related("case", "probe").order_by("answered_at", "pk"):
        at = one.answered_at or one.asked_at
        if one.state == RequestState.DECLINED:
            what = f"Read why the search in case {one.case.reference} was declined, and ask anew"
            yield Waiting(what=what, since=at, href=reverse("case", args=[one.case_id]))
        elif tools.clock() - at <= LATELY:
            what = f"The search that you asked for in case {one.case.reference} was run"
            yield Waiting(
                what=what, since=at, href=reverse("case", args=[one.case_id]), whose=NOBODY
            )


def _photo(probe: UUID) -> str:
    return reverse("probe", args=[probe])
