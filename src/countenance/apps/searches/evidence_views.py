"""Evidence of a case: adding a photo, looking at it, cropping and turning it, asking for a search."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.galleries import grants
from countenance.apps.galleries.enrol_views import ACCEPT
from countenance.apps.galleries.intake import shown
from countenance.apps.searches import asking, evidence, queries
from countenance.apps.searches.forms import (
    AskForm,
    SearchForm,
    covered_by,
    number_of,
    search_form,
)
from countenance.apps.searches.models import Probe, RequestState, SearchRequest
from countenance.errors import InputError, NotEvidence, NotFound
from countenance.faces.limits import Limits
from countenance.faces.types import Gate
from countenance.policy import Deed, may
from countenance.ui import drawing
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import UNUSABLE
from countenance.ui.requests import Request

SECTION = "cases"
LONG_SIDE = 1600
ROOM = 0.6
"""How much of a face's size is kept around it when a photo is cropped to it."""


class PartForm(Form):
    """A part of a photo, in pixels, from the upper left corner."""

    x = forms.IntegerField(min_value=0, label="From the left")
    y = forms.IntegerField(min_value=0, label="From the top")
    width = forms.IntegerField(min_value=1)
    height = forms.IntegerField(min_value=1)


def photo(request: Request, case_id: UUID) -> HttpResponse:
    """Add a photo to a case as evidence; say at once if it cannot be used."""
    case = case_queries.case(request.actor, case_id)
    problem = ""
    if request.method == "POST":
        upload = request.FILES.get("photo")
        try:
            probe = _add(request, case_id, upload)
        except InputError as error:
            problem = error.detail
        else:
            return HttpResponseRedirect(reverse("probe", args=[probe.pk]))
    if case.closed_at is not None:
        # Evidence that is sent all the same is refused, and recorded, by its service.
        return render(request, "searches/closed.html", {"section": SECTION, "case": case})
    context = {
        "section": SECTION,
        "case": case,
        "problem": problem,
        "accept": ACCEPT,
        "max_megabytes": Limits().file_bytes // 1_000_000,
    }
    status = UNUSABLE if problem else 200
    return render(request, "searches/photo.html", context, status=status)


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
    initial: dict[str, Any] = {key: given[key] for key in ("face", "reason", "top") if key in given}
    if given:
        initial["galleries"] = request.POST.getlist("galleries")
    return probe_page(request, one, initial=initial)


def probe_page(
    request: Request,
    one: Probe,
    *,
    initial: dict[str, Any] | None = None,
    run_form: SearchForm | None = None,
    ask_form: AskForm | None = None,
    part_form: PartForm | None = None,
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
        ask_form = AskForm(galleries=covered_by(request, case))
    chosen = (initial or {}).get("face", request.POST.get("face", ""))
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
        "derives": may(actor, Deed.EVIDENCE_DERIVE) and case.closed_at is None,
        "made": one.details.get("how"),
        "made_of": one.derived_from_id,
        "derived": one.derived.order_by("added_at"),
        "problem": problem,
        **_faces(one, str(chosen)),
    }
    bound = [form for form in (run_form, ask_form, part_form) if form is not None and form.is_bound]
    wrong = problem or any(form.errors for form in bound)
    return render(request, "searches/face.html", context, status=UNUSABLE if wrong else 200)


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


def _faces(one: Probe, chosen: str) -> dict[str, Any]:
    found = one.details["faces"]
    frames = drawing_of(one, [face["box"] for face in found])
    faces = [
        {
            "index": frame.index,
            "number": frame.number,
            "frame": frame,
            "quality": face["quality"],
            "usable": face["quality"]["gate"] != Gate.UNUSABLE,
        }
        for face, frame in zip(found, frames.frames, strict=True)
    ]
    usable = [face["index"] for face in faces if face["usable"]]
    number = number_of(chosen)
    return {
        "drawing": frames,
        "faces": faces,
        "usable": bool(usable),
        "chosen": usable[0] if number is None and len(usable) == 1 else number,
    }


@require_POST
def derive(request: Request, probe_id: UUID) -> HttpResponse:
    """Crop or turn evidence; what comes of it is a photo of its own beside it."""
    one = queries.probe(request.actor, probe_id)
    form = PartForm(request.POST, prefix="part") if "part-x" in request.POST else None
    try:
        box, turns = _wish(request, one, form)
        made = evidence.derive_probe(
            request.actor, probe=one, box=box, quarter_turns=turns, tools=request.tools
        )
    except InputError as error:
        return probe_page(request, one, part_form=form, problem=error.detail)
    return HttpResponseRedirect(reverse("probe", args=[made.pk]))


def _wish(
    request: Request, one: Probe, form: PartForm | None
) -> tuple[tuple[float, float, float, float] | None, int]:
    """Return the box and the quarter turns that were asked for."""
    if form is not None:
        if not form.is_valid():
            raise InputError("Say in whole pixels which part of the photo to keep.")
        part = form.cleaned_data
        return (part["x"], part["y"], part["width"], part["height"]), 0
    turns = request.POST.get("quarter_turns", "")
    if turns in {"1", "2", "3"}:
        return None, int(turns)
    number = number_of(request.POST.get("around", ""))
    faces = one.details["faces"]
    if number is None or number >= len(faces):
        raise InputError("Choose what to do with the photo.")
    x, y, width, height = faces[number]["box"]
    across, down = width * ROOM, height * ROOM
    return (x - across, y - down, width + 2 * across, height + 2 * down), 0


@require_POST
def ask(request: Request, probe_id: UUID) -> HttpResponse:
    """Ask for a search with evidence."""
    one = queries.probe(request.actor, probe_id)
    form = AskForm(request.POST, galleries=covered_by(request, one.case))
    if form.is_valid():
        chosen = [
            grants.searchable(request.actor, UUID(pk)) for pk in form.cleaned_data["galleries"]
        ]
        with ErrorsOn(form):
            asking.ask_for_search(
                request.actor,
                probe=one,
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
    only = None if given is None else number_of(given)
    if given is not None and (only is None or only >= len(one.details["faces"])):
        raise NotFound("The probe has no such face.")
    data = evidence.view_probe(
        request.actor, probe=one, long_side=LONG_SIDE, only=only, tools=request.tools
    )
    return HttpResponse(data, content_type="image/jpeg")


def image_of(one: Probe, only: int | None) -> str:
    """Return the address of a probe's picture; all faces but one blurred if one is named."""
    return reverse("probe_image", args=[one.pk]) + ("" if only is None else f"?face={only}")


def drawing_of(one: Probe, boxes: list[Any], *, only: int | None = None) -> drawing.Drawing:
    """Return a probe with its faces framed."""
    return drawing.draw(
        image_of(one, only),
        width=one.details["width"],
        height=one.details["height"],
        boxes=boxes,
    )


def crop_of(one: Probe, number: int) -> drawing.Crop:
    """Return one face of a probe."""
    return drawing.crop(
        image_of(one, number),
        width=one.details["width"],
        height=one.details["height"],
        box=one.details["faces"][number]["box"],
    )
