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
from countenance.apps.searches.carried import (
    LEAST_SIDE,
    ONE_FACE,
    cannot_be_compared,
    carried,
    carry_on,
    is_used,
    kept_copies,
    mark_of,
    without,
)
from countenance.apps.searches.edits import Box, whole_pixels
from countenance.apps.searches.models import Probe
from countenance.apps.searches.queries import root_of
from countenance.errors import InputError, NotFound, NotPermitted, WrongState
from countenance.faces.types import Analysis
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

MOST_MARKED = 20
"""So many faces of one photo are marked at most; every one is blurred beside the others."""
SAME_PLACE = 0.5
"""Two boxes that have so much in common are of one face."""
MOSTLY = 0.5
"""So much of a box lies inside of a face, or of a face's landmarks inside of a box, and it covers that face."""
MARK_BYTES = 8
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
    if sum("marked" in face for face in faces) >= MOST_MARKED:
        raise InputError(f"At most {MOST_MARKED} faces of one photo are marked by hand.")
    _permit_place(box, faces)
    # A face that was only blurred here, because what this copy was made of has it, gives way to the mark.
    place = next(
        (n for n, face in enumerate(faces) if _only_blurred(face, box)),
        len(faces),
    )
    others = [face for number, face in enumerate(faces) if number != place]
    marked = {
        "box": list(box),
        "by": str(actor.person),
        "at": tools.clock().isoformat(),
        "mark": tools.token_bytes(MARK_BYTES).hex(),
    }
    face = {**_face_in(box, analysis, others), "manual": True, "marked": marked}
    locked.details = {**locked.details, "faces": [*faces[:place], face, *faces[place + 1 :]]}
    locked.save(update_fields=("details",))
    record.note(face=place, found=bool(face["landmarks"]), gate=face["quality"]["gate"])
    record.note(copies=carry_on(locked))
    return locked


def _only_blurred(face: dict[str, Any], box: Box) -> bool:
    return "carried" in face and overlap(box, face["box"]) >= ONE_FACE


@composed_of(_record_mark)
def mark_face(actor: Actor, *, probe: Probe, box: Sequence[float], tools: Tools) -> Probe:
    """Mark a face that the program did not find; return the photo, with it as its last face.

    The program looks for a face inside of the box, enlarged, with room around it, and turned. If it finds
    one, that is judged like any other. If not, the box stays as a face that cannot be compared: without
    landmarks there is no template. Either way it is blurred beside the faces that are searched for, here
    and in every copy of the photo.

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


@accountable(Action.PROBE_UNMARKED, deed=Deed.EVIDENCE_DERIVE)
def unmark_face(actor: Actor, record: Record, *, probe: Probe, number: int, tools: Tools) -> Probe:
    """Take back the mark of a face, in the photo and in the copies that have it from there.

    Args:
        actor: an investigator or examiner of the case.
        record: filled in by `@accountable`.
        probe: the photo in which it was marked.
        number: of the face, from 0.
        tools: clock, keys.

    Raises:
        NotFound: there is no such face.
        InputError: it was not marked here.
        WrongState: a search used the photo or a copy of it, or a face that was marked later keeps the
            number that it would get.
        CaseClosed, NotPermitted: recorded.
    """
    record.note(about=probe.pk, case=probe.case_id, face=number)
    own_open_case(actor, probe.case, today=tools.clock().date())
    root_of(probe)
    locked = Probe.objects.select_for_update(no_key=True).get(pk=probe.pk)
    faces = locked.details["faces"]
    if not 0 <= number < len(faces):
        raise NotFound("The photo has no such face.")
    if "marked" not in faces[number]:
        raise InputError("Only a face that was marked in this photo can be unmarked here.")
    mark = mark_of(faces[number])
    if is_used(locked):
        raise WrongState(
            "A search was run with this photo or a copy of it, so its marks stay: they say who was blurred."
        )
    locked.details = {**locked.details, "faces": without(faces, [number])}
    if locked.derived_from is not None:
        # What it was made of may have the same face.
        back = carried(locked.derived_from.details, locked.details["how"], locked.details)
        locked.details = {**locked.details, "faces": [*locked.details["faces"], *back]}
    locked.save(update_fields=("details",))
    record.note(copies=0 if mark is None else _forget_mark(locked, mark))
    return locked


def _forget_mark(photo: Probe, mark: str) -> int:
    """Take a mark out of every copy that has it from a photo; return how many copies there are."""
    count = 0
    for copy in kept_copies(photo):
        locked = Probe.objects.select_for_update(no_key=True).get(pk=copy.pk)
        faces = locked.details["faces"]
        gone = [n for n, face in enumerate(faces) if "carried" in face and mark_of(face) == mark]
        if gone:
            locked.details = {**locked.details, "faces": without(faces, gone)}
            locked.save(update_fields=("details",))
        count += 1 + _forget_mark(locked, mark)
    return count


def _permit_place(box: Box, faces: Sequence[dict[str, Any]]) -> None:
    """Refuse a box around a face that is framed already, or over one that was found."""
    for number, face in enumerate(faces, start=1):
        if "carried" in face:
            continue
        if overlap(box, face["box"]) > SAME_PLACE:
            raise InputError(f"Face {number} is framed there already.")
        marks = face["landmarks"]
        inside = sum(_holds(box, x, y) for x, y in marks)
        if marks and (_share_inside(box, face["box"]) > MOSTLY or inside > MOSTLY * len(marks)):
            raise InputError(
                f"This box covers face {number}, which was found. Draw it around the other face only."
            )


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]


def _share_inside(box: Sequence[float], face: Sequence[float]) -> float:
    """Return how much of a box lies inside of a face's."""
    shared = overlap(box, face) * (box[2] * box[3] + face[2] * face[3])
    return shared / (1 + overlap(box, face)) / (box[2] * box[3])


def _face_in(box: Box, analysis: Analysis, faces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the face that was found in a box, or the box as a face that cannot be compared."""
    for found in analysis.faces:
        details = face_details(found)
        # What was found may be a neighbour, who is framed already.
        if all(overlap(details["box"], face["box"]) <= SAME_PLACE for face in faces):
            return details
    return cannot_be_compared(box, NOT_FOUND)
