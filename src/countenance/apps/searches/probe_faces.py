"""What the pages of a search say of photos and their faces: frames, quality, and how a photo was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.urls import reverse

from countenance.apps.searches import queries
from countenance.apps.searches.edits import short_words
from countenance.apps.searches.evidence import HIDE_ALL
from countenance.apps.searches.forms import number_of
from countenance.apps.searches.models import Probe, RequestState, Search, SearchRequest
from countenance.errors import NotEvidence
from countenance.faces.types import Gate
from countenance.policy import Actor
from countenance.ui import drawing

MOST_OFFERED = 24
"""So many faces of other photos are offered beside one; whoever needs others opens those photos."""
NONE = "none"


def image_of(one: Probe, only: int | None) -> str:
    """Return the address of a probe's picture; all faces but one blurred if one is named."""
    shown = NONE if only == HIDE_ALL else only
    return reverse("probe_image", args=[one.pk]) + ("" if only is None else f"?face={shown}")


def drawing_of(one: Probe, boxes: list[Any], *, only: int | None = None) -> drawing.Drawing:
    """Return a probe with its faces framed."""
    return drawing.draw(
        image_of(one, only),
        width=one.details["width"],
        height=one.details["height"],
        boxes=boxes,
    )


def drawing_with_one(one: Probe, number: int) -> drawing.Drawing:
    """Return a probe with one face framed, under the number that it has, and all others blurred."""
    drawn = drawing_of(one, [face["box"] for face in one.details["faces"]], only=number)
    return replace(drawn, frames=(drawn.frames[number],))


def crop_of(one: Probe, number: int) -> drawing.Crop:
    """Return one face of a probe."""
    return drawing.crop(
        image_of(one, number),
        width=one.details["width"],
        height=one.details["height"],
        box=one.details["faces"][number]["box"],
    )


def face_of(one: Probe, number: int) -> dict[str, Any]:
    """Return a face as a page tells of it."""
    face = one.details["faces"][number]
    return {
        "index": number,
        "number": number + 1,
        "quality": face["quality"],
        "usable": face["quality"]["gate"] != Gate.UNUSABLE,
        "manual": bool(face.get("manual")),
        "marked": "marked" in face,
        "carried": "carried" in face,
        # Without landmarks there is nothing to say of its pose.
        "judged": bool(face["landmarks"]),
    }


def faces_context(one: Probe, chosen: str, actor: Actor) -> dict[str, Any]:
    """Return a photo with its faces framed, and those blurred that this person sees no longer."""
    found = one.details["faces"]
    shown = queries.faces_shown(actor, one)
    only = None if shown is None else max(shown, default=HIDE_ALL)
    frames = drawing_of(one, [face["box"] for face in found], only=only)
    faces = [{**face_of(one, frame.index), "frame": frame} for frame in frames.frames]
    usable = [face["index"] for face in faces if face["usable"]]
    number = number_of(chosen)
    return {
        "drawing": frames,
        "faces": faces,
        "blurred": shown is not None,
        "usable": bool(usable),
        "chosen": usable[0] if number is None and len(usable) == 1 else number,
    }


def steps_of(one: Probe) -> list[dict[str, Any]]:
    """Return how a photo was made, step by step, for a page."""
    if one.purged_at is not None:
        return []
    try:
        edits = queries.edits_of(one)
    except NotEvidence:
        return []
    return [{"words": edit.words, "made_of": edit.made_of, "at": edit.at} for edit in edits]


def name_of(one: Probe) -> str:
    """Return what a list calls a photo: its file's name, or of a copy what was done to it."""
    try:
        edits = queries.edits_of(one)
    except NotEvidence:
        edits = []
    done = [words for edit in edits for words in short_words(edit.how)]
    name = str(one.details["file_name"])
    return f"Copy: {', '.join(done)} ({name})" if done else name


def others_to_ask(one: Probe) -> list[tuple[str, str]]:
    """Return the other photos of a case that no request waits for, newest first, with what a list calls them."""
    waiting = SearchRequest.objects.filter(case=one.case, state=RequestState.WAITING)
    photos = queries.probes(one.case).filter(derived_from=None, content_index__isnull=False)
    free = photos.exclude(pk__in=waiting.values("probe"))
    own = one
    while own.derived_from is not None:
        own = own.derived_from
    return [(str(each.pk), name_of(each)) for each in free.exclude(pk=own.pk)[:MOST_OFFERED]]


def others_offered(actor: Actor, one: Probe) -> list[dict[str, Any]]:
    """Return the faces of other photos of the case that a search was asked for, and that this examiner may run."""
    case = one.case
    waiting = SearchRequest.objects.filter(case=case, state=RequestState.WAITING)
    asked = {
        request.probe_id
        for request in waiting.select_related("probe")
        if actor.person not in {request.asked_by_id, request.probe.added_by_id}
    }
    photos = {photo.pk: photo for photo in queries.probes(case).select_related("case")}

    def root(photo: Probe) -> Any:
        while photo.derived_from_id is not None and photo.derived_from_id in photos:
            photo = photos[photo.derived_from_id]
        return photo.pk

    own = root(one)
    offered = []
    for photo in sorted(photos.values(), key=lambda each: (each.added_at, each.pk)):
        if (of := root(photo)) == own or of not in asked:
            continue
        words = [word for step in steps_of(photo) for word in step["words"]]
        offered += [
            {
                **face_of(photo, number),
                "value": f"{photo.pk}:{number}",
                "name": photo.details["file_name"],
                "crop": crop_of(photo, number),
                "words": words,
            }
            for number in range(len(photo.details["faces"]))
            if face_of(photo, number)["usable"]
        ]
    return offered[:MOST_OFFERED]


def chosen_others(actor: Actor, one: Probe, values: list[str]) -> list[dict[str, Any]]:
    """Return the faces of other photos that were chosen, in their order, numbered from 2."""
    offered = {other["value"]: other for other in others_offered(actor, one)}
    listed = [offered[value] for value in values if value in offered]
    return [{**other, "photo": number} for number, other in enumerate(listed, start=2)]


def searched_with(search: Search) -> list[dict[str, Any]]:
    """Return the faces that a search was for, in their order, with how each photo was made."""
    weights = {
        one["probe"]: one["weight"]
        for one in ((search.outcome or {}).get("photos", ()) if search.purged_at is None else ())
    }
    return [
        {
            "photo": number,
            "probe": probe.pk,
            "crop": None if face is None or probe.purged_at else crop_of(probe, face),
            "words": [word for step in steps_of(probe) for word in step["words"]],
            "weight": weights.get(str(probe.pk)),
        }
        for number, (probe, face) in enumerate(queries.faces_of(search), start=1)
    ]
