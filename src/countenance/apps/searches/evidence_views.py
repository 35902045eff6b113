"""Evidence of a case: adding a photo, looking at it, asking for a search."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.cases.models import Authority
from countenance.apps.galleries import grants
from countenance.apps.galleries.enrol_views import ACCEPT
from countenance.apps.galleries.intake import shown
from countenance.apps.searches import asking, evidence, queries
from countenance.apps.searches.carried import is_unmarkable
from countenance.apps.searches.edit_forms import LightForm, MarkForm, PartForm
from countenance.apps.searches.edits import words_of
from countenance.apps.searches.evidence import HIDE_ALL
from countenance.apps.searches.forms import (
    RequestForm,
    SearchForm,
    covered_by,
    number_of,
    search_form,
)
from countenance.apps.searches.models import Probe, RequestState, SearchRequest
from countenance.apps.searches.probe_faces import (
    NONE,
    faces_context,
    others_offered,
    others_to_ask,
    steps_of,
)
from countenance.errors import InputError, NotEvidence, NotFound
from countenance.faces.limits import Limits
from countenance.policy import Deed, may
from countenance.ui.forms import ErrorsOn
from countenance.ui.pages import UNUSABLE
from countenance.ui.requests import Request

SECTION = "cases"
LONG_SIDE = 1600
FEW_LEFT, FEW_SHARE = 3, 10
"""So many searches left under an authority, or this share of all, are few."""


def photo(request: Request, case_id: UUID) -> HttpResponse:
    """Add photos to a case as evidence; say at once if one cannot be used."""
    case = case_queries.case(request.actor, case_id)
    problem, named = "", ""
    added: list[Probe] = []
    if request.method == "POST":
        uploads: list[Any] = request.FILES.getlist("photo")
        try:
            for upload in uploads or [None]:
                named = shown(upload.name or "") if len(uploads) > 1 else ""
                added.append(_add(request, case_id, upload))
        except InputError as error:
            problem = error.detail
        else:
            return HttpResponseRedirect(_page_of(added))
    if case.closed_at is not None:
        # Evidence that is sent all the same is refused, and recorded, by its service.
        return render(request, "searches/closed.html", {"section": SECTION, "case": case})
    context = {
        "section": SECTION,
        "case": case,
        "problem": problem,
        "named": named,
        "added": added,
        "accept": ACCEPT,
        "max_megabytes": Limits().file_bytes // 1_000_000,
    }
    status = UNUSABLE if problem else 200
    return render(request, "searches/photo.html", context, status=status)


def _page_of(added: list[Probe]) -> str:
    """Return where one goes on after photos were added: at the first, with the others chosen beside it."""
    first, *others = dict.fromkeys(probe.pk for probe in added)
    chosen = urlencode([("also", str(pk)) for pk in others])
    return reverse("probe", args=[first]) + (f"?{chosen}" if chosen else "")


def _add(request: Request, case_id: UUID, upload: object) -> Probe:
    if not isinstance(upload, UploadedFile):
        raise InputError("Choose a photo first.")
    return evidence.add_probe(
        request.actor,
        case=case_queries.case(request.actor, case_id),
        upload=upload.read(),
        file_name=shown(upload.name or "photo"),
        tools=request.tools,
    )


def probe(request: Request, probe_id: UUID) -> HttpResponse:
    """Show evidence with what this person can do with it; a POST keeps what an examiner filled in."""
    one = queries.probe(request.actor, probe_id)
    given = request.POST.dict() if request.method == "POST" else {}
    kept = ("face", "reason", "top", "mode")
    initial: dict[str, Any] = {key: given[key] for key in kept if key in given}
    if given:
        initial |= {key: request.POST.getlist(key) for key in ("galleries", "more")}
    return probe_page(request, one, initial=initial)


def probe_page(
    request: Request,
    one: Probe,
    *,
    initial: dict[str, Any] | None = None,
    run_form: SearchForm | None = None,
    ask_form: RequestForm | None = None,
    part_form: PartForm | None = None,
    light_form: LightForm | None = None,
    mark_form: MarkForm | None = None,
    problem: str = "",
) -> HttpResponse:
    """Show evidence: its faces, what was made of it, and asking for or running a search."""
    waiting = _open_request(one)
    actor, case = request.actor, one.case
    own = waiting is not None and waiting.asked_by_id == actor.person
    runs = may(actor, Deed.SEARCH_RUN) and waiting is not None and not own
    asks = may(actor, Deed.SEARCH_ASK) and waiting is None
    if runs and run_form is None:
        run_form = search_form(request, waiting, initial=initial)
    if asks and ask_form is None:
        also = {"also": request.GET.getlist("also")}
        ask_form = RequestForm(
            galleries=covered_by(request, case), others=others_to_ask(one), initial=also
        )
    chosen = (initial or {}).get("face", request.POST.get("face", ""))
    others = others_offered(actor, one) if runs and case.closed_at is None else []
    context = {
        "section": SECTION,
        "case": case,
        "probe": one,
        "waiting": waiting,
        "waiting_by": "" if waiting is None else waiting.asked_by.name,
        "own": own,
        "declined": _why_declined(one) if waiting is None else "",
        "run_form": run_form if runs and case.closed_at is None else None,
        "ask_form": ask_form if asks and case.closed_at is None else None,
        "part_form": part_form or PartForm(prefix="part"),
        "light_form": light_form or LightForm(prefix="light"),
        "mark_form": mark_form or MarkForm(prefix="mark"),
        "marked": number_of(request.GET.get("marked", "")),
        "derives": may(actor, Deed.EVIDENCE_DERIVE) and case.closed_at is None,
        "unmarks": is_unmarkable(one),
        "made_of": one.derived_from_id,
        "steps": steps_of(one),
        "derived": [
            {"id": made.pk, "words": words_of(made.details["how"]), "at": made.added_at}
            for made in one.derived.filter(purged_at=None).order_by("added_at")
        ],
        "authority": case.authority if runs else None,
        "few_left": runs and case.authority is not None and has_few_left(case.authority),
        "others": _ticked(others, (initial or {}).get("more", request.POST.getlist("more"))),
        "problem": problem,
        **faces_context(one, str(chosen), actor),
    }
    given = (run_form, ask_form, part_form, light_form, mark_form)
    bound = [form for form in given if form is not None and form.is_bound]
    wrong = problem or any(form.errors for form in bound)
    return render(request, "searches/face.html", context, status=UNUSABLE if wrong else 200)


def has_few_left(authority: Authority) -> bool:
    """Say whether so few searches are left that whoever runs one should know it first."""
    return authority.left <= max(FEW_LEFT, authority.quota // FEW_SHARE)


def _ticked(others: list[dict[str, Any]], chosen: list[str]) -> list[dict[str, Any]]:
    """Return the faces of other photos with the numbers of those that were chosen, from 2."""
    numbers = {value: number for number, value in enumerate(chosen, start=2)}
    return [{**other, "photo": numbers.get(other["value"])} for other in others]


def _open_request(one: Probe) -> SearchRequest | None:
    try:
        return queries.open_request(one)
    except NotEvidence:
        return None


def _why_declined(one: Probe) -> str:
    """Return why the last request was declined; empty if it was not."""
    try:
        last = queries.last_request(one)
    except NotEvidence:
        return ""
    if last is None or last.state != RequestState.DECLINED:
        return ""
    return str((last.answer or {}).get("reason", ""))


@require_POST
def ask(request: Request, probe_id: UUID) -> HttpResponse:
    """Ask for a search with evidence."""
    one = queries.probe(request.actor, probe_id)
    others = others_to_ask(one)
    form = RequestForm(request.POST, galleries=covered_by(request, one.case), others=others)
    if form.is_valid():
        also = [queries.probe(request.actor, UUID(pk)) for pk in form.cleaned_data.get("also", ())]
        chosen = [
            grants.searchable(request.actor, UUID(pk)) for pk in form.cleaned_data["galleries"]
        ]
        with ErrorsOn(form):
            # The photo that is looked at comes last: what is refused is then said beside its form.
            for photo in (*also, one):
                asking.ask_for_search(
                    request.actor,
                    probe=photo,
                    reason=form.cleaned_data["reason"],
                    galleries=chosen,
                    tools=request.tools,
                )
            return HttpResponseRedirect(reverse("probe", args=[one.pk]))
    return probe_page(request, one, ask_form=form)


@require_safe
def probe_image(request: Request, probe_id: UUID) -> HttpResponse:
    """Return the probe; with `?face=` every other face is blurred. Each look is an entry."""
    one = queries.probe(request.actor, probe_id)
    given = request.GET.get("face")
    only = None if given is None else HIDE_ALL if given == NONE else number_of(given)
    if given is not None and (only is None or only >= len(one.details["faces"])):
        raise NotFound("The probe has no such face.")
    data = evidence.view_probe(
        request.actor, probe=one, long_side=LONG_SIDE, only=only, tools=request.tools
    )
    return HttpResponse(data, content_type="image/jpeg")
