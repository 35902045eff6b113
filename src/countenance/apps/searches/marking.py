"""Faces that were not found, marked by a person: in the photo's sealed details, never with a made-up landmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from countenance import policy
from countenance.apps.cases.uses import own_open_case
from countenance.apps.galleries.batch import face_details
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches import queries
from countenance.apps.searches.candidates import overlap
from countenance.apps.searches.edits import Box, whole_pixels
from countenance.apps.searches.models import Probe
from countenance.apps.searches.queries import root_of
from countenance.errors import InputError, NotPermitted, WrongState
from countenance.faces.types import Analysis, Gate
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

LEAST_SIDE = 12
"""Pixels: less can hold no face that anybody could compare, on any side of a box."""
MOST_MARKED = 20
"""So many faces of one photo are marked at most; every one is blurred beside the others."""
SAME_PLACE = 0.5
"""Two boxes that have so much in common are of one face."""
NOT_FOUND = "No face was found where this one was marked, so it cannot be compared."


@accountable(Action.PROBE_MARKED, deed=Deed.EVIDENCE_DERIVE)
def _record_mark(
    actor: Actor,
    record: Record,
    *,
    probe: Probe,
    box: Box,
    analysis: Analysis | None,
    tools: Tools,
) -> Probe:
    record.note(about=probe.pk, case=probe.case_id, box=[str(side) for side in box])
    own_open_case(actor, probe.case, today=tools.clock().date())
    root_of(probe)
    if analysis is None:
        raise WrongState("The case changed a moment ago. Try again.")
    locked = Probe.objects.select_for_update(no_key=True).get(pk=probe.pk)
    faces = locked.details["faces"]
    if sum(bool(face.get("manual")) for face in faces) >= MOST_MARKED:
        raise InputError(f"At most {MOST_MARKED} faces of one photo are marked by hand.")
    _permit_place(box, faces)
    marked = {"box": list(box), "by": str(actor.person), "at": tools.clock().isoformat()}
    face = {**_face_in(box, analysis, faces), "manual": True, "marked": marked}
    locked.details = {**locked.details, "faces": [*faces, face]}
    locked.save(update_fields=("details",))
    record.note(face=len(faces), found=bool(face["landmarks"]), gate=face["quality"]["gate"])
    return locked


@composed_of(_record_mark)
def mark_face(actor: Actor, *, probe: Probe, box: Sequence[float], tools: Tools) -> Probe:
    """Mark a face that the program did not find; return the photo, with it as its last face.

    The program looks for a face inside of the box, enlarged, with room around it, and turned. If it finds
    one, that is judged like any other. If not, the box stays as a face that cannot be compared: without
    landmarks there is no template. Either way it is blurred beside the faces that are searched for.

    Args:
        actor: an investigator or examiner of the case.
        probe: evidence, or something made of it.
        box: x, y, width and height in pixels of the upright photo.
        tools: engine, keys, store.

    Raises:
        InputError: the box is too small, lies outside, or is around a face that is framed already.
        WrongState: the program changed since the photo was added.
        CaseClosed, NotPermitted: recorded.
    """
    part = whole_pixels(box, probe.details)
    if min(part[2:]) < LEAST_SIDE:
        raise InputError(
            f"Mark at least {LEAST_SIDE} × {LEAST_SIDE} px, from the brow to the chin."
        )
    if probe.details["model"] != tools.engine.model:
        raise WrongState("The program changed since this photo was added. Add the photo again.")
    analysis = None
    try:
        policy.permit_deed(actor, Deed.EVIDENCE_DERIVE, now=tools.clock())
        policy.permit_case_member(actor, probe.case.facts)
        policy.permit_case_work(actor, probe.case.facts, today=tools.clock().date())
        # Before the photo is locked: looking takes a while.
        photo = queries.photo_of(probe, tools=tools)
        analysis = tools.engine.analyse_part(photo, box=part, templates=False)
    except NotPermitted:
        pass
    return _record_mark(actor, probe=probe, box=part, analysis=analysis, tools=tools)


def _permit_place(box: Box, faces: Sequence[dict[str, Any]]) -> None:
    for number, face in enumerate(faces, start=1):
        if overlap(box, face["box"]) > SAME_PLACE:
            raise InputError(f"Face {number} is framed there already.")


def _face_in(box: Box, analysis: Analysis, faces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the face that was found in a box, or the box as a face that cannot be compared."""
    for found in analysis.faces:
        details = face_details(found)
        # What was found may be a neighbour, who is framed already.
        if all(overlap(details["box"], face["box"]) <= SAME_PLACE for face in faces):
            return details
    figures = ("eye_distance", "yaw", "pitch", "roll", "sharpness", "brightness", "contrast")
    nothing = dict.fromkeys(figures, 0.0)
    return {
        "box": [float(side) for side in box],
        "landmarks": [],
        "score": 0.0,
        "quality": {"gate": str(Gate.UNUSABLE), "reason": NOT_FOUND, **nothing},
    }
