"""Running a search that was asked for: the check before it, and its page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.galleries import grants, looks
from countenance.apps.galleries.models import Gallery
from countenance.apps.searches import afterwards, knowing, modes, queries, services
from countenance.apps.searches.case_views import ANSWERS, is_stuck
from countenance.apps.searches.clock import REFUSED, frozen_by, is_frozen_now
from countenance.apps.searches.evidence_views import probe_page
from countenance.apps.searches.forms import SearchForm, names_of, search_form
from countenance.apps.searches.knowing import Known
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.apps.searches.probe_faces import (
    chosen_others,
    crop_of,
    drawing_with_one,
    face_of,
    others_offered,
    searched_with,
    steps_of,
)
from countenance.apps.searches.repeating import REPEATED
from countenance.apps.searches.retention import ERASED, RESULTS_ENDED
from countenance.errors import InputError, NotPermitted, SearchFrozen
from countenance.policy import Deed, SearchMode, may, permit_reason
from countenance.ui import drawing
from countenance.ui.forms import ErrorsOn
from countenance.ui.requests import Request

WHY_GONE = {
    REFUSED: "The authority was refused.",
    RESULTS_ENDED: "The time for which this is kept is over.",
    ERASED: "The case was erased early.",
    REPEATED: "It was destroyed before this deployment was restored from a backup.",
}
"""Why nobody sees any more what a search found; else no authority came in time."""


@require_POST
def check(request: Request, probe_id: UUID) -> HttpResponse:
    """Show everything on one page before the search."""
    probe = queries.probe(request.actor, probe_id)
    form = _checked(request, probe)
    if form.errors:
        return probe_page(request, probe, run_form=form)
    asked = form.cleaned_data
    names = names_of(request, chosen=asked["galleries"])
    chosen = [grants.searchable(request.actor, UUID(pk)) for pk in asked["galleries"]]
    with grants.reading(request.actor, chosen, tools=request.tools) as lent:
        offered = modes.offers(chosen, top=asked["top"], photos=1 + len(asked["more"]), tools=lent)
    context = {
        "section": "requests",
        "case": probe.case,
        "probe": probe,
        "drawing": drawing_with_one(probe, asked["face"]),
        "face": face_of(probe, asked["face"]),
        "steps": steps_of(probe),
        "others": chosen_others(request.actor, probe, asked["more"]),
        "galleries": [{"id": pk, "name": names[pk]} for pk in asked["galleries"]],
        "reason": asked["reason"],
        "top": asked["top"],
        "modes": offered,
        "mode": asked["mode"] or offered[0].mode,
        "unmeasured": modes.UNMEASURED if len(offered) == 1 else "",
    }
    return render(request, "searches/check.html", context)


@require_POST
def run(request: Request, probe_id: UUID) -> HttpResponse:
    """Run the search, then go to its page."""
    probe = queries.probe(request.actor, probe_id)
    form = _checked(request, probe)
    if not form.errors:
        asked = form.cleaned_data
        chosen = [grants.searchable(request.actor, UUID(pk)) for pk in asked["galleries"]]
        try:
            search = services.run_search(
                request.actor,
                probe=probe,
                face=asked["face"],
                more=[_pair(request, value) for value in asked["more"]],
                galleries=chosen,
                reason=asked["reason"],
                top=asked["top"],
                mode=SearchMode(asked["mode"]) if asked["mode"] else None,
                tools=request.tools,
            )
        except InputError as error:
            form.add_error(None, error.detail)
        except NotPermitted as refusal:
            refusal.facts["case"] = probe.case_id  # for the links of the page that says so
            raise
        else:
            return HttpResponseRedirect(reverse("search", args=[search.pk]))
    return probe_page(request, probe, run_form=form)


def _checked(request: Request, probe: Probe) -> SearchForm:
    """Return the posted form with everything said at once that would stop the search."""
    others = [(one["value"], one["name"]) for one in others_offered(request.actor, probe)]
    form = search_form(request, queries.open_request(probe), data=request.POST, others=others)
    if not form.is_valid():
        return form
    asked = form.cleaned_data
    if asked["face"] >= len(probe.details["faces"]):
        form.add_error("face", "Choose one of the faces in the photo.")
        return form
    with ErrorsOn(form, InputError, field="reason"):
        # Whether the search itself is permitted is judged, and recorded, when it is asked for.
        permit_reason(asked["reason"])
    return form


def _pair(request: Request, value: str) -> tuple[Probe, int]:
    """Return the other photo and the face that a choice in the form stands for."""
    photo, _, face = value.partition(":")
    return queries.probe(request.actor, UUID(photo)), int(face)


@require_safe
def search(request: Request, search_id: UUID) -> HttpResponse:
    """Show what came of a search; that its candidates are looked at is recorded first.

    Whoever may not see candidates reads how far the search is, and nothing of what it found. An examiner who
    has not examined them yet reads how many there are.
    """
    one = queries.search(request.actor, search_id)
    concluded = one.state == SearchState.CONCLUDED
    examines = may(request.actor, Deed.CANDIDATES_VIEW)
    candidates: list[dict[str, Any]] = []
    frozen = _frozen_by(one)
    if concluded and not frozen:
        frozen = (is_frozen_now(one, now=request.tools.clock()) or "") if examines else ""
    known = Known(candidates=False)
    if concluded and examines and not frozen:
        known = knowing.known(request.actor, one, tools=request.tools)
    if known.candidates:
        try:
            services.view_candidates(request.actor, search=one, tools=request.tools)
        except SearchFrozen as error:
            frozen = error.rule
        else:
            candidates = _candidates(request, one)
    hidden = concluded and examines and not frozen and not known.candidates
    seen = concluded and examines and not frozen and not hidden
    face_number = one.request["face"]
    unseen = hidden and knowing.is_kept_unseen(request.actor, one)
    mode = modes.mode_of(one)
    sees_photo = may(request.actor, Deed.EVIDENCE_VIEW) and not unseen
    context = {
        "section": "searches",
        "case": one.case,
        "search": _described(request, one, seen=seen, now=request.tools.clock()),
        "examines": examines,
        "frozen": frozen,
        "why_gone": WHY_GONE[REFUSED] if frozen == REFUSED else WHY_GONE.get(frozen_by(one) or ""),
        "purges": bool(frozen) and one.purged_at is None and may(request.actor, Deed.SEARCH_PURGE),
        "may_widen": may(request.actor, Deed.CASE_WIDEN),
        "candidates": candidates,
        "to_examine": len(one.outcome["candidates"]) if hidden else 0,
        "unseen": unseen,
        # Whoever could still examine it would learn that nobody on its list is less alike than that.
        "mode": "" if unseen or mode is None else modes.NAMES[mode],
        "measured": modes.is_measured(one),
        "says": modes.words_of(one) if candidates else modes.error_of(one),
        "known": known,
        "came": None if frozen else afterwards.came_of(request.actor, [one]).get(one.pk),
        "may_ask": may(request.actor, Deed.SEARCH_ASK),
        "links": [] if frozen else afterwards.links_from(request.actor, one),
        "removed": seen and not candidates and bool(one.outcome["candidates"]),
        "strip": drawing.strip([found["similarity"] for found in candidates]),
        "probe_crop": None
        if face_number is None or one.probe.purged_at is not None or not sees_photo
        else crop_of(one.probe, face_number),
        "photos": searched_with(one) if sees_photo else [],
        "receipt": queries.receipt(one) if concluded else None,
    }
    return render(request, "searches/detail.html", context)


def _frozen_by(one: Search) -> str:
    """Return by which rule a search is frozen for good; empty if it is not, or not yet."""
    if one.purged_at is not None:
        return "search.purged"
    return frozen_by(one) or ""


def _candidates(request: Request, one: Search) -> list[dict[str, Any]]:
    galleries = list(Gallery.objects.filter(pk__in=one.request["galleries"]))
    with grants.reading(request.actor, galleries, tools=request.tools):
        found = [_candidate(candidate) for candidate in queries.candidates(one)]
    looks.note_look(request, (row for candidate in found for row in candidate["rows"]))
    return found


def _described(request: Request, one: Search, *, seen: bool, now: datetime) -> dict[str, Any]:
    outcome = (one.outcome or {}) if seen else {}
    names = names_of(request)
    return {
        "code": queries.code_of(one),
        "id": one.pk,
        "state": one.state,
        "authorise_by": one.authorise_by,
        "purged": one.purged_at is not None,
        "held": one.request.get("held", ""),
        "stuck": is_stuck(one, now=now),
        "threshold": one.request["threshold"],
        "answer": outcome.get("answer", ""),
        "answer_words": ANSWERS.get(outcome.get("answer", ""), ""),
        "detail": outcome.get("reason", ""),
        "reason": one.reason,
        "galleries": [
            names.get(pk, "a gallery that is closed now") for pk in one.request["galleries"]
        ],
        "top": one.request["top"],
        "by": one.asked_by.name,
        "at": one.intended_at,
        "model": one.request["model"],
        "probe_id": one.probe_id,
        "photo_gone": one.probe.purged_at is not None,
    }


def _candidate(found: queries.Candidate) -> dict[str, Any]:
    best = found.best
    return {
        "rank": found.rank,
        "subject": found.label,
        "named": found.named,
        "gallery": found.gallery,
        "similarity": found.similarity,
        "fused": found.fused,
        "best": best.similarity,
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
