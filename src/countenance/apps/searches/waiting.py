"""What waits about requests for searches: to be run, declined and to be asked anew, or answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.urls import reverse

from countenance.apps.cases import queries as cases
from countenance.apps.records.waiting import NOBODY, Waiting
from countenance.apps.searches import afterwards, queries
from countenance.apps.searches.afterwards import Afterwards
from countenance.apps.searches.models import RequestState, Search, SearchRequest
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LATELY = timedelta(days=14)
"""So long an answer is listed after it was given."""
LOOKED_AT = 20
"""So many answers are looked at, the newest; this is asked whenever a page is drawn."""
UNRUN = timedelta(days=2)
"""A request that no examiner has run or declined by then is shown to supervisors."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the requests that the actor runs, and what became of those that they made."""
    if may(actor, Deed.SEARCH_RUN):
        yield from _to_run(actor)
    elif may(actor, Deed.SEARCH_DECLINE):
        yield from _unrun(actor, tools=tools)
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


def _unrun(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield what no examiner has taken up for too long, to those who can find one, or decline it."""
    for one in queries.waiting_requests(actor).filter(asked_at__lt=tools.clock() - UNRUN):
        what = f"No examiner has run or declined the search asked for in case {one.case.reference}"
        yield Waiting(what=what, since=one.asked_at, href=reverse("requests"), whose="An examiner")


def _asked(actor: Actor) -> Iterator[Waiting]:
    for one in queries.waiting_requests(actor).filter(asked_by=actor.person):
        what = f"You asked for a search in case {one.case.reference}"
        yield Waiting(what=what, since=one.asked_at, href=_photo(one.probe_id), whose="An examiner")


def _answered(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the newest answer about each photo that the actor asked about, in open cases that they see.

    Of a search that was run: what came of it since, as far as it goes.
    """
    later = SearchRequest.objects.filter(probe=OuterRef("probe"), asked_at__gt=OuterRef("asked_at"))
    rows = SearchRequest.objects.filter(
        ~Exists(later),
        agency_id=actor.agency,
        asked_by=actor.person,
        state__in=(RequestState.DECLINED, RequestState.DONE),
        case__in=cases.cases(actor).order_by().values("pk"),
        case__closed_at=None,
    )
    rows = rows.select_related("case", "probe").order_by("-answered_at", "pk")
    found = list(rows[:LOOKED_AT])
    came = _came_of(actor, found)
    for one in found:
        at = one.answered_at or one.asked_at
        if one.state == RequestState.DECLINED:
            what = f"Read why the search in case {one.case.reference} was declined, and ask anew"
            yield Waiting(what=what, since=at, href=reverse("case", args=[one.case_id]))
        elif one.pk in came:
            search, said = came[one.pk]
            if said.whose or tools.clock() - said.at <= LATELY:
                yield _afterwards(one, search, said)
        elif tools.clock() - at <= LATELY:
            what = f"The search that you asked for in case {one.case.reference} was run"
            yield Waiting(
                what=what, since=at, href=reverse("case", args=[one.case_id]), whose=NOBODY
            )


def _came_of(
    actor: Actor, requests: Sequence[SearchRequest]
) -> dict[UUID, tuple[UUID, Afterwards]]:
    """Return the searches that answered requests, and what came of each, by the request."""
    searches = list(Search.objects.filter(answers__in=requests))
    came = afterwards.came_of(actor, searches)
    return {
        one.answers_id: (one.pk, came[one.pk])
        for one in searches
        if one.answers_id is not None and one.pk in came
    }


def _afterwards(one: SearchRequest, search: UUID, said: Afterwards) -> Waiting:
    words = said.words[:1].lower() + said.words[1:]
    (lead,) = said.leads if len(said.leads) == 1 else (None,)
    return Waiting(
        what=f"The search that you asked for in case {one.case.reference}: {words}",
        since=said.at,
        href=reverse("search", args=[search]) if lead is None else lead.href,
        whose=said.whose or NOBODY,
    )


def _photo(probe: UUID) -> str:
    return reverse("probe", args=[probe])
