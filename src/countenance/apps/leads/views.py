"""The pages of leads: the list, a lead as it is printed, its release, what leaves, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.forms import CharField, ChoiceField, RadioSelect, Textarea
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.models import Person
from countenance.apps.examinations.permits import standings_of
from countenance.apps.examinations.queries import Sight, sight
from countenance.apps.examinations.standings import CandidateStanding
from countenance.apps.galleries import looks
from countenance.apps.leads import exporting, papers, queries, services
from countenance.apps.leads.models import Lead, Outcome
from countenance.apps.searches import queries as searches
from countenance.apps.searches.case_views import code_of
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Search
from countenance.errors import InputError, NotFound, ReasonMissing
from countenance.policy import Deed, may
from countenance.reports import Photo, Size
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.papers import paper_page
from countenance.ui.requests import Request

ROWS_A_PAGE = 50
PROBE, CANDIDATE = "probe", "candidate"


class OutcomeForm(Form):
    """What became of a lead."""

    outcome = ChoiceField(label="What became of it?", choices=Outcome.choices, widget=RadioSelect)
    note = CharField(
        required=False,
        max_length=services.LONGEST_NOTE,
        widget=Textarea(attrs={"rows": 3}),
        help_text="How it was found out. Sealed with the lead, and destroyed with it.",
    )


class EvidenceForm(Form):
    """What speaks for the lead besides the two photos."""

    what = CharField(
        label="What is it, and where does it come from?",
        max_length=services.LONGEST_NOTE,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Evidence that would be there without this search. Read by your oversight body.",
    )


class PhotoForm(Form):
    """What the photo of a candidate is for."""

    reason = CharField(
        label="What is the photo for, and who gets it?",
        max_length=services.LONGEST_NOTE,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Recorded on the ledger. Read by your oversight body.",
    )


@require_safe
def leads(request: Request) -> HttpResponse:
    """List the leads of the cases that somebody sees, newest first."""
    page = Paginator(queries.leads(request.actor), ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [_row(one) for one in page.object_list if queries.may_know(request.actor, one.search)]
    return render(request, "leads/list.html", {"section": "leads", "rows": rows, "page": page})


@require_safe
def lead(request: Request, lead_id: UUID) -> HttpResponse:
    """Show a lead as it is printed; that it is looked at is recorded first."""
    one = queries.lead(request.actor, lead_id)
    if one.destroyed:
        context = {"section": "leads", "row": _row(one), "case": one.case, "search": one.search}
        return render(request, "leads/destroyed.html", context)
    one = services.view_lead(request.actor, lead=one, tools=request.tools)
    paper = papers.paper_of(request.actor, one, tools=request.tools)
    looks.note_look(request, [_look(one.pk, PROBE), _look(one.pk, CANDIDATE)])
    context = {
        "section": "leads",
        "lead": one,
        "case": one.case,
        "receipt": paper.receipt,
        "page": paper_page(
            paper,
            probe_href=reverse("lead_image", args=[one.pk, PROBE]),
            candidate_href=reverse("lead_image", args=[one.pk, CANDIDATE]),
        ),
        "sizes": [(str(Size.A4), "A4"), (str(Size.LETTER), "US Letter")],
        "outcome": _outcome(one),
        "independent": _independent(one),
        "may_export": may(request.actor, Deed.LEAD_EXPORT),
        "may_say": may(request.actor, Deed.LEAD_OUTCOME),
    }
    return render(request, "leads/detail.html", context)


@require_safe
def lead_image(request: Request, lead_id: UUID, which: str) -> HttpResponse:
    """Return one of a lead's photos, for a page that was recorded."""
    looks.require_look(request, _look(lead_id, which))
    one = queries.lead(request.actor, lead_id)
    permit_look(one.search, now=request.tools.clock())
    paper = papers.paper_of(request.actor, one, tools=request.tools)
    photo: Photo = paper.probe if which == PROBE else paper.candidate
    return HttpResponse(photo.jpeg, content_type="image/jpeg")


@require_POST
def lead_report(request: Request, lead_id: UUID) -> HttpResponse:
    """Return a lead's report as PDF."""
    one = queries.lead(request.actor, lead_id)
    asked = request.POST.get("size", Size.A4)
    if asked not in set(Size):
        raise InputError("The paper is A4 or US Letter.")
    made = exporting.export_report(request.actor, lead=one, size=Size(asked), tools=request.tools)
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="lead-{one.number}.pdf"'
    return answer


def lead_photo(request: Request, lead_id: UUID) -> HttpResponse:
    """Return the photo of a lead's candidate, once it is said what for."""
    one = queries.lead(request.actor, lead_id)
    form = PhotoForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form, ReasonMissing, field="reason"):
            photo = exporting.export_photo(
                request.actor, lead=one, **form.cleaned_data, tools=request.tools
            )
            answer = HttpResponse(photo, content_type="image/jpeg")
            answer["Content-Disposition"] = f'attachment; filename="lead-{one.number}.jpg"'
            return answer
    return _about(
        request,
        form,
        one,
        heading="Take out the candidate's photo",
        verb="Save the photo",
        lede="Faces of other people in it stay blurred. Your policy pack may ask for more before it leaves.",
    )


def lead_outcome(request: Request, lead_id: UUID) -> HttpResponse:
    """Record what became of a lead."""
    one = queries.lead(request.actor, lead_id)
    form = OutcomeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form):
            services.record_outcome(
                request.actor, lead=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("lead", args=[one.pk]))
    return _about(
        request,
        form,
        one,
        heading="What became of this lead",
        verb="Record it",
        lede="It can be said again when more is known; what was said before stays beside it.",
    )


def lead_evidence(request: Request, lead_id: UUID) -> HttpResponse:
    """Record evidence that does not come from the search."""
    one = queries.lead(request.actor, lead_id)
    form = EvidenceForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form, field="what"):
            services.record_independent(
                request.actor, lead=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("lead", args=[one.pk]))
    return _about(
        request,
        form,
        one,
        heading="Record independent evidence",
        verb="Record the evidence",
        lede="A lead is an opinion about two photos. Say what else there is.",
    )


def lead_release(request: Request, search_id: UUID, rank: int) -> HttpResponse:
    """Release a candidate as a lead, after asking once more."""
    search = searches.search(request.actor, search_id)
    one = _candidate(request, search, rank)
    known = queries.released(search).get(one.subject)
    if known is not None:
        return HttpResponseRedirect(reverse("lead", args=[known.pk]))
    form = Form(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form):
            made = services.release_lead(
                request.actor, search=search, subject=one.subject, tools=request.tools
            )
            return HttpResponseRedirect(reverse("lead", args=[made.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Release candidate {rank} as a lead",
        verb="Release the lead",
        keep="Go back",
        back=reverse("consolidation", args=[search.pk]),
        back_label=f"Search {code_of(search)}",
        crumb="Release a lead",
        section="searches",
        consequences=(
            "Whoever investigates the case sees the candidate, both photos and what was concluded.",
            "What is printed is sealed as it is now: conclusions, sources, authority and limits.",
            "It is not an identification, and no probable cause by itself.",
        ),
    )


def _candidate(request: Request, search: Search, rank: int) -> CandidateStanding:
    if sight(request.actor, search) == Sight.EVERYTHING:
        for one in standings_of(search):
            if one.rank == rank:
                return one
    raise NotFound("There is no such candidate, or it is not examined yet.")


def _about(
    request: Request, form: Form, one: Lead, *, heading: str, verb: str, lede: str
) -> HttpResponse:
    return form_page(
        request,
        form,
        heading=heading,
        verb=verb,
        lede=lede,
        back=reverse("lead", args=[one.pk]),
        back_label=f"Lead {one.number}",
        section="leads",
    )


def _row(one: Lead) -> dict[str, Any]:
    if not one.destroyed:
        one.check_links()
    return {
        "id": one.pk,
        "number": one.number,
        "case": one.case,
        "search": one.search_id,
        "search_code": code_of(one.search),
        "by": one.released_by.name,
        "at": one.released_at,
        "outcome": "Destroyed" if one.destroyed else _outcome(one)["words"],
    }


def _outcome(one: Lead) -> dict[str, Any]:
    said = one.outcome
    if said is None:
        return {"words": "Not said yet"}
    return {
        "words": str(Outcome(said["outcome"]).label),
        "note": said["note"],
        "by": _name(said["by"]),
        "at": one.outcome_at,
    }


def _independent(one: Lead) -> list[dict[str, str]]:
    return [{"what": said["what"], "by": _name(said["by"])} for said in one.independent or ()]


def _name(person: str) -> str:
    return str(Person.objects.get(pk=person).name)


def _look(lead_id: UUID, which: str) -> str:
    return f"lead/{lead_id}/{which}"
