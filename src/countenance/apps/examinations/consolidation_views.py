"""The examinations of a search side by side: who said what of each candidate, and the photos it was said of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.examinations import photos, queries, viewing
from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.permits import standings_of
from countenance.apps.examinations.photos import side_by_side_key
from countenance.apps.examinations.standings import (
    CONCLUSIONS,
    CandidateStanding,
    checklist_of,
    recorded,
    said_of,
)
from countenance.apps.galleries import looks
from countenance.apps.searches import queries as search_queries
from countenance.apps.searches.case_views import code_of
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Search
from countenance.errors import NotFound
from countenance.examination.combine import SAID, Standing
from countenance.examination.components import Answer, Component
from countenance.policy import Deed, may
from countenance.ui.faceview import FacePhoto, Pair, SeenPin, face_photo
from countenance.ui.requests import Request

STANDINGS = {**SAID, Standing.AGREED: "The examiners support that both photos show one person."}
Rows = list[tuple[Examination, Comparison]]


@require_safe
def consolidation(request: Request, search_id: UUID) -> HttpResponse:
    """Show what the examiners wrote of each candidate in one table, disagreements first."""
    one = search_queries.search(request.actor, search_id)
    found = viewing.view_examinations(request.actor, search=one, tools=request.tools)
    candidates = _candidates(request, one, found)
    shown = _shown(request, candidates)
    context = {
        "section": "searches",
        "shown": shown["rank"],
        "pair": _pair(request, one, shown["first"], shown["pins"]),
        "search": {"id": one.pk, "code": code_of(one)},
        "closed": queries.is_closed(one),
        "may_release": may(request.actor, Deed.LEAD_RELEASE),
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


def _pair(
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
    return Pair.of(_photo(search, probe, 0), beside, pins)


def _photo(search: Search, side: photos.Side, rank: int) -> FacePhoto:
    return face_photo(
        reverse("consolidation_photo", args=[search.pk, rank]),
        label=f"Candidate {rank}" if rank else "Probe",
        width=side.width,
        height=side.height,
        landmarks=side.landmarks,
    )


def _numbered(rows: Rows) -> dict[tuple[int, Component], list[SeenPin]]:
    """Return all pins by examiner and component, numbered throughout, so that a number names one pin."""
    found: dict[tuple[int, Component], list[SeenPin]] = {}
    count = 0
    for place, (examination, row) in enumerate(rows):
        said = checklist_of(row)
        for component in Component:
            name = f"{examination.examiner.name}, {component.label}"
            pins = said.mark(component).pins
            found[place, component] = [
                SeenPin(number=number, name=name, x=pin.x, y=pin.y)
                for number, pin in enumerate(pins, start=count + 1)
            ]
            count += len(pins)
    return found


def _numbers(pins: list[SeenPin]) -> str:
    numbers = ", ".join(str(pin.number) for pin in pins)
    return f"{'Pin' if len(pins) == 1 else 'Pins'} {numbers}" if pins else ""


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
            data = photos.picture(photos.probe_side(examination), tools=request.tools)
            return HttpResponse(data, content_type="image/jpeg")
        for row in queries.comparisons(examination):
            if row.about["rank"] == rank:
                return _candidate_photo(request, row)
    raise NotFound("There is no such photo.")


def _candidate_photo(request: Request, row: Comparison) -> HttpResponse:
    with photos.candidate_sides(request.actor, row, most=1, tools=request.tools) as (sides, lent):
        data = photos.picture(photos.side_of(sides, 1), tools=lent)
    return HttpResponse(data, content_type="image/jpeg")


def _candidates(request: Request, search: Search, found: list[Examination]) -> list[dict[str, Any]]:
    rows = [(examination, row) for examination in found for row in queries.comparisons(examination)]
    shown = []
    for standing in standings_of(search):
        own = [
            (examination, queries.last_of(row))
            for examination, row in rows
            if UUID(row.about["subject"]) == standing.subject
        ]
        shown.append(_candidate(request, standing, own))
    return sorted(shown, key=lambda one: (not one["disagreed"], one["rank"]))


def _candidate(request: Request, standing: CandidateStanding, rows: Rows) -> dict[str, Any]:
    lists = [checklist_of(row) for _, row in rows]
    words = {str(one): one.label for one in Answer}
    numbered, components = _numbered(rows), []
    for component in Component:
        marks = [one.mark(component) for one in lists]
        said = [
            {
                "said": words.get(mark.said or "", ""),
                "note": mark.note,
                "pins": _numbers(numbered[place, component]),
            }
            for place, mark in enumerate(marks)
        ]
        differ = len({mark.said for mark in marks}) > 1
        components.append({"label": component.label, "said": said, "differ": differ})
    return {
        "rank": standing.rank,
        "first": rows[0] if rows else None,
        "pins": [pin for pins in numbered.values() for pin in pins],
        "disagreed": standing.standing == Standing.DISAGREED,
        "agreed": standing.standing == Standing.AGREED,
        "standing": STANDINGS[standing.standing],
        "examiners": [
            {
                "name": examination.examiner.name,
                "own": examination.examiner_id == request.actor.person,
                "conclusion": CONCLUSIONS[said_of(row)["conclusion"]],
                "at": row.recorded_at,
                "reason": said_of(row).get("reason", ""),
                "follow": reverse("conclusion_follow", args=[row.examination_id, row.pk]),
            }
            for examination, row in rows
        ],
        "components": sorted(components, key=lambda one: not one["differ"]),
    }
