"""The examinations of a search side by side: who said what of each candidate, and the photos it was said of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.examinations import consolidation_rows, photos, queries, viewing
from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.photos import side_by_side_key
from countenance.apps.examinations.standings import recorded
from countenance.apps.galleries import looks
from countenance.apps.searches import afterwards
from countenance.apps.searches import queries as search_queries
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import code_of
from countenance.errors import NotFound
from countenance.policy import Deed, may
from countenance.tools import Tools
from countenance.ui.faceview import FacePhoto, Pair, SeenPin, face_photo
from countenance.ui.requests import Request


@require_safe
def consolidation(request: Request, search_id: UUID) -> HttpResponse:
    """Show what the examiners wrote of each candidate in one table, disagreements first."""
    one = search_queries.search(request.actor, search_id)
    found = viewing.view_examinations(request.actor, search=one, tools=request.tools)
    candidates = consolidation_rows.candidates(request.actor, one, found)
    shown = _shown(request, candidates)
    closed = queries.is_closed(one)
    context = {
        "section": "searches",
        "shown": shown["rank"],
        "pair": pair_of(request, one, shown["first"], shown["pins"]),
        "search": {"id": one.pk, "code": code_of(one)},
        "case": one.case,
        "closed": closed,
        "came": afterwards.came_of(request.actor, [one]).get(one.pk),
        "examiners": len(found),
        "agreed": sum(candidate["agreed"] for candidate in candidates),
        "disagreed": sum(candidate["disagreed"] for candidate in candidates),
        "closes": not closed and may(request.actor, Deed.LEAD_RELEASE),
        "measures": may(request.actor, Deed.CONTROLS_READ) and not queries.examines(request.actor),
        "candidates": candidates,
    }
    return render(request, "examinations/consolidation.html", context)


def _shown(request: Request, candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the candidate whose photos are asked for, else the first one.

    Raises:
        NotFound: there is none of that rank.
    """
    asked = request.GET.get("candidate", str(candidates[0]["rank"]))
    for one in candidates:
        if str(one["rank"]) == asked:
            return one
    raise NotFound("This search has no such candidate.")


def pair_of(
    request: Request, search: Search, first: tuple[Examination, Comparison], pins: list[SeenPin]
) -> Pair | None:
    """Return the photos of a candidate as both examiners saw them first, with the pins of both."""
    examination, row = first
    try:
        probe = photos.settled(examination.about, photos.probe_side(examination))
    except NotFound:
        return None
    looks.note_look(request, [side_by_side_key(search.pk, 0)])
    beside = None
    with photos.candidate_sides(request.actor, row, most=1, tools=request.tools) as (sides, _):
        rank = row.about["rank"]
        if sides:
            looks.note_look(request, [side_by_side_key(search.pk, rank)])
            beside = _photo(search, photos.settled(row.about, sides[0]), rank)
    return Pair.of(
        _photo(search, probe, 0),
        beside,
        pins,
        originals="originals" in request.GET,
        plain=f"?candidate={row.about['rank']}&originals=1",
    )


def _photo(search: Search, side: photos.Side, rank: int) -> FacePhoto:
    href = reverse("consolidation_photo", args=[search.pk, rank])
    return face_photo(
        href,
        f"{href}?original=1",
        label=f"Candidate {rank}" if rank else "Probe",
        landmarks=side.landmarks,
    )


@require_safe
def consolidation_photo(request: Request, search_id: UUID, rank: int) -> HttpResponse:
    """Return a photo that the page of all examinations shows: the probe for 0, else a candidate's first."""
    looks.require_look(request, side_by_side_key(search_id, rank))
    one = search_queries.search(request.actor, search_id)
    if queries.sight(request.actor, one) != queries.Sight.EVERYTHING:
        raise NotFound("There is no such photo.")
    permit_look(one, now=request.tools.clock())
    for examination in recorded(one):
        if rank == 0:
            probe = photos.settled(examination.about, photos.probe_side(examination))
            return _canvas(request, probe, tools=request.tools)
        for row in queries.comparisons(examination):
            if row.about["rank"] == rank:
                return _candidate_photo(request, row)
    raise NotFound("There is no such photo.")


def _candidate_photo(request: Request, row: Comparison) -> HttpResponse:
    with photos.candidate_sides(request.actor, row, most=1, tools=request.tools) as (sides, lent):
        return _canvas(request, photos.settled(row.about, photos.side_of(sides, 1)), tools=lent)


def _canvas(request: Request, side: photos.Side, *, tools: Tools) -> HttpResponse:
    data = photos.canvas(side, original="original" in request.GET, tools=tools)
    return HttpResponse(data, content_type="image/jpeg")
