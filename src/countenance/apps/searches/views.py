"""A new search in three steps (photo, face, check), and its page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance import policy
from countenance.apps.cases import queries as case_queries
from countenance.apps.galleries import looks
from countenance.apps.galleries import queries as gallery_queries
from countenance.apps.galleries.enrol_views import ACCEPT
from countenance.apps.galleries.intake import shown
from countenance.apps.galleries.models import Gallery
from countenance.apps.searches import queries, services
from countenance.apps.searches.case_views import ANSWERS, code_of, is_stuck
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import InputError, NotFound, NotPermitted
from countenance.faces.limits import Limits
from countenance.faces.types import Gate
from countenance.ui import drawing
from countenance.ui.forms import Form
from countenance.ui.pages import UNUSABLE
from countenance.ui.requests import Request

LONG_SIDE = 1600
DIGITS = 6
"""More than any number that a form here asks for."""


class SearchForm(Form):
    """Which face, where, why, and how many candidates."""

    face = forms.IntegerField(
        min_value=0, error_messages={"required": "Choose one of the faces in the photo."}
    )
    galleries = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one gallery."},
        help_text="Nothing outside of what you choose is looked at.",
    )
    reason = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why this person is searched for. Read by your oversight body.",
    )
    top = forms.IntegerField(
        label="Number of candidates",
        min_value=policy.MIN_CANDIDATES,
        max_value=policy.MAX_CANDIDATES,
        initial=policy.DEFAULT_CANDIDATES,
        help_text="At most this many people are returned, 1 to 50.",
    )


def photo(request: Request, case_id: UUID) -> HttpResponse:
    """Take the probe photo (step 1); say at once if it cannot be used."""
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
        # A probe that is sent all the same is refused, and recorded, by its service.
        return render(request, "searches/closed.html", {"section": "searches", "case": case})
    context = {
        "section": "searches",
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
    return services.add_probe(
        request.actor,
        case=case_queries.case(request.actor, case_id),
        upload=upload.read(),
        file_name=shown(upload.name or "photo"),
        tools=request.tools,
    )


def face(request: Request, probe_id: UUID) -> HttpResponse:
    """Show the faces to choose from (step 2), keeping what was filled in before."""
    probe = queries.probe(request.actor, probe_id)
    given = request.POST.dict() if request.method == "POST" else {}
    initial: dict[str, Any] = {key: given[key] for key in ("face", "reason", "top") if key in given}
    if given:
        initial["galleries"] = request.POST.getlist("galleries")
    return _face_page(request, probe, _form(request, initial=initial), initial.get("face", ""))


@require_POST
def check(request: Request, probe_id: UUID) -> HttpResponse:
    """Show everything on one page before the search (step 3)."""
    probe = queries.probe(request.actor, probe_id)
    form = _checked(request, probe)
    if form.errors:
        return _face_page(request, probe, form, request.POST.get("face", ""))
    asked = form.cleaned_data
    chosen = probe.details["faces"][asked["face"]]
    boxes = [chosen["box"]]
    drawn = _drawing(probe, boxes, only=asked["face"])
    galleries = [
        {"id": one.pk, "name": one.name}
        for one in gallery_queries.uncounted_galleries(request.actor)
        if str(one.pk) in asked["galleries"]
    ]
    context = {
        "section": "searches",
        "case": probe.case,
        "probe": probe,
        "drawing": drawn,
        "face": {"index": asked["face"], "number": asked["face"] + 1, **chosen},
        "galleries": galleries,
        "reason": asked["reason"],
        "top": asked["top"],
    }
    return render(request, "searches/check.html", context)


@require_POST
def run(request: Request, probe_id: UUID) -> HttpResponse:
    """Run the search, then go to its page."""
    probe = queries.probe(request.actor, probe_id)
    form = _checked(request, probe)
    if not form.errors:
        asked = form.cleaned_data
        chosen = [gallery_queries.gallery(request.actor, UUID(pk)) for pk in asked["galleries"]]
        try:
            search = services.run_search(
                request.actor,
                probe=probe,
                face=asked["face"],
                galleries=chosen,
                reason=asked["reason"],
                top=asked["top"],
                tools=request.tools,
            )
        except InputError as error:
            form.add_error(None, error.detail)
        else:
            return HttpResponseRedirect(reverse("search", args=[search.pk]))
    return _face_page(request, probe, form, request.POST.get("face", ""))


@require_safe
def probe_image(request: Request, probe_id: UUID) -> HttpResponse:
    """Return the probe; with `?face=` every other face is blurred. Each look is an entry."""
    probe = queries.probe(request.actor, probe_id)
    given = request.GET.get("face")
    only = None if given is None else _number(given)
    if given is not None and (only is None or only >= len(probe.details["faces"])):
        raise NotFound("The probe has no such face.")
    data = services.view_probe(
        request.actor, probe=probe, long_side=LONG_SIDE, only=only, tools=request.tools
    )
    return HttpResponse(data, content_type="image/jpeg")


@require_safe
def search(request: Request, search_id: UUID) -> HttpResponse:
    """Show what came of a search; that its candidates are looked at is recorded first."""
    one = queries.search(request.actor, search_id)
    concluded = one.state == SearchState.CONCLUDED
    candidates: list[dict[str, Any]] = []
    if concluded:
        services.view_candidates(request.actor, search=one, tools=request.tools)
        candidates = [_candidate(found) for found in queries.candidates(one)]
        looks.note_look(request, (row for found in candidates for row in found["rows"]))
    face_number = one.request["face"]
    context = {
        "section": "searches",
        "case": one.case,
        "search": _described(one, now=request.tools.clock()),
        "candidates": candidates,
        "removed": concluded and not candidates and bool(one.outcome["candidates"]),
        "strip": drawing.strip([found["similarity"] for found in candidates]),
        "probe_crop": None if face_number is None else _probe_crop(one.probe, face_number),
        "receipt": queries.receipt(one) if concluded else None,
    }
    return render(request, "searches/detail.html", context)


def _form(request: Request, **kwargs: Any) -> SearchForm:
    """Return the form with all galleries: that one is closed is for the service to refuse, and record."""
    form = SearchForm(**kwargs)
    found = gallery_queries.uncounted_galleries(request.actor)
    form.fields["galleries"].choices = [(str(one.pk), one.name) for one in found]  # type: ignore[attr-defined] # a MultipleChoiceField
    return form


def _offer(request: Request, form: SearchForm) -> None:
    """Offer the open galleries, each with how many subjects it holds."""
    found = [one for one in gallery_queries.uncounted_galleries(request.actor) if not one.closed_at]
    counts = gallery_queries.subject_counts(request.actor)
    field = form.fields["galleries"]
    field.choices = [(str(one.pk), _offered(one, counts.get(one.pk, 0))) for one in found]  # type: ignore[attr-defined] # a MultipleChoiceField
    if len(found) == 1 and not form.initial.get("galleries"):
        field.initial = [str(found[0].pk)]


def _offered(one: Gallery, subjects: int) -> str:
    return f"{one.name} · {subjects} {'subject' if subjects == 1 else 'subjects'}"


def _number(given: str) -> int | None:
    """Return the number of a face as it was sent; None if it can be none."""
    return int(given) if given.isdecimal() and len(given) <= DIGITS else None


def _checked(request: Request, probe: Probe) -> SearchForm:
    """Return the posted form with everything said at once that would stop the search."""
    form = _form(request, data=request.POST)
    if not form.is_valid():
        return form
    asked = form.cleaned_data
    if asked["face"] >= len(probe.details["faces"]):
        form.add_error("face", "Choose one of the faces in the photo.")
        return form
    galleries = [gallery_queries.gallery(request.actor, UUID(pk)) for pk in asked["galleries"]]
    try:
        policy.permit_search(
            request.actor,
            case=probe.case.facts,
            galleries=[one.facts for one in galleries],
            reason=asked["reason"],
            top=asked["top"],
        )
    except InputError as error:
        form.add_error("reason", error.detail)
    except NotPermitted:
        # The search itself is refused, and recorded, when it is asked for.
        pass
    return form


def _face_page(request: Request, probe: Probe, form: SearchForm, chosen: str) -> HttpResponse:
    _offer(request, form)
    found = probe.details["faces"]
    frames = _drawing(probe, [one["box"] for one in found])
    faces = [
        {
            "index": frame.index,
            "number": frame.number,
            "frame": frame,
            "quality": one["quality"],
            "usable": one["quality"]["gate"] != Gate.UNUSABLE,
        }
        for one, frame in zip(found, frames.frames, strict=True)
    ]
    usable = [one["index"] for one in faces if one["usable"]]
    number = _number(chosen)
    context = {
        "section": "searches",
        "case": probe.case,
        "probe": probe,
        "drawing": frames,
        "faces": faces,
        "usable": bool(usable),
        "chosen": usable[0] if number is None and len(usable) == 1 else number,
        "form": form,
    }
    status = UNUSABLE if form.is_bound and form.errors else 200
    return render(request, "searches/face.html", context, status=status)


def _image_of(probe: Probe, only: int | None) -> str:
    return reverse("probe_image", args=[probe.pk]) + ("" if only is None else f"?face={only}")


def _drawing(probe: Probe, boxes: list[Any], *, only: int | None = None) -> drawing.Drawing:
    return drawing.draw(
        _image_of(probe, only),
        width=probe.details["width"],
        height=probe.details["height"],
        boxes=boxes,
    )


def _probe_crop(probe: Probe, number: int) -> drawing.Crop:
    return drawing.crop(
        _image_of(probe, number),
        width=probe.details["width"],
        height=probe.details["height"],
        box=probe.details["faces"][number]["box"],
    )


def _described(one: Search, *, now: datetime) -> dict[str, Any]:
    outcome = one.outcome or {}
    return {
        "code": code_of(one),
        "state": one.state,
        "stuck": is_stuck(one, now=now),
        "threshold": one.request["threshold"],
        "answer": outcome.get("answer", ""),
        "answer_words": ANSWERS.get(outcome.get("answer", ""), ""),
        "detail": outcome.get("reason", ""),
        "reason": one.reason,
        "galleries": [gallery.name for gallery in queries.galleries_of(one)],
        "top": one.request["top"],
        "by": one.asked_by.name,
        "at": one.intended_at,
        "model": one.request["model"],
        "probe_id": one.probe_id,
    }


def _candidate(found: queries.Candidate) -> dict[str, Any]:
    best = found.best
    return {
        "rank": found.rank,
        "subject": found.label,
        "named": found.named,
        "gallery": found.gallery,
        "similarity": best.similarity,
        "photo_id": best.photo,
        "photo": best.details["path"],
        "details": best.details,
        "box": best.box,
        "quality": best.quality,
        "source": best.source,
        "crop": reverse("face_crop", args=[best.face]),
        "rows": [face.face for face in found.faces],
        "others": [
            {
                "photo_id": face.photo,
                "photo": face.details["path"],
                "similarity": face.similarity,
                "crop": reverse("face_crop", args=[face.face]),
            }
            for face in found.faces[1:]
        ],
    }
