"""The pages of leads: the list, a lead as it is printed, its release, what leaves, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.forms import CharField, ChoiceField, RadioSelect, Textarea
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import viewing
from countenance.apps.examinations.consolidation_views import pair_of
from countenance.apps.examinations.models import Comparison
from countenance.apps.examinations.permits import standings_of
from countenance.apps.examinations.queries import Sight, sight
from countenance.apps.examinations.standings import CandidateStanding
from countenance.apps.galleries import looks
from countenance.apps.leads import exporting, papers, queries, services, withdrawing
from countenance.apps.leads.afterwards import links_from
from countenance.apps.leads.models import Lead, Outcome
from countenance.apps.leads.standing import (
    UNSUPPORTED,
    WITHDRAWN,
    bearing_on,
    photo_lock,
    support_of,
)
from countenance.apps.searches import queries as searches
from countenance.apps.searches.clock import is_frozen_now, permit_look
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import code_of
from countenance.errors import InputError, NotFound, ReasonMissing, TamperDetected, WrongState
from countenance.policy import Deed, may
from countenance.reports import Size, facts_from_json
from countenance.reports.words import limits, opinions
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.papers import paper_page
from countenance.ui.requests import Request

ROWS_A_PAGE = 50
PROBE, CANDIDATE = "probe", "candidate"
DESTROYED = "Destroyed"
FROZEN = "Not shown: no authority came in time"
ALTERED = "Altered in the database, so it is not shown"


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


class WithdrawForm(Form):
    """Why nobody may act on a lead any more."""

    reason = CharField(
        label="Why must nobody act on it any more?",
        max_length=withdrawing.LONGEST_REASON,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Stands first on the lead, on its report and in the bundle.",
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
    rows = [one for one in (_listed(request, lead) for lead in page.object_list) if one]
    return render(request, "leads/list.html", {"section": "leads", "rows": rows, "page": page})


@require_safe
def lead(request: Request, lead_id: UUID) -> HttpResponse:
    """Show a lead as it is printed; that it is looked at is recorded first."""
    one = queries.lead(request.actor, lead_id)
    if one.destroyed:
        row = _row(one) | {"outcome": DESTROYED}
        context = {"section": "leads", "row": row, "case": one.case, "search": one.search}
        return render(request, "leads/destroyed.html", context)
    one = services.view_lead(request.actor, lead=one, tools=request.tools)
    support = support_of(one)
    paper = papers.paper_of(request.actor, one, tools=request.tools)
    looks.note_look(request, [_look(one.pk, PROBE), _look(one.pk, CANDIDATE)])
    context = {
        "section": "leads",
        "lead": one,
        "case": one.case,
        "search": {"id": one.search_id, "code": code_of(one.search)},
        "links": [to for to in links_from(request.actor, one.search) if to.subject is None],
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
        "locked": photo_lock(one, support),
        "may_withdraw": may(request.actor, Deed.LEAD_WITHDRAW) and not support.withdrawn,
        "may_say": may(request.actor, Deed.LEAD_OUTCOME),
    }
    return render(request, "leads/detail.html", context)


@require_safe
def lead_image(request: Request, lead_id: UUID, which: str) -> HttpResponse:
    """Return one of a lead's photos, for a page that was recorded."""
    looks.require_look(request, _look(lead_id, which))
    one = queries.lead(request.actor, lead_id)
    permit_look(one.search, now=request.tools.clock())
    if which == PROBE:
        photo = papers.probe_of(one, tools=request.tools)
    else:
        photo = papers.candidate_of(request.actor, one, tools=request.tools)
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


def lead_withdraw(request: Request, lead_id: UUID) -> HttpResponse:
    """Withdraw a lead, with a reason."""
    one = queries.lead(request.actor, lead_id)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form, InputError, ReasonMissing, WrongState, field="reason"):
            withdrawing.withdraw_lead(
                request.actor, lead=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("lead", args=[one.pk]))
    return _about(
        request,
        form,
        one,
        heading="Withdraw this lead",
        verb="Withdraw the lead",
        lede="It stays readable and says so first. Its candidate's photo does not leave any more.",
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
    printed = _printed(request, search, one)
    return confirm_page(
        request,
        form,
        template="leads/release.html",
        **printed,
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


def _printed(request: Request, search: Search, one: CandidateStanding) -> dict[str, Any]:
    """Return what would be printed of a candidate now; that it is looked at is recorded first.

    Raises:
        LeadNotSupported: it is no lead, so there is nothing to release.
        NotFound: no photo of the candidate is held any more.
    """
    viewing.view_examinations(request.actor, search=search, tools=request.tools)
    now = request.tools.clock()
    bearing, waiver = bearing_on(request.actor, search, one, today=now.date())
    draft = Lead(
        agency_id=search.agency_id,
        case=search.case,
        search=search,
        released_by_id=request.actor.person,
        released_at=now,
    )
    kept = papers.snapshot(
        request.actor, draft, one, bearing=bearing, waiver=waiver, tools=request.tools
    )
    facts = facts_from_json(kept)
    row = Comparison.objects.select_related("examination").get(pk=bearing[0].id)
    row.check_links()
    return {
        "opinions": opinions(facts),
        "waiver": facts.waiver,
        "limits": limits(facts),
        "pair": pair_of(request, search, (row.examination, row), []),
    }


def _candidate(request: Request, search: Search, rank: int) -> CandidateStanding:
    if sight(request.actor, search) == Sight.EVERYTHING:
        for one in standings_of(search):
            if one.rank == rank:
                return one
    raise NotFound(
        "There is no such candidate, or it is not examined yet. Your inbox says when a search can be decided."
    )


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


def _listed(request: Request, one: Lead) -> dict[str, Any] | None:
    """Return a lead for the list, if the actor may know of it; one that was altered keeps nobody from the others."""
    try:
        if not queries.may_know(request.actor, one.search):
            return None
        return _row(one) | {"outcome": _came_of(one, now=request.tools.clock())}
    except TamperDetected:
        return {"id": one.pk, "case": one.case, "number": one.number, "outcome": ALTERED}


def _row(one: Lead) -> dict[str, Any]:
    return {
        "id": one.pk,
        "number": one.number,
        "case": one.case,
        "search": one.search_id,
        "search_code": code_of(one.search),
        "by": one.released_by.name,
        "at": one.released_at,
    }


def _came_of(one: Lead, *, now: datetime) -> str:
    """Return in a few words how a lead stands: what is not shown, what does not stand, or its outcome."""
    if one.destroyed:
        return DESTROYED
    one.check_links()
    if is_frozen_now(one.search, now=now) is not None:
        return FROZEN
    if one.withdrawn is not None:
        return WITHDRAWN
    if getattr(one, "reexamined", False) and support_of(one).lost_at is not None:
        return UNSUPPORTED
    return str(_outcome(one)["words"])


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
