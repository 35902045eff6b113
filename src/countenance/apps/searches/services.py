"""Searches. Order: authorise, intent durable, whose face, search, outcome durable, show with receipt."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.cases.uses import count_use
from countenance.apps.galleries.grants import reading
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.locks import session_lock
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.answering import answer_requests
from countenance.apps.searches.candidates import CANDIDATES, find_candidates
from countenance.apps.searches.clock import permit_unfrozen
from countenance.apps.searches.evidence import add_probe, derive_probe, view_probe
from countenance.apps.searches.grounds import Grounds, gather, permit_one_more
from countenance.apps.searches.knowing import permit_candidates
from countenance.apps.searches.marking import mark_face
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.apps.searches.modes import setting_of
from countenance.apps.searches.several import (
    Chosen,
    Part,
    chosen_faces,
    fused,
    known_earlier,
    not_alike,
    odd_ones,
    others_of,
    parts_of,
    permit_others,
    weights_of,
)
from countenance.apps.searches.unrelated import count_people, earlier_templates, same_person
from countenance.errors import CountenanceError, NotPermitted, WrongState
from countenance.faces.types import Template
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed, SearchMode, SearchPermit
from countenance.policy.searching import permit_people
from countenance.tools import Tools

__all__ = [
    "abort_abandoned_searches",
    "abort_search",
    "add_probe",
    "conclude_search",
    "derive_probe",
    "hold_search",
    "intend_search",
    "mark_face",
    "run_search",
    "view_candidates",
    "view_probe",
]


@accountable(Action.SEARCH_INTENDED, deed=Deed.SEARCH_RUN)
def intend_search(
    actor: Actor,
    record: Record,
    *,
    search_id: UUID | None = None,
    probe: Probe,
    face: int | None,
    more: Sequence[Chosen] = (),
    galleries: Sequence[Gallery],
    reason: str,
    top: int,
    mode: SearchMode | None,
    tools: Tools,
) -> Search:
    """Put the intent to search on the ledger, durably, before the index is asked.

    Raises:
        ReasonMissing, InputError: the request is incomplete.
        CaseClosed, GalleryClosedToCase, NotPermitted: policy says no; recorded.
    """
    record.note(about=probe.pk, case=probe.case_id, probe=probe.pk, reason=reason.strip())
    grounds = gather(actor, probe=probe, galleries=galleries, tools=tools)
    now = tools.clock()
    chosen = chosen_faces(probe, face, more)
    earlier = known_earlier(chosen)
    asked: dict[str, Any] = {"reason": reason, "top": top, "earlier": earlier, "now": now}
    permit = grounds.permit(actor, **asked)
    permit_one_more(actor, grounds, galleries, now=now)
    others = permit_others(actor, grounds, chosen, galleries, asked=asked)
    face = chosen[0][1]
    # Within this transaction, so that the threshold is the one for the people who are there at the intent.
    setting = setting_of(galleries, mode, tools=tools)
    request = _request(grounds, permit, galleries, face=face, top=top) | setting.as_request()
    request |= {"model": tools.engine.model, **others_of(chosen, others)}
    authority = grounds.authority
    search = Search(
        pk=search_id or uuid4(),
        agency_id=actor.agency,
        case=grounds.locked_case,
        probe=probe,
        answers=grounds.request,
        authority_id=None if authority is None else authority.pk,
        authorise_by=permit.authorise_by,
        state=SearchState.INTENDED,
        reason=reason.strip(),
        request=request,
        asked_by_id=actor.person,
        intended_at=now,
    )
    search.save(force_insert=True)
    if authority is not None:
        count_use(authority, at=now)
    record.note(about=search.pk, face=face, galleries=request["galleries"], top=top)
    setting.note(record)
    record.note(authority=request["authority"], pack=grounds.pack, rule=permit.rule)
    record.note(authorise_by=permit.authorise_by, sections=request["sections"])
    record.note(**{key: request[key] for key in ("more",) if key in request})
    return search


def _request(
    grounds: Grounds,
    permit: SearchPermit,
    galleries: Sequence[Gallery],
    *,
    face: int | None,
    top: int,
) -> dict[str, Any]:
    """Return what is asked of the index, and under what it was permitted, as it is sealed."""
    by = permit.authorise_by
    return {
        "face": face,
        "galleries": [str(gallery.pk) for gallery in galleries],
        "top": top,
        "authority": None if grounds.authority is None else str(grounds.authority.pk),
        "authorise_by": None if by is None else by.isoformat(),
        "pack": grounds.pack,
        "sections": grounds.sections,
        "searches_today": grounds.searches_today,
    }


@accountable(Action.SEARCH_CONCLUDED, deed=None)
def conclude_search(
    actor: Actor,
    record: Record,
    *,
    search: Search,
    outcome: dict[str, Any],
    template: Template | None = None,
    tools: Tools,
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
    search.template = None if template is None else template.vector.astype("<f4").tobytes()
    search.wants_examiner = outcome["answer"] == CANDIDATES
    search.save(update_fields=("state", "outcome", "template", "ended_at", "wants_examiner"))
    answer_requests(actor, search, tools=tools)
    record.note(
        about=search.pk,
        answer=outcome["answer"],
        versions=outcome["versions"],
        candidates=[
            [one["subject"], *(f"{face['face']}:{face['similarity']:.6f}" for face in one["faces"])]
            for one in outcome["candidates"]
        ],
    )
    if several := [one for one in outcome["candidates"] if one.get("fused", 1) > 1]:
        record.note(
            fused=[[one["subject"], f"{one['similarity']:.6f}", one["fused"]] for one in several]
        )
    if "photos" in outcome:
        record.note(
            photos=[[p["probe"], p["face"], f"{p['weight']:.4f}"] for p in outcome["photos"]]
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


@accountable(Action.SEARCH_HELD, deed=None)
def hold_search(
    actor: Actor,
    record: Record,
    *,
    search: Search,
    refusal: NotPermitted,
    facts: dict[str, Any],
    tools: Tools,
) -> Search:
    """End a search before the index is asked, because of whose face it is; it counts as a search.

    Raises:
        WrongState: it has ended already.
    """
    record.note(about=search.pk, case=search.case_id, why=refusal.code, rule=refusal.rule, **facts)
    search = _intended(search)
    search.state, search.ended_at = SearchState.ABORTED, tools.clock()
    search.request = {**search.request, "held": refusal.rule}
    search.save(update_fields=("state", "request", "ended_at"))
    return search


@composed_of(intend_search, hold_search, conclude_search, abort_search)
def run_search(
    actor: Actor,
    *,
    probe: Probe,
    face: int | None,
    more: Sequence[Chosen] = (),
    galleries: Sequence[Gallery],
    reason: str,
    top: int = policy.DEFAULT_CANDIDATES,
    mode: SearchMode | None = None,
    tools: Tools,
) -> Search:
    """Search galleries for one person and return the concluded search.

    Args:
        actor: an examiner who neither added the photo nor asked for the search.
        probe: evidence that a search was asked for, or a copy that was made of it.
        face: which face of it, from 0; may be None if there is exactly one, or none at all.
        more: the same person in other photos of the case; a search was asked for with each. Their templates
            are fused into one, the better ones with more weight.
        galleries: where to search; nothing outside them is looked at.
        reason: why, in words.
        top: how many subjects at most, 1 to 50.
        mode: whether nobody below the galleries' operating point is returned, or a list in any case. None:
            the former, if all of them have one.
        tools: engine, keys, store, shelf, clock.

    Raises:
        ReasonMissing, InputError, CaseClosed, GalleryClosedToCase, NotPermitted: before any search.
        UnrelatedFace: the face is none of the case's people; recorded, nothing was compared.
        NotAlike: the photos are not of one person; recorded, nothing was compared.
        WrongState, Unavailable, TamperDetected: the search was aborted; nothing is shown.
    """
    search_id = uuid4()
    # One search of a case at a time: the next one is compared with the faces of those before it.
    with (
        session_lock(probe.case_id, wait=True),
        session_lock(search_id, wait=False),
        reading(actor, galleries, tools=tools) as opened,
    ):
        search = intend_search(
            actor,
            search_id=search_id,
            probe=probe,
            face=face,
            more=more,
            galleries=galleries,
            reason=reason,
            top=top,
            mode=mode,
            tools=opened,
        )
        try:
            return _answered(actor, search, galleries, tools=opened)
        except Exception as error:
            why = error.code if isinstance(error, CountenanceError) else "internal error"
            # What made it fail may make this fail too; then the next start closes it. A held one has ended.
            with suppress(CountenanceError, DatabaseError, OSError):
                abort_search(actor, search=search, why=why, tools=opened)
            raise


def _answered(
    actor: Actor, search: Search, galleries: Sequence[Gallery], *, tools: Tools
) -> Search:
    """Ask the index and conclude, once the face itself is permitted."""
    parts = parts_of(search, tools=tools)
    template = fused(parts)
    if template is not None:
        _permit_face(actor, search, galleries, parts, tools=tools)
    outcome = find_candidates(search, galleries, template, tools=tools) | weights_of(parts)
    return conclude_search(actor, search=search, outcome=outcome, template=template, tools=tools)


def _permit_face(
    actor: Actor,
    search: Search,
    galleries: Sequence[Gallery],
    parts: Sequence[Part],
    *,
    tools: Tools,
) -> None:
    """Permit the face that turned up, before the index is asked: now it is known whose it may be.

    Raises:
        NotAlike: its photos are not of one person; held, if they are of more than the case is for.
        UnrelatedFace: with it, the case would be about more people than it is for.
        NotPermitted: policy allows no further search for this person.
    """
    earlier, odd = earlier_templates(search), odd_ones(parts)
    people = count_people([*earlier, *(part.template.vector for part in parts)])
    again = max(same_person(part.template, earlier) for part in parts)
    facts = {"people": people, "earlier": again} | ({"odd": odd} if odd else {})
    try:
        case = Case.objects.get(pk=search.case_id)
        case.check_links()
        permit_people(people, about=case.people)
        if again:
            grounds = gather(
                actor, probe=search.probe, galleries=galleries, lock=False, tools=tools
            )
            # As it was at the intent, which was counted meanwhile.
            grounds.before(search).permit(
                actor,
                reason=search.reason,
                top=search.request["top"],
                earlier=again,
                now=search.intended_at,
            )
    except NotPermitted as refusal:
        hold_search(actor, search=search, refusal=refusal, facts=facts, tools=tools)
        if odd:
            raise not_alike(odd, len(parts)) from refusal
        raise
    if odd:
        raise not_alike(odd, len(parts))


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

    The entry of whoever examined it is about their examination: those about the search are of onlookers.

    Raises:
        NotPermitted: the search is another agency's, or not examined yet as it must be.
        WrongState: it has no outcome.
    """
    record.note(about=search.pk)
    if actor != SYSTEM:
        policy.permit_own(actor, search.agency_id)
    search = Search.objects.select_for_update(no_key=True).get(pk=search.pk)
    if search.state != SearchState.CONCLUDED:
        raise WrongState("This search has no outcome.")
    permit_unfrozen(search, now=tools.clock())
    known = permit_candidates(actor, search, tools=tools)
    record.note(about=known.examination or search.pk, search=search.pk)
    return search


def _intended(search: Search) -> Search:
    locked = Search.objects.select_for_update(no_key=True).get(pk=search.pk)
    if locked.state != SearchState.INTENDED:
        raise WrongState("This search has ended already.")
    return locked
