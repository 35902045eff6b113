"""What services of examinations do inside their transactions: lock rows in one order, and judge them.

The order is case, search, authority, examination, comparison; a purge goes the same way.
"""

from __future__ import annotations

from typing import Any

from countenance import policy
from countenance.apps.examinations import queries
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.permits import permit_examiner
from countenance.apps.records.services import Record
from countenance.apps.searches.clock import permit_unfrozen
from countenance.apps.searches.models import Search
from countenance.errors import NotFound, NotPermitted, SealBroken, SearchFrozen, WrongState
from countenance.policy import Actor
from countenance.tools import Tools


def lock_search(actor: Actor, search: Search, *, tools: Tools) -> Search:
    """Lock a search and return it, if it is the actor's agency's and what it found can be seen."""
    policy.permit_own(actor, search.agency_id)
    locked = Search.objects.select_for_update(no_key=True).get(pk=search.pk)
    permit_unfrozen(locked, now=tools.clock())
    return locked


def require_candidates(search: Search) -> None:
    """Raise WrongState for a search that returned nobody who can be examined."""
    if not queries.has_candidates(search):
        raise WrongState("This search returned no candidates to examine.")


def require_wanted(actor: Actor, search: Search, *, tools: Tools) -> None:
    """Permit an examiner whom a locked search needs.

    Raises:
        WrongState: it returned nobody, was closed, or has its examiners.
        NotPermitted: the actor had a part in it, or nobody disagrees.
    """
    require_candidates(search)
    permit_examiner(actor, search, today=tools.clock().date())


def probe_of(search: Search) -> dict[str, Any]:
    """Return which photos are the probe of a search, and which face of each, as an examination names them."""
    first = {"probe": str(search.probe_id), "face": search.request["face"]}
    more = [
        {"probe": other["probe"], "face": other["face"]} for other in search.request.get("more", ())
    ]
    return {**first, "more": more} if more else first


def own(
    actor: Actor, record: Record, one: Examination, *, frozen_too: bool = False, tools: Tools
) -> Examination:
    """Lock one's own examination, after its search, which must not be frozen or altered, unless it may be too.

    For a control the search in whose place it is is locked and judged too, so that it takes as long.

    Raises:
        NotPermitted: it is somebody else's.
        SearchFrozen: its authority was refused, or did not come in time.
        SealBroken: somebody altered its search.
    """
    record.note(about=one.pk)
    _lock_search_of(actor, one, frozen_too=frozen_too, tools=tools)
    found = locked(one)
    if found.examiner_id != actor.person or found.agency_id != actor.agency:
        raise NotPermitted("This is somebody else's examination.", rule="examination.own_only")
    return found


def _lock_search_of(actor: Actor, one: Examination, *, frozen_too: bool, tools: Tools) -> None:
    search = Search.objects.get(pk=one.place_of)
    try:
        lock_search(actor, search, tools=tools)
    except (SearchFrozen, SealBroken):
        if one.search_id is not None and not frozen_too:
            raise


def locked(one: Examination) -> Examination:
    """Lock an examination and return it as it is now.

    Raises:
        NotFound: it was destroyed meanwhile.
    """
    found = Examination.objects.select_for_update(no_key=True).filter(pk=one.pk).first()
    if found is None:
        raise NotFound("There is no such examination any more.")
    found.check_links()
    return found


def own_open(
    actor: Actor, record: Record, one: Examination, *, frozen_too: bool = False, tools: Tools
) -> Examination:
    """Lock one's own examination, which must be open.

    Raises:
        WrongState: it is over.
    """
    found = own(actor, record, one, frozen_too=frozen_too, tools=tools)
    if found.state != ExaminationState.OPEN:
        raise WrongState("This examination is over; what it recorded stays as it is.")
    return found


def own_unsaid(actor: Actor, record: Record, one: Comparison, *, tools: Tools) -> Comparison:
    """Lock a comparison of one's own open examination that has no conclusion yet.

    Raises:
        WrongState: the probe was not analysed yet, or it is concluded.
    """
    examination = own_open(actor, record, one.examination, tools=tools)
    record.note(about=one.pk, examination=examination.pk)
    if examination.analysis is None:
        raise WrongState("Write down first what the probe shows; then its candidates can be seen.")
    found = Comparison.objects.select_for_update(no_key=True).get(pk=one.pk)
    found.check_links()
    if found.said is not None:
        raise WrongState("This conclusion is recorded; it stays as it is.")
    found.examination = examination
    return found
