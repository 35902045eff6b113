"""What an examination was, once it is recorded: rank, similarity and source, or that it was a control."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.examinations import queries, viewing
from countenance.apps.examinations.models import Examination
from countenance.apps.examinations.standings import CONCLUSIONS, said_of, tried
from countenance.apps.examinations.weighing import Weighed, weigh
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Gallery
from countenance.apps.galleries.nearest import similarity_of
from countenance.apps.searches import modes
from countenance.apps.searches import queries as search_queries
from countenance.apps.searches.models import Search
from countenance.examination.control import Tried
from countenance.ui import drawing
from countenance.ui.requests import Request


def revealed(request: Request, one: Examination) -> HttpResponse:
    """Show a recorded examination."""
    viewing.view_recorded(request.actor, examination=one, tools=request.tools)
    search = one.search
    context: dict[str, Any] = {
        "section": "examinations",
        "code": one.about["code"],
        "recorded_at": one.recorded_at,
    }
    if search is None:
        context["rows"] = _answered(one)
        context["wrong"] = sum(row["wrong"] for row in context["rows"])
        return render(request, "examinations/control.html", context)
    both = queries.sight(request.actor, search) == queries.Sight.EVERYTHING
    rows = _concluded(request, one, search)
    weighed = _weighed(request, search, rows)
    threshold = search.request["threshold"]
    context |= {
        "rows": rows,
        "of": len(rows),
        "threshold": threshold,
        "says": modes.words_of(search),
        "weighed": weighed,
        "weights": [] if weighed is None else list(zip(rows, weighed.words, strict=True)),
        "plot": drawing.plot(
            [(row["letter"], row["similarity"], row["conclusion"].supports) for row in rows],
            threshold=threshold,
        ),
        "search": reverse("search", args=[search.pk]),
        "consolidation": reverse("consolidation", args=[search.pk]) if both else "",
    }
    return render(request, "examinations/recorded.html", context)


def _weighed(request: Request, search: Search, rows: list[dict[str, Any]]) -> Weighed | None:
    with grants.reading(request.actor, _galleries(search), tools=request.tools):
        return weigh(search, [(row["letter"], row["similarity"]) for row in rows])


def _galleries(search: Search) -> list[Gallery]:
    return list(Gallery.objects.filter(pk__in=search.request["galleries"]))


def _answered(one: Examination) -> list[dict[str, Any]]:
    return [
        {
            "letter": row.about["letter"],
            "href": reverse("comparison", args=[one.pk, row.about["letter"]]),
            "conclusion": CONCLUSIONS[said_of(row)["conclusion"]],
            "truth": _truth(answer),
            "counts": answer is not None,
            "wrong": answer is not None and answer.wrong,
            "undecided": answer is not None and answer.undecided,
        }
        for row, answer in tried(one)
    ]


def _truth(answer: Tried | None) -> str:
    if answer is None:
        return "Not certain, so it does not count"
    return "One person" if answer.mated else "Two people"


def _concluded(request: Request, one: Examination, search: Search) -> list[dict[str, Any]]:
    with grants.reading(request.actor, _galleries(search), tools=request.tools):
        known = {found.subject: found for found in search_queries.candidates(search)}
    rows = []
    for row in queries.comparisons(one):
        last = queries.last_of(row)
        found = known.get(UUID(row.about["subject"]))
        rows.append(
            {
                "letter": row.about["letter"],
                "href": reverse("comparison", args=[one.pk, row.about["letter"]]),
                "conclusion": CONCLUSIONS[said_of(last)["conclusion"]],
                "followed": last.pk != row.pk,
                "rank": row.about["rank"],
                "similarity": similarity_of(row.about),
                "name": "" if found is None else found.label,
                "source": "" if found is None else found.best.source["name"],
            }
        )
    return rows
