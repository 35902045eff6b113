"""Requests for searches: an investigator asks, an examiner who is somebody else runs or declines."""

from __future__ import annotations

from collections.abc import Sequence

from countenance import policy
from countenance.apps.cases.uses import own_open_case
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.services import Record, accountable
from countenance.apps.searches.models import Probe, RequestState, SearchRequest
from countenance.apps.searches.queries import root_of
from countenance.errors import InputError, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.searching import permit_asker
from countenance.tools import Tools


@accountable(Action.SEARCH_ASKED, deed=Deed.SEARCH_ASK)
def ask_for_search(
    actor: Actor,
    record: Record,
    *,
    probe: Probe,
    reason: str,
    galleries: Sequence[Gallery],
    tools: Tools,
) -> SearchRequest:
    """Ask for a search with evidence of a case; an examiner runs it.

    Args:
        actor: an investigator of the case.
        record: filled in by `@accountable`.
        probe: the evidence, or a crop or rotation of it: the request is for all of these.
        reason: why this person is searched for, in words.
        galleries: where; the examiner looks nowhere else.
        tools: clock, keys.

    Raises:
        ReasonMissing, InputError: it is not said why, or where.
        CaseClosed, NotPermitted, NotEvidence: recorded.
        WrongState: a request for this photo waits already.
    """
    record.note(about=probe.pk, case=probe.case_id, reason=reason.strip())
    case = own_open_case(actor, probe.case, today=tools.clock().date())
    root = root_of(probe)
    policy.permit_reason(reason)
    if not galleries:
        raise InputError("Choose at least one gallery.")
    if SearchRequest.objects.filter(probe=root, state=RequestState.WAITING).exists():
        raise WrongState("A request for this photo waits already.")
    request = SearchRequest(
        agency_id=actor.agency,
        case=case,
        probe=root,
        wishes={
            "reason": reason.strip(),
            "galleries": [str(gallery.pk) for gallery in galleries],
            "probe": str(root.pk),
            "asked_by": str(actor.person),
        },
        asked_by_id=actor.person,
        asked_at=tools.clock(),
        state=RequestState.WAITING,
    )
    request.save(force_insert=True)
    record.note(about=request.pk, probe=root.pk, galleries=request.wishes["galleries"])
    return request


@accountable(Action.SEARCH_DECLINED, deed=Deed.SEARCH_DECLINE)
def decline_request(
    actor: Actor, record: Record, *, request: SearchRequest, reason: str, tools: Tools
) -> SearchRequest:
    """Decline a request, with a reason that its asker reads.

    Raises:
        ReasonMissing: why is not said.
        SamePerson: it is the actor's own; whoever asked withdraws it.
        WrongState: it does not wait any more.
    """
    record.note(about=request.pk, reason=reason.strip())
    policy.permit_own(actor, request.agency_id)
    policy.permit_other(actor, request.asked_by_id, said="This request is yours: withdraw it.")
    policy.permit_reason(reason)
    return _end(actor, request, RequestState.DECLINED, reason, tools=tools)


@accountable(Action.SEARCH_DECLINED, deed=Deed.SEARCH_ASK)
def withdraw_request(
    actor: Actor, record: Record, *, request: SearchRequest, tools: Tools
) -> SearchRequest:
    """Take back a request of one's own.

    Raises:
        NotPermitted: it is somebody else's.
        WrongState: it does not wait any more.
    """
    record.note(about=request.pk, withdrawn=True)
    permit_asker(actor, request.asked_by_id)
    return _end(actor, request, RequestState.WITHDRAWN, "", tools=tools)


def _end(
    actor: Actor, request: SearchRequest, state: RequestState, reason: str, *, tools: Tools
) -> SearchRequest:
    request = SearchRequest.objects.select_for_update(no_key=True).get(pk=request.pk)
    request.check_links()
    if request.state != RequestState.WAITING:
        raise WrongState("This request does not wait any more.")
    request.state, request.answered_at = state, tools.clock()
    request.answer = {"by": str(actor.person), "reason": reason.strip()}
    request.save(update_fields=("state", "answer", "answered_at"))
    return request
