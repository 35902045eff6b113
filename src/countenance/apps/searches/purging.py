"""Freezing and destroying what was found under an authority that was refused, or granted too late.

What is destroyed and what is kept is said in `destroying`. The evidence is kept: it is the agency's own
and was not found by searching.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from countenance.apps.cases.models import Authority
from countenance.apps.cases.uses import lock_authority
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.clock import REFUSED, is_authorised, why_frozen
from countenance.apps.searches.destroying import destroy_results, each, lock_search
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.SEARCH_FROZEN, deed=Deed.SEARCH_PURGE)
def freeze_search(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Let nobody see any more what a search found, because its authority did not come in time.

    Raises:
        WrongState: it is frozen already, or its authority came in time.
    """
    search, rule = _overdue(actor, record, search, tools=tools)
    if search.frozen_at is not None:
        raise WrongState("This search is frozen already.")
    search.frozen_at, search.request = tools.clock(), {**search.request, "frozen_by": rule}
    search.wants_examiner = False
    search.save(update_fields=("frozen_at", "request", "wants_examiner"))
    record.note(rule=rule, authority=search.authority_id, authorise_by=search.authorise_by)
    return search


@accountable(Action.SEARCH_PURGED, deed=Deed.SEARCH_PURGE)
def purge_search(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Destroy what a search found, and write a certificate of that.

    Raises:
        WrongState: it is destroyed already, still running, or its authority came in time.
    """
    search, rule = _overdue(actor, record, search, tools=tools)
    if search.state == SearchState.INTENDED:
        raise WrongState("This search is still running; it is destroyed when it has ended.")
    says = "The authority was refused." if rule == REFUSED else "No authority came in time."
    search.frozen_at = search.frozen_at or tools.clock()
    destroy_results(actor, record, search, rule=rule, says=says, tools=tools)
    return search


@accountable(Action.SEARCH_SETTLED, deed=Deed.SEARCH_PURGE)
def settle_search(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Stop the clock of a search whose authority was granted in time, and note that in what is sealed.

    Raises:
        WrongState: the clock has stopped, or the authority was not granted, or too late.
    """
    search = lock_search(actor, record, search)
    overdue = why_frozen(search, now=tools.clock())
    if overdue or search.deadline is None or search.authority_id is None:
        raise WrongState("The clock of this search has stopped already.")
    authority = lock_authority(search.authority_id)
    if not is_authorised(authority, deadline=search.deadline):
        raise WrongState("The authority for this search is not granted yet.")
    settled_at = tools.clock().isoformat()
    search.authorise_by, search.request = None, {**search.request, "settled_at": settled_at}
    search.save(update_fields=("authorise_by", "request"))
    record.note(authority=authority.pk, authorise_by=search.request["authorise_by"])
    return search


@composed_of(settle_search)
def settle_granted(actor: Actor, *, tools: Tools) -> int:
    """Stop the clock of every search whose authority was granted in time; return how many."""
    ended = Search.objects.exclude(state=SearchState.INTENDED)
    rows = ended.filter(
        authorise_by__isnull=False, frozen_at=None, purged_at=None, authority_id__in=_decided()
    )
    return each(actor, settle_search, rows, tools=tools)


@composed_of(freeze_search)
def freeze_overdue(actor: Actor, *, tools: Tools) -> int:
    """Freeze every search whose authority was refused or not granted in time; return how many.

    Called every minute and at start, so that a stop delays it and nothing else.
    """
    return each(actor, freeze_search, _due(tools).filter(frozen_at=None), tools=tools)


@composed_of(purge_search)
def purge_frozen(actor: Actor, *, tools: Tools) -> int:
    """Destroy what frozen searches found; return how many."""
    return each(actor, purge_search, _due(tools).exclude(frozen_at=None), tools=tools)


def _due(tools: Tools) -> Any:
    """Return searches that may be overdue; `why_frozen` has the last word on each.

    Those whose authority was granted meanwhile are among them until they are settled: when that was is
    sealed.
    """
    return Search.objects.filter(
        Q(authorise_by__lt=tools.clock()) | Q(authority_id__in=_decided()),
        authorise_by__isnull=False,
        purged_at=None,
    ).order_by("authorise_by")


def _decided() -> Any:
    return Authority.objects.filter(decided_at__isnull=False).values("pk")


def _overdue(actor: Actor, record: Record, search: Search, *, tools: Tools) -> tuple[Search, str]:
    """Lock a search and return it with the rule by which it is overdue."""
    search = lock_search(actor, record, search)
    if search.purged_at is not None:
        raise WrongState("What this search found is destroyed already.")
    rule = why_frozen(search, now=tools.clock())
    if rule is None:
        raise WrongState("The authority for this search came in time, or there still is time.")
    return search, rule
