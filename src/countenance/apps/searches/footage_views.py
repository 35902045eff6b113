"""Videos of a case: adding one, how far it is, the faces found in it, and the frame that is chosen."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import permit_work
from countenance.apps.galleries import looks
from countenance.apps.galleries.intake import shown
from countenance.apps.searches import evidence, footage_queries, queries
from countenance.apps.searches import footage as services
from countenance.apps.searches.footage_rows import Footage, FootageState
from countenance.apps.searches.forms import number_of
from countenance.errors import InputError, NotFound, UploadTooLarge, WrongState
from countenance.faces.reel import MEGA, READABLE, VideoLimits, clock_words
from countenance.policy import Deed, may
from countenance.ui.pages import UNUSABLE
from countenance.ui.requests import Request

SECTION = "cases"
ACCEPT = "video/*,.mkv,.avi,.mts,.m2ts,.ts"
FORM_BYTES = 64 * 1024
"""What a form sends besides its file."""
STATES = {
    FootageState.WAITING: "Being looked through",
    FootageState.DONE: "Looked through",
    FootageState.FAILED: "Could not be looked through",
    FootageState.CANCELLED: "Stopped",
}


def footage_new(request: Request, case_id: UUID) -> HttpResponse:
    """Add a video to a case as evidence; say at once if it cannot be one."""
    case = case_queries.case(request.actor, case_id)
    problem = ""
    if request.method == "POST":
        try:
            one = _add(request, case_id)
        except InputError as error:
            problem = error.detail
        else:
            if one.state == FootageState.WAITING:
                request.tools.jobs.look_through(one.pk)
            return HttpResponseRedirect(reverse("footage", args=[one.pk]))
    if case.closed_at is not None:
        # Evidence that is sent all the same is refused, and recorded, by its service.
        return render(request, "searches/closed.html", {"section": SECTION, "case": case})
    limits = VideoLimits()
    context = {
        "section": SECTION,
        "case": case,
        "problem": problem,
        "accept": ACCEPT,
        "readable": READABLE,
        "max_megabytes": settings.VIDEO_LIMIT // MEGA,
        "max_minutes": int(limits.seconds // 60),
    }
    status = UNUSABLE if problem else 200
    return render(request, "searches/footage_new.html", context, status=status)


def permit_upload(request: Request, size: int, case_id: UUID) -> int:
    """Judge whether a video may be added to a case, before a byte of it is read; return how much is read.

    Raises:
        NotFound, CaseClosed, NotPermitted: the case is not the actor's, or closed.
        UploadTooLarge: it says that it is larger than any video that is taken.
    """
    case = case_queries.case(request.actor, case_id)
    permit_work(request.actor, case, today=request.tools.clock().date())
    most: int = settings.VIDEO_LIMIT + FORM_BYTES
    if size > most:
        raise _too_large()
    return most


def _too_large() -> UploadTooLarge:
    return UploadTooLarge(
        f"At most {settings.VIDEO_LIMIT // MEGA} MB of video are read. Cut out the part that matters, keep "
        "the original, and add the part. Nothing was kept."
    )


def _add(request: Request, case_id: UUID) -> Footage:
    upload = request.FILES.get("video")
    if not isinstance(upload, UploadedFile):
        raise InputError("Choose a video first.")
    if (upload.size or 0) > settings.VIDEO_LIMIT:
        raise _too_large()
    return services.add_footage(
        request.actor,
        case=case_queries.case(request.actor, case_id),
        upload=upload.read(),
        file_name=shown(upload.name or "video"),
        tools=request.tools,
    )


@require_safe
def footage(request: Request, footage_id: UUID) -> HttpResponse:
    """Show a video: how far it is, or the faces found in it; htmx asks for the progress alone."""
    one = footage_queries.footage(request.actor, footage_id)
    waiting = one.state == FootageState.WAITING
    if request.headers.get("HX-Request"):
        if not waiting:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "searches/footage_progress.html", _progress(request, one))
    return footage_page(request, one)


def footage_page(request: Request, one: Footage, *, problem: str = "") -> HttpResponse:
    """Show a video with what this person can do with it."""
    if footage_queries.sightings(one):
        services.view_footage(request.actor, footage=one, tools=request.tools)
        numbers = range(len(footage_queries.sightings(one)))
        looks.note_look(request, (_look(one, number) for number in numbers))
    found = one.found or {}
    frames = queries.probes(one.case).filter(footage=one)
    context = {
        **_progress(request, one),
        "section": SECTION,
        "case": one.case,
        "state_words": STATES[FootageState(one.state)],
        "found": found,
        "length": clock_words(found.get("seconds", 0.0)),
        "groups": _groups(one),
        "frames": [(frame.pk, frame.details["file_name"], frame.added_at) for frame in frames],
        "problem": problem,
    }
    return render(request, "searches/footage.html", context, status=UNUSABLE if problem else 200)


def _progress(request: Request, one: Footage) -> dict[str, Any]:
    done = services.progress_of(one)
    return {
        "footage": one,
        "waiting": one.state == FootageState.WAITING,
        "turn": done is None,
        "done": round(100 * (done or 0.0)),
        "may_add": may(request.actor, Deed.EVIDENCE_ADD) and one.case.closed_at is None,
    }


def _groups(one: Footage) -> list[dict[str, Any]]:
    groups, number = [], 0
    for ordinal, group in enumerate((one.found or {}).get("groups", []), start=1):
        frames = []
        for sighting in group["best"]:
            frames.append(
                {
                    "number": number,
                    "at": clock_words(sighting["place"]["seconds"]),
                    "quality": sighting["quality"],
                }
            )
            number += 1
        groups.append(
            {
                "ordinal": ordinal,
                "first": clock_words(group["first"]),
                "last": clock_words(group["last"]),
                "seen": group["seen"],
                "frames": frames,
            }
        )
    return groups


@require_POST
def footage_cancel(request: Request, footage_id: UUID) -> HttpResponse:
    """Stop looking through a video."""
    one = footage_queries.footage(request.actor, footage_id)
    with suppress(WrongState):  # It has just ended; the page says how.
        services.cancel_footage(request.actor, footage=one, tools=request.tools)
    return HttpResponseRedirect(reverse("footage", args=[one.pk]))


@require_POST
def footage_use(request: Request, footage_id: UUID) -> HttpResponse:
    """Take the chosen frame out of a video; it becomes a photo of the case."""
    one = footage_queries.footage(request.actor, footage_id)
    number = number_of(request.POST.get("frame", ""))
    if number is None:
        return footage_page(request, one, problem="Choose one of the frames first.")
    try:
        made = evidence.use_frame(request.actor, footage=one, number=number, tools=request.tools)
    except InputError as error:
        return footage_page(request, one, problem=error.detail)
    return HttpResponseRedirect(reverse("probe", args=[made.pk]))


@require_safe
def footage_face(request: Request, footage_id: UUID, number: int) -> HttpResponse:
    """Return the small image of a face that a page of this session showed."""
    one = footage_queries.footage(request.actor, footage_id)
    looks.require_look(request, _look(one, number))
    data = footage_queries.crop(one, number)
    if not data:
        raise NotFound("No such face was found in the video.")
    return HttpResponse(data, content_type="image/jpeg")


def _look(one: Footage, number: int) -> str:
    return f"footage {one.pk} {number}"


def videos_of(case: Case) -> list[dict[str, Any]]:
    """Return the videos of a case as its page lists them."""
    return [
        {
            "id": one.pk,
            "name": one.details["file_name"],
            "state": STATES[FootageState(one.state)],
            "by": one.added_by.name,
            "at": one.added_at,
        }
        for one in footage_queries.footage_of(case)
    ]
