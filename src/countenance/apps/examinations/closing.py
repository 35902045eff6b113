"""Closing a search by hand: somebody says why nothing more is done with it."""

from __future__ import annotations

from countenance.apps.examinations import queries
from countenance.apps.examinations.locking import lock_search, locked
from countenance.apps.examinations.models import Closing, ExaminationState
from countenance.apps.examinations.permits import facts_of, standings_of
from countenance.apps.examinations.queueing import requeue
from countenance.apps.examinations.rows import end
from countenance.apps.examinations.standings import is_settled
from countenance.apps.records.services import Record, accountable
from countenance.apps.searches.models import Search
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.examining import permit_close_search, permit_closer
from countenance.tools import Tools


@accountable(Action.SEARCH_CLOSED, deed=Deed.SEARCH_CLOSE)
def close_search(
    actor: Actor, record: Record, *, search: Search, reason: str, tools: Tools
) -> Closing:
    """Close a search with which not all is done; why is said. Examinations of it that are still open end.

    Raises:
        ReasonMissing: why is not said. It is asked of everybody, so that it tells nothing of others.
        NotPermitted: neither a supervisor nor whoever ran it; recorded.
        WrongState: it was closed already, or returned nobody.
        SearchFrozen: what it found cannot be seen any more; recorded.
    """
    record.note(about=search.pk, reason=reason.strip())
    permit_closer(actor, agency=search.agency_id, ran_by=search.asked_by_id)
    search = lock_search(actor, search, tools=tools)
    if not queries.has_candidates(search):
        raise WrongState("This search returned no candidates, so there is nothing to close.")
    facts = facts_of(search, today=tools.clock().date())
    permit_close_search(actor, facts, reason=reason)
    compared = is_settled(standings_of(search))
    for one in search.examinations.filter(state=ExaminationState.OPEN):
        end(locked(one), "The search was closed.", tools=tools)
    closing = Closing(
        search=search, agency_id=search.agency_id, by_id=actor.person, at=tools.clock()
    )
    closing.details = {
        "links": closing.links,
        "compared": compared,
        "reason": reason.strip(),
    }
    closing.save(force_insert=True)
    requeue(search, record, tools=tools)
    record.note(compared=compared)
    return closing
