"""The pages about the examinations of a search: begin, close, compare; and what controls say of an examiner."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.forms import CharField, Textarea
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies import queries as agencies
from countenance.apps.agencies.models import Person
from countenance.apps.examinations import closing, queries, services, viewing
from countenance.apps.examinations import controls as drawing
from countenance.apps.examinations.permits import standings_of
from countenance.apps.searches import queries as search_queries
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import code_of
from countenance.errors import ReasonMissing
from countenance.examination.combine import Standing
from countenance.policy import Deed, Role, may
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import form_page
from countenance.ui.requests import Request


class CloseForm(Form):
    """Why a search is closed before all is done with it."""

    reason = CharField(
        label="Why is nothing more done with it?",
        max_length=4000,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Recorded on the ledger. Read by your oversight body.",
    )


@require_POST
def begin(request: Request, search_id: UUID) -> HttpResponse:
    """Begin one's own examination of a search."""
    one = search_queries.search(request.actor, search_id)
    begun = services.begin_examination(request.actor, search=one, tools=request.tools)
    return HttpResponseRedirect(reverse("examination", args=[begun.pk]))


def close(request: Request, search_id: UUID) -> HttpResponse:
    """Close a search before all is done with it, with a reason."""
    one = search_queries.search(request.actor, search_id)
    form = CloseForm(request.POST or None)
    if request.method == "POST":
        form = CloseForm(request.POST)
        if form.is_valid():
            with ErrorsOn(form, ReasonMissing, field="reason"):
                closing.close_search(
                    request.actor, search=one, **form.cleaned_data, tools=request.tools
                )
                return HttpResponseRedirect(reverse("search", args=[one.pk]))
    return form_page(
        request,
        form,
        heading="Close this search",
        verb="Close the search",
        back=reverse("search", args=[one.pk]),
        back_label=f"Search {code_of(one)}",
        section="searches",
        lede=_closing_words(request, one),
    )


def _closing_words(request: Request, one: Search) -> str:
    """Return what closing a search does, with what would be left undecided, to whoever may know that."""
    does = "Examinations of it that are still open end, and nobody examines it any more."
    if queries.sight(request.actor, one) != queries.Sight.EVERYTHING:
        return does
    counted = Counter(found.standing for found in standings_of(one))
    left = [
        f"{words}: {count} {'candidate' if count == 1 else 'candidates'}."
        for words, count in (
            ("Examiners agree that it is one person", counted[Standing.AGREED]),
            ("Examiners disagree", counted[Standing.DISAGREED]),
            ("Not compared by enough examiners", counted[Standing.OPEN]),
        )
        if count
    ]
    return " ".join((does, *(left or ["All its candidates are compared."])))


@require_safe
def controls(request: Request) -> HttpResponse:
    """Show how examiners answered controls: one's own figures, or everybody's for the auditor."""
    if may(request.actor, Deed.EXAMINE):
        people = [agencies.person(request.actor)]
    else:
        people = [one for one in agencies.people(request.actor) if Role.EXAMINER in one.roles]
    own = may(request.actor, Deed.EXAMINE)
    late = [] if own else queries.open_too_long(request.actor, tools=request.tools)
    context = {
        "section": "controls",
        "rows": [_measured(request, person) for person in people],
        "own": own,
        # An examiner would learn from it how likely the one that is open is a control.
        "limit": "" if own else drawing.limit(request.actor, tools=request.tools),
        "late": [{"id": one.pk, "code": code_of(one), "since": one.ended_at} for one in late],
        "weeks": queries.TOO_LONG.days // 7,
    }
    return render(request, "examinations/controls.html", context)


def _measured(request: Request, person: Person) -> dict[str, Any]:
    found = viewing.view_measured(request.actor, person=person, tools=request.tools)
    return {
        "name": person.name,
        "rates": [
            ("Of two people, concluded to be one", found.false_same),
            ("Of one person, concluded to be two", found.false_other),
            ("Both together", found.all_wrong),
            ("No support either way", found.undecided),
        ],
        "recorded": found.recorded,
        "given_up": found.given_up,
        "unreadable": found.unreadable,
    }
