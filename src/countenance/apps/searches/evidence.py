"""Evidence of a case: photos that are searched with, and the copies that are made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import own_open_case
from countenance.apps.galleries.batch import face_details
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable, composed_of, record_refusal
from countenance.apps.searches import footage_queries, queries
from countenance.apps.searches.carried import carried, carry_into
from countenance.apps.searches.edits import MOST_STEPS, whole_pixels
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe, content_index
from countenance.apps.searches.queries import root_of
from countenance.errors import InputError, NotEvidence, NotPermitted, WrongState
from countenance.faces.picture import eyes_to_mouth
from countenance.faces.reel import Place, clock_words
from countenance.faces.types import Analysis
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

HIDE_ALL = -1
"""Instead of a face: none is shown clearly."""


@accountable(Action.PROBE_ADDED, deed=Deed.EVIDENCE_ADD)
def _record_probe(
    actor: Actor,
    record: Record,
    *,
    case: Case,
    upload: bytes,
    file_name: str,
    analysis: Analysis | None,
    tools: Tools,
) -> Probe:
    record.note(about=case.pk, case=case.pk)
    case = own_open_case(actor, case, today=tools.clock().date())
    if analysis is None:
        raise WrongState("The case changed a moment ago. Add the photo again.")
    return _keep(actor, record, case, upload, file_name, analysis, tools=tools)


@composed_of(_record_probe)
def add_probe(actor: Actor, *, case: Case, upload: bytes, file_name: str, tools: Tools) -> Probe:
    """Add a photo to a case as evidence and find the faces in it; no template is made.

    A photo without a face is a clear answer and is recorded: `probe.details["faces"]` is empty. The same
    photo again is the evidence that it was.

    Raises:
        CaseClosed, NotPermitted: the case is closed, or not the actor's; recorded.
        ImageRejected: this is not a photo that can be read safely.
    """
    try:
        policy.permit_deed(actor, Deed.EVIDENCE_ADD, now=tools.clock())
        policy.permit_case_member(actor, case.facts)
        policy.permit_case_work(actor, case.facts, today=tools.clock().date())
        # Before the case is locked: looking for faces takes a while.
        analysis = tools.engine.analyse(upload, templates=False)
    except NotPermitted:
        analysis = None
    return _record_probe(
        actor, case=case, upload=upload, file_name=file_name, analysis=analysis, tools=tools
    )


@accountable(Action.PROBE_DERIVED, deed=Deed.EVIDENCE_DERIVE)
def _record_derived(
    actor: Actor,
    record: Record,
    *,
    probe: Probe,
    made: bytes,
    analysis: Analysis | None,
    how: dict[str, Any],
    tools: Tools,
) -> Probe:
    record.note(about=probe.pk, case=probe.case_id, made_of=probe.pk)
    case = own_open_case(actor, probe.case, today=tools.clock().date())
    root_of(probe)
    if analysis is None:
        raise WrongState("The case changed a moment ago. Try again.")
    record.note(
        box=None if how["box"] is None else [str(side) for side in how["box"]],
        quarter_turns=how["quarter_turns"],
        brightness=how["brightness"],
        contrast=how["contrast"],
    )
    # Locked, so that no face is marked in it that the copy would lack.
    of = Probe.objects.select_for_update(no_key=True).get(pk=probe.pk)
    name = of.details["file_name"]
    return _keep(actor, record, case, made, name, analysis, of=of, how=how, tools=tools)


@composed_of(_record_derived)
def derive_probe(
    actor: Actor,
    *,
    probe: Probe,
    box: Sequence[float] | None = None,
    quarter_turns: int = 0,
    brightness: int = 0,
    contrast: int = 0,
    tools: Tools,
) -> Probe:
    """Make a copy of evidence, in the photo worker, and keep it beside what it was made of.

    Nothing is drawn in, sharpened or enlarged: pixels are left out, turned by quarters, or all made
    lighter or darker by one curve. Faces of the photo that are not found in the copy are blurred there
    beside the others, as they are in the photo.

    Args:
        actor: who asks for it.
        probe: evidence, or something made of it.
        box: x, y, width and height in pixels of the upright photo; None keeps all of it.
        quarter_turns: clockwise, after the crop; 0 to 3.
        brightness: steps up or down, at most `MOST_STEPS`.
        contrast: likewise.
        tools: engine, keys, store.

    Raises:
        InputError: nothing is changed, or too much, or a box outside of the photo.
        CaseClosed, NotPermitted: recorded.
    """
    turns = quarter_turns % 4
    if box is None and not (turns or brightness or contrast):
        raise InputError("Choose a part of the photo, how far to turn it, or another light.")
    if max(abs(brightness), abs(contrast)) > MOST_STEPS:
        raise InputError(f"At most {MOST_STEPS} steps at once, up or down.")
    part = None if box is None else whole_pixels(box, probe.details)
    how = {"box": part, "quarter_turns": turns, "brightness": brightness, "contrast": contrast}
    made, analysis = b"", None
    try:
        policy.permit_deed(actor, Deed.EVIDENCE_DERIVE, now=tools.clock())
        policy.permit_case_member(actor, probe.case.facts)
        policy.permit_case_work(actor, probe.case.facts, today=tools.clock().date())
        made = tools.engine.cut(
            queries.photo_of(probe, tools=tools),
            box=part,
            quarter_turns=turns,
            brightness=brightness,
            contrast=contrast,
        )
        analysis = tools.engine.analyse(made, templates=False)
    except NotPermitted:
        pass
    return _record_derived(actor, probe=probe, made=made, analysis=analysis, how=how, tools=tools)


@accountable(Action.PROBE_DERIVED, deed=Deed.EVIDENCE_ADD)
def _record_frame(
    actor: Actor,
    record: Record,
    *,
    footage: Footage,
    made: bytes,
    analysis: Analysis | None,
    place: Place,
    tools: Tools,
) -> Probe:
    record.note(about=footage.pk, case=footage.case_id, made_of=footage.pk)
    case = own_open_case(actor, footage.case, today=tools.clock().date())
    if analysis is None:
        raise WrongState("The case changed a moment ago. Try again.")
    record.note(frame=place.number, seconds=str(place.seconds))
    name = f"{footage.details['file_name']} at {clock_words(place.seconds)}"
    how = {"footage": str(footage.pk), **place.to_dict()}
    return _keep(actor, record, case, made, name, analysis, how=how, footage=footage, tools=tools)


@composed_of(_record_frame)
def use_frame(actor: Actor, *, footage: Footage, number: int, tools: Tools) -> Probe:
    """Take the frame of a chosen face out of a video, and keep it as a photo of the case.

    The frame is taken from the sealed video anew, pixel by pixel the one that was looked at.

    Args:
        actor: who asks for it.
        footage: evidence of a case that was looked through.
        number: of the chosen face, among all that were found.
        tools: engine, keys, store.

    Raises:
        NotFound: no such face was found.
        CaseClosed, NotPermitted: recorded.
    """
    place = footage_queries.place_of(footage_queries.sighting(footage, number))
    made, analysis = b"", None
    try:
        policy.permit_deed(actor, Deed.EVIDENCE_ADD, now=tools.clock())
        policy.permit_case_member(actor, footage.case.facts)
        policy.permit_case_work(actor, footage.case.facts, today=tools.clock().date())
        made = tools.engine.frame_of(footage_queries.video_of(footage, tools=tools), place)
        analysis = tools.engine.analyse(made, templates=False)
    except NotPermitted:
        pass
    return _record_frame(
        actor, footage=footage, made=made, analysis=analysis, place=place, tools=tools
    )


def _keep(  # noqa: PLR0917 # what a row is made of
    actor: Actor,
    record: Record,
    case: Case,
    data: bytes,
    file_name: str,
    analysis: Analysis,
    *,
    of: Probe | None = None,
    how: dict[str, Any] | None = None,
    footage: Footage | None = None,
    tools: Tools,
) -> Probe:
    """Store a photo of a case, unless the case has it already."""
    sha256 = hashlib.sha256(data).hexdigest()
    record.note(sha256=sha256)
    index = content_index(case.agency_id, case.pk, sha256)
    again = Probe.objects.filter(case=case, content_index=index).first()
    if again is not None:
        again.check_links()
        record.note(about=again.pk, again=True)
        if of is not None and how is not None:
            carry_into(again, of, how)
        return again
    probe = Probe(
        agency_id=case.agency_id,
        case=case,
        content_index=index,
        derived_from=of,
        footage=footage,
        added_by_id=actor.person,
        added_at=tools.clock(),
    )
    probe.details = {
        "file_name": file_name,
        "width": analysis.width,
        "height": analysis.height,
        "format": analysis.format,
        "bytes": len(data),
        "sha256": sha256,
        "model": tools.engine.model,
        "faces": [face_details(face) for face in analysis.faces],
        "links": probe.links,
        "how": how,
    }
    missing = [] if of is None or how is None else carried(of.details, how, probe.details)
    probe.details = {**probe.details, "faces": [*probe.details["faces"], *missing]}
    put_object(probe, data, tools=tools)
    probe.save(force_insert=True)
    record.note(
        about=probe.pk, faces=len(analysis.faces), **({"carried": len(missing)} if of else {})
    )
    return probe


@accountable(Action.PROBE_VIEWED, deed=Deed.EVIDENCE_VIEW)
def view_probe(
    actor: Actor,
    record: Record,
    *,
    probe: Probe,
    long_side: int,
    only: int | None = None,
    tools: Tools,
) -> bytes:
    """Return the probe as a JPEG to look at.

    Args:
        actor: who looks.
        record: filled in by `@accountable`.
        probe: the probe.
        long_side: pixels.
        only: the chosen face; every other face is then blurred beyond recovery. `HIDE_ALL` blurs all.
        tools: engine, keys, store.

    Raises:
        NotPermitted: its case is not the actor's to see; or a face would be seen that nobody searched for,
            after the search; or an examination is open that the actor drew.
    """
    record.note(about=probe.pk, face=only)
    permit_beside_draw(actor)
    policy.permit_own(actor, probe.agency_id)
    policy.permit_case_member(actor, probe.case.facts)
    shown = queries.faces_shown(actor, probe)
    if shown is not None and only != HIDE_ALL and only not in shown:
        raise NotPermitted(
            "A search with this photo was run. Since then everybody else in it is blurred; ask its "
            "investigator for a search if another face must be chosen.",
            rule="evidence.bystanders",
        )
    faces = probe.details["faces"]
    blur = [face["box"] for i, face in enumerate(faces) if only is not None and i != only]
    chosen = None if only is None or only == HIDE_ALL else faces[only]
    return tools.engine.render(
        get_object(probe, tools=tools),
        long_side=long_side,
        blur=blur,
        keep=None if chosen is None else eyes_to_mouth(chosen["landmarks"]),
    )


@composed_of()
def find_evidence(actor: Actor, *, case: Case, data: bytes, tools: Tools) -> Probe:
    """Return the evidence of a case that these bytes are; that somebody tried another photo is recorded.

    Raises:
        NotEvidence: the case has no such photo; recorded.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    try:
        return queries.find_evidence(case, data)
    except NotEvidence as refusal:
        record_refusal(actor, deed=Deed.SEARCH_RUN, asked="evidence", refusal=refusal, tools=tools)
        raise
