"""Videos as evidence: sealed to their case, looked through by a job, stopped on request.

Nothing is searched with a video. Somebody chooses a frame of it (`evidence.use_frame`), which becomes a
photo of the case like any other; the frame's place and hash say which it is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import own_open_case
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.records.objects import put_object
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches import footage_queries
from countenance.apps.searches.footage_rows import Footage, FootageState
from countenance.apps.searches.models import content_index
from countenance.errors import InputError, WrongState
from countenance.faces.reel import Group, Reel, VideoLimits, check_bytes
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

ASK_EVERY = 1.0
"""Seconds between two looks at whether somebody stopped it."""

GAVE_UP = (
    "The program failed at it more than once; the custodian can see why in its log. The video is kept. Add it "
    "again to have it looked through once more."
)

_progress: dict[UUID, float] = {}


class _Stopped(Exception):
    """Somebody stopped it."""


@accountable(Action.FOOTAGE_ADDED, deed=Deed.EVIDENCE_ADD)
def add_footage(
    actor: Actor, record: Record, *, case: Case, upload: bytes, file_name: str, tools: Tools
) -> Footage:
    """Add a video to a case as evidence; a job looks through it (`look_through`), which the caller asks for.

    The same video again is the evidence that it was; if looking through it had failed or was stopped, it
    waits for that again.

    Raises:
        CaseClosed, NotPermitted: the case is closed, or not the actor's; recorded.
        VideoRejected: it is too large, or no video at all.
    """
    record.note(about=case.pk, case=case.pk)
    case = own_open_case(actor, case, today=tools.clock().date())
    check_bytes(upload, VideoLimits())
    sha256 = hashlib.sha256(upload).hexdigest()
    index = content_index(case.agency_id, case.pk, sha256)
    again = Footage.objects.filter(case=case, content_index=index).first()
    if again is not None:
        again.check_links()
        record.note(about=again.pk, again=True)
        if again.state in {FootageState.FAILED, FootageState.CANCELLED}:
            again.state, again.found, again.ended_at = FootageState.WAITING, None, None
            again.save(update_fields=("state", "found", "ended_at"))
        return again
    footage = Footage(
        agency_id=case.agency_id,
        case=case,
        content_index=index,
        state=FootageState.WAITING,
        added_by_id=actor.person,
        added_at=tools.clock(),
    )
    footage.details = {
        "file_name": file_name,
        "bytes": len(upload),
        "sha256": sha256,
        "links": footage.links,
    }
    put_object(footage, upload, tools=tools)
    footage.save(force_insert=True)
    record.note(about=footage.pk, sha256=sha256)
    return footage


@accountable(Action.FOOTAGE_ENDED, deed=Deed.EVIDENCE_ADD)
def cancel_footage(actor: Actor, record: Record, *, footage: Footage, tools: Tools) -> Footage:
    """Stop looking through a video; the video stays evidence, and can be added again.

    Raises:
        CaseClosed, NotPermitted: the case is closed, or not the actor's; recorded.
        WrongState: it has ended already.
    """
    record.note(about=footage.pk, case=footage.case_id)
    own_open_case(actor, footage.case, today=tools.clock().date())
    return _end(record, footage, FootageState.CANCELLED, {}, b"", tools=tools)


# Ending one needs no role: it is a part of adding it, which was judged then.
@accountable(Action.FOOTAGE_ENDED, deed=None)
def _record_end(
    actor: Actor,
    record: Record,
    *,
    footage: Footage,
    state: FootageState,
    found: dict[str, Any],
    crops: bytes,
    tools: Tools,
) -> Footage:
    record.note(about=footage.pk, case=footage.case_id)
    policy.permit_own(actor, footage.agency_id)
    return _end(record, footage, state, found, crops, tools=tools)


@composed_of(_record_end)
def look_through(actor: Actor, *, footage: Footage, tools: Tools) -> Footage:
    """Find the faces in a video, and keep where each is seen best; no template is kept.

    A video that cannot be read is a clear answer and is recorded. If somebody stops it meanwhile, it ends
    at once, and nothing is kept.
    """
    if footage.state != FootageState.WAITING:
        return footage
    found, crops, state = {"problem": _why_not(footage, tools=tools)}, b"", FootageState.FAILED
    try:
        if not found["problem"]:
            reel = tools.engine.look_through(
                footage_queries.video_of(footage, tools=tools), notify=_notify(footage.pk)
            )
            state = FootageState.DONE
            found, crops = _found(reel)
    except InputError as error:
        found["problem"] = error.detail
    except _Stopped:
        footage.refresh_from_db()
        return footage
    finally:
        _progress.pop(footage.pk, None)
    try:
        return _record_end(
            actor, footage=footage, state=state, found=found, crops=crops, tools=tools
        )
    except WrongState:
        # Stopped at the last moment.
        footage.refresh_from_db()
        return footage


@composed_of(_record_end)
def give_up(actor: Actor, *, footage: Footage, tools: Tools) -> Footage:
    """End a video that the program failed to look through again and again, so that nobody waits for it."""
    found = {"problem": GAVE_UP}
    return _record_end(
        actor, footage=footage, state=FootageState.FAILED, found=found, crops=b"", tools=tools
    )


@accountable(Action.FOOTAGE_VIEWED, deed=Deed.EVIDENCE_VIEW)
def view_footage(actor: Actor, record: Record, *, footage: Footage, tools: Tools) -> None:
    """Record that the faces found in a video are looked at, as on one page.

    Raises:
        NotPermitted: its case is not the actor's to see, or an examination is open that they drew.
    """
    record.note(about=footage.pk, faces=len(footage_queries.sightings(footage)))
    permit_beside_draw(actor)
    policy.permit_own(actor, footage.agency_id)
    policy.permit_case_member(actor, footage.case.facts)


@composed_of()
def progress_of(footage: Footage) -> float | None:
    """Return which share of a video was looked through; None while it waits for its turn.

    Kept in memory: one process serves the web and works off the queue, and a restart begins anew.
    """
    return _progress.get(footage.pk)


def _notify(footage_id: UUID) -> Callable[[float], None]:
    """Return what the engine calls: it keeps the progress, and stops if somebody asked for that."""
    asked = time.monotonic()

    def notify(done: float) -> None:
        nonlocal asked
        _progress[footage_id] = done
        if time.monotonic() - asked < ASK_EVERY:
            return
        asked = time.monotonic()
        waits = Footage.objects.filter(pk=footage_id, state=FootageState.WAITING, purged_at=None)
        if not waits.exists():
            raise _Stopped

    _progress[footage_id] = 0.0
    return notify


def _why_not(footage: Footage, *, tools: Tools) -> str:
    """Return why a video is not looked through any more; empty if it may be."""
    if footage.added_by.suspended or footage.case.agency.suspended:
        return "Whoever added it was suspended before it was looked through."
    if footage.case.closed_at is not None:
        return "The case was closed before it was looked through."
    return ""


def _end(
    record: Record,
    footage: Footage,
    state: FootageState,
    found: dict[str, Any],
    crops: bytes,
    *,
    tools: Tools,
) -> Footage:
    footage = (
        Footage.objects.select_for_update(no_key=True, of=("self",))
        .select_related("case")
        .get(pk=footage.pk)
    )
    if footage.state != FootageState.WAITING or footage.purged_at is not None:
        raise WrongState("This video was looked through already, or that was stopped.")
    footage.state, footage.ended_at = state, tools.clock()
    footage.found, footage.crops = found or None, crops or None
    footage.save(update_fields=("state", "ended_at", "found", "crops"))
    record.note(why=str(state), groups=len(found.get("groups", ())))
    return footage


def _found(reel: Reel) -> tuple[dict[str, Any], bytes]:
    """Return what is kept of a reel, and the crops one after the other."""
    found = {
        "width": reel.width,
        "height": reel.height,
        "seconds": reel.seconds,
        "codec": reel.codec,
        "looked_at": reel.looked_at,
        "complete": reel.complete,
        "left_out": reel.left_out,
        "unclear": reel.unclear,
        "groups": [_group(group) for group in reel.groups],
    }
    crops = b"".join(one.crop for group in reel.groups for one in group.best)
    return found, crops


def _group(group: Group) -> dict[str, Any]:
    return {
        "first": group.first,
        "last": group.last,
        "seen": group.seen,
        "best": [
            {
                "place": one.place.to_dict(),
                "box": [round(side, 1) for side in one.face.box],
                "quality": {
                    "gate": one.quality.gate.value,
                    "reason": one.quality.reason,
                    "eye_distance": one.quality.eye_distance,
                    "yaw": one.quality.yaw,
                    "pitch": one.quality.pitch,
                    "roll": one.quality.roll,
                    "sharpness": one.quality.sharpness,
                    "brightness": one.quality.brightness,
                    "contrast": one.quality.contrast,
                },
                "crop": len(one.crop),
            }
            for one in group.best
        ],
    }
