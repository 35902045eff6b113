"""Destroying again, after a restore, what searches found and what cases held that was destroyed since the backup.

Whether it was time is not asked: that was judged when it was destroyed first.
"""

from __future__ import annotations

from uuid import UUID

from countenance.apps.cases.models import Case
from countenance.apps.records.objects import delete_objects
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.destroying import (
    ALWAYS_KEPT,
    destroy_evidence,
    destroy_results,
    lock_search,
)
from countenance.apps.searches.models import Search
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

REPEATED = "restore.repeated"
SAYS = "It was destroyed after the backup from which this deployment was restored."


@accountable(Action.SEARCH_PURGED, deed=Deed.SET_UP)
def purge_results_again(actor: Actor, record: Record, *, search: Search, tools: Tools) -> None:
    """Destroy what a search found.

    Raises:
        WrongState: it is destroyed already.
    """
    search = lock_search(actor, record, search)
    if search.purged_at is not None:
        raise WrongState("What this search found is destroyed already.")
    destroy_results(
        actor, record, search, rule=REPEATED, says=SAYS, kept=ALWAYS_KEPT, sections=(), tools=tools
    )


@accountable(Action.EVIDENCE_PURGED, deed=Deed.SET_UP)
def destroy_evidence_again(actor: Actor, record: Record, *, case: Case, tools: Tools) -> list[UUID]:
    """Destroy the photos and videos of a case, and return which those were.

    Raises:
        WrongState: it has none left.
    """
    record.note(about=case.pk)
    record.agency = case.agency_id
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    return destroy_evidence(actor, record, case, rule=REPEATED, says=SAYS, sections=(), tools=tools)


@composed_of(purge_results_again)
def purge_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Destroy what the search of this id found, if that is there; return of how many."""
    rows = Search.objects.filter(pk=about, purged_at=None)
    for search in rows:
        purge_results_again(actor, search=search, tools=tools)
    return len(rows)


@composed_of(destroy_evidence_again)
def purge_evidence_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Destroy the photos of the case of this id, if any is there; return how many."""
    gone: list[UUID] = []
    for case in Case.objects.filter(pk=about):
        try:
            gone += destroy_evidence_again(actor, case=case, tools=tools)
        except WrongState:
            continue  # None was in the backup.
    delete_objects(gone, tools=tools)
    return len(gone)
