"""Evidence of a case: photos that are searched with, and crops and rotations that are made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import own_open_case
from countenance.apps.galleries.batch import face_details
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable, composed_of, record_refusal
from countenance.apps.searches import queries
from countenance.apps.searches.models import Probe, content_index
from countenance.apps.searches.queries import root_of
from countenance.errors import InputError, NotEvidence, NotPermitted, WrongState
from countenance.faces.types import Analysis
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

Box = tuple[int, int, int, int]


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
    )
    name = probe.details["file_name"]
    return _keep(actor, record, case, made, name, analysis, of=probe, how=how, tools=tools)


@composed_of(_record_derived)
def derive_probe(
    actor: Actor,
    *,
    probe: Probe,
    box: Sequence[float] | None = None,
    quarter_turns: int = 0,
    tools: Tools,
) -> Probe:
    """Make a crop or a rotation of evidence, in the photo worker, and keep it beside what it was made of.

    Nothing is drawn in, sharpened or enlarged: pixels are left out, or turned by quarters.

    Args:
        actor: who asks for it.
        probe: evidence, or something made of it.
        box: x, y, width and height in pixels of the upright photo; None keeps all of it.
        quarter_turns: clockwise, after the crop; 0 to 3.
        tools: engine, keys, store.

    Raises:
        InputError: neither a crop nor a rotation, or a box outside of the photo.
        CaseClosed, NotPermitted: recorded.
    """
    if box is None and quarter_turns % 4 == 0:
        raise InputError("Choose a part of the photo, or how far to turn it.")
    part = None if box is None else _checked(box, probe)
    turns = quarter_turns % 4
    how = {"box": part, "quarter_turns": turns}
    made, analysis = b"", None
    try:
        policy.permit_deed(actor, Deed.EVIDENCE_DERIVE, now=tools.clock())
        policy.permit_case_member(actor, probe.case.facts)
        policy.permit_case_work(actor, probe.case.facts, today=tools.clock().date())
        made = tools.engine.cut(queries.photo_of(probe, tools=tools), box=part, quarter_turns=turns)
        analysis = tools.engine.analyse(made, templates=False)
    except NotPermitted:
        pass
    return _record_derived(actor, probe=probe, made=made, analysis=analysis, how=how, tools=tools)


def _checked(box: Sequence[float], probe: Probe) -> Box:
    """Return the part of a box that lies in the photo, to whole pixels."""
    x, y, width, height = box
    left, top = max(0, round(x)), max(0, round(y))
    right = min(int(probe.details["width"]), round(x + width))
    bottom = min(int(probe.details["height"]), round(y + height))
    if right <= left or bottom <= top:
        raise InputError("This part lies outside of the photo.")
    return left, top, right - left, bottom - top


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
    tools: Tools,
) -> Probe:
    """Store a photo of a case, unless the case has it already."""
    sha256 = hashlib.sha256(data).hexdigest()
    index = content_index(case.agency_id, case.pk, sha256)
    again = Probe.objects.filter(case=case, content_index=index).first()
    if again is not None:
        again.check_links()
        record.note(about=again.pk, again=True)
        return again
    probe = Probe(
        agency_id=case.agency_id,
        case=case,
        content_index=index,
        derived_from=of,
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
    put_object(probe, data, tools=tools)
    probe.save(force_insert=True)
    record.note(about=probe.pk, faces=len(analysis.faces))
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
        only: the chosen face; every other face is then blurred beyond recovery.
        tools: engine, keys, store.

    Raises:
        NotPermitted: its case is not the actor's to see.
    """
    record.note(about=probe.pk, face=only)
    policy.permit_own(actor, probe.agency_id)
    policy.permit_case_member(actor, probe.case.facts)
    faces = probe.details["faces"]
    blur = [face["box"] for i, face in enumerate(faces) if only is not None and i != only]
    return tools.engine.render(get_object(probe, tools=tools), long_side=long_side, blur=blur)


@composed_of()
def find_evidence(actor: Actor, *, case: Case, data: bytes, tools: Tools) -> Probe:
    """Return the evidence of a case that these bytes are; that somebody tried another photo is recorded.

    Raises:
        NotEvidence: the case has no such photo; recorded.
    """
    try:
        return queries.find_evidence(case, data)
    except NotEvidence as refusal:
        record_refusal(actor, deed=Deed.SEARCH_RUN, asked="evidence", refusal=refusal, tools=tools)
        raise
