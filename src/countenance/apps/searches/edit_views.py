"""Copies of evidence that are cropped, turned or in another light; and faces that are marked by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from countenance.apps.searches import carried, evidence, marking, queries
from countenance.apps.searches.edit_forms import LightForm, MarkForm, PartForm
from countenance.apps.searches.evidence_views import probe_page
from countenance.apps.searches.forms import number_of
from countenance.apps.searches.models import Probe
from countenance.errors import InputError, WrongState
from countenance.ui.requests import Request

ROOM = 0.6
"""How much of a face's size is kept around it when a photo is cropped to it."""


@require_POST
def derive(request: Request, probe_id: UUID) -> HttpResponse:
    """Make a copy of evidence; what comes of it is a photo of its own beside it."""
    one = queries.probe(request.actor, probe_id)
    part = PartForm(request.POST, prefix="part") if "part-x" in request.POST else None
    light = LightForm(request.POST, prefix="light") if "light-brightness" in request.POST else None
    try:
        wish = _wish(request, one, part, light)
        made = evidence.derive_probe(request.actor, probe=one, **wish, tools=request.tools)
    except InputError as error:
        return probe_page(request, one, part_form=part, light_form=light, problem=error.detail)
    return HttpResponseRedirect(reverse("probe", args=[made.pk]))


def _wish(
    request: Request, one: Probe, part: PartForm | None, light: LightForm | None
) -> dict[str, Any]:
    """Return what was asked for, as `derive_probe` takes it."""
    if part is not None:
        if not part.is_valid():
            raise InputError("Say in whole pixels which part of the photo to keep.")
        return {"box": part.box}
    if light is not None:
        if not light.is_valid():
            raise InputError("Choose how much brighter, darker or richer in contrast.")
        return light.cleaned_data
    turns = request.POST.get("quarter_turns", "")
    if turns in {"1", "2", "3"}:
        return {"quarter_turns": int(turns)}
    number = number_of(request.POST.get("around", ""))
    faces = one.details["faces"]
    if number is None or number >= len(faces):
        raise InputError("Choose what to do with the photo.")
    x, y, width, height = faces[number]["box"]
    across, down = width * ROOM, height * ROOM
    return {"box": (x - across, y - down, width + 2 * across, height + 2 * down)}


@require_POST
def mark(request: Request, probe_id: UUID) -> HttpResponse:
    """Mark a face that was not found, then show the photo with it."""
    one = queries.probe(request.actor, probe_id)
    form = MarkForm(request.POST, prefix="mark")
    if not form.is_valid():
        said = "Say in whole pixels where the face is."
        return probe_page(request, one, mark_form=form, problem=said)
    try:
        made = marking.mark_face(request.actor, probe=one, box=form.box, tools=request.tools)
    except (InputError, WrongState) as error:
        return probe_page(request, one, mark_form=form, problem=error.detail)
    number = carried.newest_mark(made) + 1
    return HttpResponseRedirect(f"{reverse('probe', args=[one.pk])}?marked={number}#photo")


@require_POST
def unmark(request: Request, probe_id: UUID) -> HttpResponse:
    """Take back the mark of a face, then show the photo without it."""
    one = queries.probe(request.actor, probe_id)
    number = number_of(request.POST.get("face", ""))
    if number is None:
        return probe_page(request, one, problem="Choose which mark to take back.")
    try:
        marking.unmark_face(request.actor, probe=one, number=number, tools=request.tools)
    except (InputError, WrongState) as error:
        return probe_page(request, one, problem=error.detail)
    return HttpResponseRedirect(f"{reverse('probe', args=[one.pk])}#photo")
