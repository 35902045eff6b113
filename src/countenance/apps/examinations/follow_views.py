"""The page on which an examiner follows a conclusion of their own by another one, with the whole checklist."""

from __future__ import annotations

from uuid import UUID

from django.forms import CharField, Textarea
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.examinations import queries, services, viewing
from countenance.apps.examinations.consolidation_views import pair_of
from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.standings import checklist_of, said_of
from countenance.apps.searches import queries as search_queries
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import code_of
from countenance.errors import NotFound, ReasonMissing
from countenance.examination.checklist import Checklist, read_comparison
from countenance.examination.scale import Conclusion
from countenance.ui.checklists import marking, posted
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request


class FollowForm(Form):
    """What is sent beside the checklist."""

    conclusion = CharField(required=False)
    reason = CharField(
        label="What do you see differently now, and where?",
        max_length=4000,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Recorded on the ledger. Read by your oversight body.",
    )


def follow(request: Request, examination_id: UUID, comparison_id: UUID) -> HttpResponse:
    """Put another conclusion after one's own; the one before stays beside it."""
    one = queries.examination(request.actor, examination_id)
    row = Comparison.objects.filter(pk=comparison_id, examination=one).first()
    if row is None or row.said is None or one.search_id is None:
        raise NotFound("There is no such conclusion to follow.")
    row.check_links()
    search = search_queries.search(request.actor, one.search_id)
    side_by_side = reverse("consolidation", args=[search.pk])
    form = FollowForm(request.POST or None)
    said, step = checklist_of(row), said_of(row)["conclusion"]
    if request.method == "POST":
        whole = form.is_valid()
        step = form.data.get("conclusion", "")
        with ErrorsOn(form), ErrorsOn(form, ReasonMissing, field="reason"):
            data = posted(request.POST)
            said = read_comparison(data)
            if whole:
                services.follow_conclusion(
                    request.actor,
                    comparison=row,
                    checklist=data,
                    conclusion=step,
                    reason=form.cleaned_data["reason"],
                    tools=request.tools,
                )
                return HttpResponseRedirect(f"{side_by_side}#c{row.about['rank']}")
    return _page(request, search, (one, row), form, said, step)


def _page(  # noqa: PLR0917 # what the page consists of
    request: Request,
    search: Search,
    followed: tuple[Examination, Comparison],
    form: FollowForm,
    said: Checklist,
    step: str,
) -> HttpResponse:
    viewing.view_examinations(request.actor, search=search, tools=request.tools)
    _, row = followed
    checklist = marking(said)
    context = {
        "section": "searches",
        "search": {"id": search.pk, "code": code_of(search)},
        "rank": row.about["rank"],
        "form": form,
        "pair": pair_of(request, search, followed, list(checklist.pins)),
        "checklist": checklist,
        "conclusions": tuple(Conclusion),
        "conclusion": step,
        "form_id": "said",
        "buttons": [
            {"label": "Record the new conclusion", "name": "", "value": "", "primary": True}
        ],
    }
    return render(request, "examinations/follow.html", context, status=status_of(form))
