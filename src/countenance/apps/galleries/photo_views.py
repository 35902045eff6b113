"""One photo: the page, its image, the crops of its faces, its removal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.galleries import grants, listing, looks, queries, services, viewing
from countenance.apps.galleries.models import Face, Photo, Subject
from countenance.apps.galleries.views import REMAINS
from countenance.apps.records.queries import entries_about, receipt_of
from countenance.errors import NotFound
from countenance.ledger.entry import Action
from countenance.policy import Deed, may
from countenance.ui import drawing
from countenance.ui.forms import ErrorsOn, ReasonForm
from countenance.ui.pages import confirm_page
from countenance.ui.requests import Request

LONG_SIDE = 1600
LISTED_ENTRIES = 12
LISTED_FACES = 48


@require_safe
def photo(request: Request, photo_id: UUID) -> HttpResponse:
    """Show a photo with its faces framed, their quality, its source and its entries."""
    one = queries.photo(request.actor, photo_id)
    with grants.reading(request.actor, [one.gallery], tools=request.tools) as tools:
        grants.permit_look(request.actor, one.gallery, tools=tools)
        return _photo_page(request, _present(request, photo_id))


def _photo_page(request: Request, one: Photo) -> HttpResponse:
    faces = queries.faces(one)
    all_others = listing.other_faces(one)
    others = list(all_others[:LISTED_FACES])
    if others:
        rows = [face.pk for face in others]
        viewing.view_faces(request.actor, gallery=one.gallery_id, faces=rows, tools=request.tools)
        looks.note_look(request, rows)
    context = {
        "section": "galleries",
        "gallery": {"id": one.gallery_id, "name": one.gallery.name},
        "photo": {"id": one.pk, "name": one.details["path"], **one.details},
        "subject": {"id": one.subject_id, "name": one.subject.label},
        "run": {"id": one.run_id, "at": one.enrolled_at},
        "source": listing.passport(one.source),
        "drawing": _drawing(one, faces),
        "faces": [
            {"number": face.ordinal + 1, "quality": face.details["quality"]} for face in faces
        ],
        "others": [_thumb(face) for face in others],
        "more_others": all_others.count() - len(others),
        "entries": _entries(one),
        "own": one.gallery.agency_id == request.actor.agency,
        "may_remove": one.gallery.agency_id == request.actor.agency
        and may(request.actor, Deed.PHOTO_REMOVE),
    }
    return render(request, "galleries/photo.html", context)


@require_safe
def image(request: Request, photo_id: UUID) -> HttpResponse:
    """Return the photo, upright and without metadata; each look is an entry."""
    one = queries.photo(request.actor, photo_id)
    data = viewing.view_photo(request.actor, photo=one, long_side=LONG_SIDE, tools=request.tools)
    return HttpResponse(data, content_type="image/jpeg")


@require_safe
def crop(request: Request, face_id: int) -> HttpResponse:
    """Return the small image of a face that a page of this session showed."""
    looks.require_look(request, face_id)
    return HttpResponse(
        viewing.crop(request.actor, face_id, tools=request.tools), content_type="image/jpeg"
    )


def photo_remove(request: Request, photo_id: UUID) -> HttpResponse:
    """Remove one photo."""
    one = _present(request, photo_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.remove_photo(
                request.actor, photo=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("erasure_certificate", args=[one.pk]))
    return confirm_page(
        request,
        form,
        heading="Remove this photo?",
        verb="Remove the photo",
        back=reverse("photo", args=[one.pk]),
        back_label=one.details["path"],
        crumb="Remove",
        section="galleries",
        consequences=[
            "It can be found no more, and it disappears from old searches too.",
            "The sealed photo is deleted and its key destroyed.",
            REMAINS,
        ],
    )


def subject_remove(request: Request, subject_id: UUID) -> HttpResponse:
    """Remove a subject with all of its photos."""
    one = queries.subject(request.actor, subject_id)
    if one.removed_at is not None:
        raise NotFound("This subject was removed.")
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.remove_subject(
                request.actor, subject=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("erasure_certificate", args=[one.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Remove {one.label} from the gallery?",
        verb="Remove the subject and all photos",
        back=_back_of(one),
        back_label=one.gallery.name,
        crumb="Remove a subject",
        section="galleries",
        consequences=[
            "Every photo of this subject is removed, and the face in photos of other subjects too.",
            "The sealed photos are deleted and their keys destroyed.",
            REMAINS,
        ],
    )


def _back_of(subject: Subject) -> str:
    return reverse("gallery", args=[subject.gallery_id])


def _present(request: Request, photo_id: UUID) -> Photo:
    one = queries.photo(request.actor, photo_id)
    if one.removed_at is not None:
        raise NotFound("This photo was removed.")
    return one


def _drawing(one: Photo, faces: list[Face]) -> drawing.Drawing:
    return drawing.draw(
        reverse("photo_image", args=[one.pk]),
        width=one.details["width"],
        height=one.details["height"],
        boxes=[face.details["box"] for face in faces],
    )


def _thumb(face: Face) -> dict[str, Any]:
    return {
        "photo_id": face.photo_id,
        "crop": reverse("face_crop", args=[face.pk]),
        "name": face.photo.details["path"],
    }


def _entries(one: Photo) -> list[dict[str, Any]]:
    return [
        {
            "number": row.index,
            "code": receipt_of(row).code,
            "words": Action(row.action).meaning,
            "at": row.at,
        }
        for row in entries_about(one.pk, LISTED_ENTRIES)
    ]
