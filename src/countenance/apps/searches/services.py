"""Probes and searches. Order: authorise, intent durable, search, outcome durable, show with receipt."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.galleries.batch import face_details
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.locks import session_lock
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.candidates import find_candidates
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import CaseClosed, CountenanceError, InputError, NotPermitted, WrongState
from countenance.faces.types import Analysis
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


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
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    _permit_probe(actor, case)
    if analysis is None:
        raise WrongState("The case changed a moment ago. Add the photo again.")
    probe = Probe(
        agency_id=actor.agency,
        case=case,
        details={
            "file_name": file_name,
            "width": analysis.width,
            "height": analysis.height,
            "format": analysis.format,
            "bytes": len(upload),
            "model": tools.engine.model,
            "faces": [face_details(face) for face in analysis.faces],
        },
        added_by_id=actor.person,
        added_at=tools.clock(),
    )
    put_object(probe, upload, tools=tools)
    probe.save(force_insert=True)
    record.note(about=probe.pk, faces=len(analysis.faces))
    return probe


@composed_of(_record_probe)
def add_probe(actor: Actor, *, case: Case, upload: bytes, file_name: str, tools: Tools) -> Probe:
    """Add a photo to a case as a probe and find the faces in it; no template is made.

    A photo without a face is a clear answer and is recorded: `probe.details["faces"]` is empty.

    Raises:
        CaseClosed, NotPermitted: the case is closed, or another agency's; recorded.
        ImageRejected: this is not a photo that can be read safely.
    """
    try:
        _permit_probe(actor, case)
        # Before the case is locked: looking for faces takes a while.
        analysis = tools.engine.analyse(upload, templates=False)
    except NotPermitted:
        analysis = None
    return _record_probe(
        actor, case=case, upload=upload, file_name=file_name, analysis=analysis, tools=tools
    )


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
    """
    record.note(about=probe.pk, face=only)
    policy.permit_own(actor, probe.agency_id)
    faces = probe.details["faces"]
    blur = [face["box"] for i, face in enumerate(faces) if only is not None and i != only]
    return tools.engine.render(get_object(probe, tools=tools), long_side=long_side, blur=blur)


@accountable(Action.SEARCH_INTENDED, deed=Deed.SEARCH_RUN)
def intend_search(
    actor: Actor,
    record: Record,
    *,
    search_id: UUID | None = None,
    probe: Probe,
    face: int | None,
    galleries: Sequence[Gallery],
    reason: str,
    top: int,
    threshold: float | None,
    tools: Tools,
) -> Search:
    """Put the intent to search on the ledger, durably, before the index is asked.

    Raises:
        ReasonMissing, InputError: the request is incomplete.
        CaseClosed, GalleryClosedToCase, NotPermitted: policy says no; recorded.
    """
    case = Case.objects.select_for_update(no_key=True).get(pk=probe.case_id)
    record.note(about=probe.pk, case=case.pk, probe=probe.pk, reason=reason.strip())
    policy.permit_search(
        actor,
        case=case.facts,
        galleries=[gallery.facts for gallery in galleries],
        reason=reason,
        top=top,
    )
    faces = len(probe.details["faces"])
    if face is None and faces == 1:
        face = 0
    if faces and (face is None or not 0 <= face < faces):
        raise InputError(f"Choose one of the {faces} faces in the probe.", faces=faces)
    if threshold is not None and not -1 <= threshold <= 1:
        raise InputError("A similarity lies between -1 and 1.")
    request: dict[str, Any] = {
        "face": face if faces else None,
        "galleries": [str(gallery.pk) for gallery in galleries],
        "top": top,
        "threshold": threshold,
        "model": tools.engine.model,
    }
    search = Search(
        pk=search_id or uuid4(),
        agency_id=actor.agency,
        case=case,
        probe=probe,
        state=SearchState.INTENDED,
        reason=reason.strip(),
        request=request,
        asked_by_id=actor.person,
        intended_at=tools.clock(),
    )
    search.save(force_insert=True)
    record.note(about=search.pk, face=face, galleries=request["galleries"], top=top)
    record.note(threshold=None if threshold is None else f"{threshold:.6f}")
    return search


@accountable(Action.SEARCH_CONCLUDED, deed=None)
def conclude_search(
    actor: Actor, record: Record, *, search: Search, outcome: dict[str, Any], tools: Tools
) -> Search:
    """Put the outcome on the ledger, durably, before anything is shown.

    Raises:
        WrongState: the search was aborted meanwhile; its outcome is not shown.
    """
    search = _intended(search)
    search.state, search.outcome, search.ended_at = (
        SearchState.CONCLUDED,
        outcome,
        tools.clock(),
    )
    search.save(update_fields=("state", "outcome", "ended_at"))
    record.note(
        about=search.pk,
        answer=outcome["answer"],
        versions=outcome["versions"],
        candidates=[
            [one["subject"], *(f"{face['face']}:{face['similarity']:.6f}" for face in one["faces"])]
            for one in outcome["candidates"]
        ],
    )
    return search


@accountable(Action.SEARCH_ABORTED, deed=None)
def abort_search(actor: Actor, record: Record, *, search: Search, why: str, tools: Tools) -> Search:
    """End a search that has no outcome; it stays on the ledger and counts as a search.

    Raises:
        WrongState: it has ended already.
    """
    record.note(about=search.pk, why=why)
    search = _intended(search)
    search.state, search.ended_at = SearchState.ABORTED, tools.clock()
    search.save(update_fields=("state", "ended_at"))
    return search


@composed_of(intend_search, conclude_search, abort_search)
def run_search(
    actor: Actor,
    *,
    probe: Probe,
    face: int | None,
    galleries: Sequence[Gallery],
    reason: str,
    top: int = policy.DEFAULT_CANDIDATES,
    threshold: float | None = None,
    tools: Tools,
) -> Search:
    """Search galleries for one face of a probe and return the concluded search.

    Args:
        actor: who searches.
        probe: the photo.
        face: which face of it, from 0; may be None if there is exactly one, or none at all.
        galleries: where to search; nothing outside them is looked at.
        reason: why, in words.
        top: how many subjects at most, 1 to 50.
        threshold: leave out subjects below this similarity. None: a list is returned even if the
            person is not there (investigation).
        tools: engine, keys, store, shelf, clock.

    Raises:
        ReasonMissing, InputError, CaseClosed, GalleryClosedToCase, NotPermitted: before any search.
        WrongState, Unavailable, TamperDetected: the search was aborted; nothing is shown.
    """
    search_id = uuid4()
    with session_lock(search_id, wait=False):
        search = intend_search(
            actor,
            search_id=search_id,
            probe=probe,
            face=face,
            galleries=galleries,
            reason=reason,
            top=top,
            threshold=threshold,
            tools=tools,
        )
        try:
            outcome = find_candidates(search, galleries, tools=tools)
            return conclude_search(actor, search=search, outcome=outcome, tools=tools)
        except Exception as error:
            why = error.code if isinstance(error, CountenanceError) else "internal error"
            # What made it fail may make this fail too; then the next start closes the search.
            with suppress(CountenanceError, DatabaseError, OSError):
                abort_search(actor, search=search, why=why, tools=tools)
            raise


@composed_of(abort_search)
def abort_abandoned_searches(actor: Actor, *, tools: Tools) -> int:
    """Close intents whose process is gone, and return how many; called at start.

    A search in hand holds a database lock for as long as its process lives, so one that is still
    running elsewhere is left alone.
    """
    closed = 0
    for search in Search.objects.filter(state=SearchState.INTENDED):
        with session_lock(search.pk, wait=False) as free:
            if not free:
                continue
            search.refresh_from_db()
            if search.state == SearchState.INTENDED:
                abort_search(actor, search=search, why="abandoned", tools=tools)
                closed += 1
    return closed


@accountable(Action.CANDIDATES_VIEWED, deed=Deed.CANDIDATES_VIEW)
def view_candidates(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Record that the candidates of a search are looked at; show them only after this returned.

    Raises:
        NotPermitted: the search is another agency's.
        WrongState: it has no outcome.
    """
    record.note(about=search.pk)
    policy.permit_own(actor, search.agency_id)
    if search.state != SearchState.CONCLUDED:
        raise WrongState("This search has no outcome.")
    return search


def _intended(search: Search) -> Search:
    locked = Search.objects.select_for_update(no_key=True).get(pk=search.pk)
    if locked.state != SearchState.INTENDED:
        raise WrongState("This search has ended already.")
    return locked


def _permit_probe(actor: Actor, case: Case) -> None:
    policy.permit_own(actor, case.agency_id)
    if case.closed_at is not None:
        raise CaseClosed("The case is closed; a probe needs an open case.")
