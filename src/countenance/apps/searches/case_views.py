"""Cases with their searches and probes, and the list of all searches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.searches import queries
from countenance.apps.searches.candidates import NO_CANDIDATE, NO_FACE, QUALITY_TOO_LOW
from countenance.apps.searches.models import Search, SearchState
from countenance.ui.requests import Request

ROWS_A_PAGE = 50
LISTED_PROBES = 50
RUNS_AT_MOST = timedelta(minutes=1)
"""No search takes this long, so one that has not ended by then was probably cut off."""
ANSWERS = {
    NO_CANDIDATE: "No candidate",
    NO_FACE: "No face found",
    QUALITY_TOO_LOW: "Quality too low",
}


@require_safe
def cases(request: Request) -> HttpResponse:
    """List the agency's cases."""
    page = _page(request, case_queries.cases(request.actor))
    counts = queries.counts_by_case(list(page.object_list))
    for one in page.object_list:
        one.search_count = counts.get(one.pk, 0)
    return render(request, "cases/list.html", {"section": "cases", "cases": page})


@require_safe
def case(request: Request, case_id: UUID) -> HttpResponse:
    """Show one case with its searches, a page at a time, and its newest probes."""
    one = case_queries.case(request.actor, case_id)
    page = _page(request, queries.searches(request.actor, of_case=one))
    all_probes = queries.probes(one)
    probes = [
        {
            "id": probe.pk,
            "name": probe.details["file_name"],
            "faces": len(probe.details["faces"]),
            "at": probe.added_at,
            "by": probe.added_by.name,
        }
        for probe in all_probes[:LISTED_PROBES]
    ]
    context = {
        "section": "cases",
        "case": one,
        "opened_by": one.opened_by.name,
        "searches": [row_of(search, now=request.tools.clock()) for search in page.object_list],
        "page": page,
        "probes": probes,
        "more_probes": all_probes.count() - len(probes),
    }
    return render(request, "cases/detail.html", context)


@require_safe
def searches(request: Request) -> HttpResponse:
    """List the searches of the agency, newest first."""
    page = _page(request, queries.searches(request.actor))
    found = [row_of(search, now=request.tools.clock()) for search in page.object_list]
    context = {"section": "searches", "searches": found, "page": page}
    return render(request, "searches/list.html", context)


def _page(request: Request, rows: QuerySet[Any]) -> Page[Any]:
    """Return the page that was asked for; only its rows are read and opened."""
    page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    return page


def row_of(search: Search, *, now: datetime) -> dict[str, Any]:
    """Return a search as the lists show it."""
    return {
        "id": search.pk,
        "code": code_of(search),
        "case": search.case,
        "reason": search.reason,
        "outcome": outcome_words(search, now=now),
        "at": search.intended_at,
    }


def code_of(search: Search) -> str:
    """Return the short name of a search: the first digits of its id."""
    return search.pk.hex[:8]


def is_stuck(search: Search, *, now: datetime) -> bool:
    """Say whether a search began so long ago that it no longer looks like one that runs."""
    return search.state == SearchState.INTENDED and now - search.intended_at > RUNS_AT_MOST


def outcome_words(search: Search, *, now: datetime) -> str:
    """Return what came of a search, in words."""
    if search.state == SearchState.ABORTED:
        return "Aborted, no result"
    if is_stuck(search, now=now):
        return "Not ended, no result"
    if search.state == SearchState.INTENDED or search.outcome is None:
        return "Running"
    count = len(search.outcome["candidates"])
    if count:
        return f"{count} {'candidate' if count == 1 else 'candidates'}"
    return ANSWERS.get(search.outcome["answer"], "No candidate")
