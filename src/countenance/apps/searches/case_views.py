"""Cases with their searches and probes, and the list of all searches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.searches import queries
from countenance.apps.searches.candidates import NO_CANDIDATE, NO_FACE, QUALITY_TOO_LOW
from countenance.apps.searches.models import Search, SearchState
from countenance.ui.requests import Request

CASES_A_PAGE = 50
ANSWERS = {
    NO_CANDIDATE: "No candidate",
    NO_FACE: "No face found",
    QUALITY_TOO_LOW: "Quality too low",
}


@require_safe
def cases(request: Request) -> HttpResponse:
    """List the agency's cases."""
    counts = queries.counts_by_case(request.actor)
    found = case_queries.cases(request.actor)
    for one in found:
        one.search_count = counts.get(one.pk, 0)  # type: ignore[attr-defined] # for the template
    page = Paginator(found, CASES_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "cases/list.html", {"section": "cases", "cases": page})


@require_safe
def case(request: Request, case_id: UUID) -> HttpResponse:
    """Show one case with its searches and probes."""
    one = case_queries.case(request.actor, case_id)
    probes = [
        {
            "id": probe.pk,
            "name": probe.details["file_name"],
            "faces": len(probe.details["faces"]),
            "at": probe.added_at,
            "by": probe.added_by.name,
        }
        for probe in queries.probes(one)
    ]
    context = {
        "section": "cases",
        "case": one,
        "opened_by": one.opened_by.name,
        "searches": [row_of(search) for search in queries.searches(request.actor, of_case=one)],
        "probes": probes,
    }
    return render(request, "cases/detail.html", context)


@require_safe
def searches(request: Request) -> HttpResponse:
    """List the newest searches of the agency."""
    found = [row_of(search) for search in queries.searches(request.actor)]
    return render(request, "searches/list.html", {"section": "searches", "searches": found})


def row_of(search: Search) -> dict[str, Any]:
    """Return a search as the lists show it."""
    return {
        "id": search.pk,
        "code": code_of(search),
        "case": search.case,
        "reason": search.reason,
        "outcome": outcome_words(search),
        "at": search.intended_at,
    }


def code_of(search: Search) -> str:
    """Return the short name of a search: the first digits of its id."""
    return search.pk.hex[:8]


def outcome_words(search: Search) -> str:
    """Return what came of a search, in words."""
    if search.state == SearchState.ABORTED:
        return "Aborted"
    if search.state == SearchState.INTENDED or search.outcome is None:
        return "Running"
    count = len(search.outcome["candidates"])
    if count:
        return f"{count} {'candidate' if count == 1 else 'candidates'}"
    return ANSWERS.get(search.outcome["answer"], "No candidate")
