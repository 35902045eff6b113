"""Freezing and destroying what was found under an authority that was refused, or granted too late.

Destroyed are the results: the outcome, the template, the key of both, and what the ledger's sealed body
repeats of them (its commitment stays, so the tree still verifies). Kept are the evidence, which is the
agency's own and was not found by searching, and who asked for what and why.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.db.models import Q

from countenance import policy
from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.uses import lock_authority
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.clock import REFUSED, is_authorised, why_frozen
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import CountenanceError, WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

log = structlog.get_logger()

DESTROYED = (
    "the candidates that were found, with their similarities",
    "the template of the face that was searched for",
    "the key that both were sealed with",
    "the ledger's sealed copy of the outcome",
)
KEPT = (
    "the photo, which is evidence of the case and was not found by searching",
    "who asked for the search and ran it, when, why, and in which galleries",
    "the ledger's entries themselves",
)


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
    search.save(update_fields=("frozen_at", "request"))
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
    now = tools.clock()
    search.certificate = _certificate(actor, search, rule, at=now.isoformat())
    search.outcome, search.template = None, None
    search.destroy_key()
    search.purged_at, search.frozen_at = now, search.frozen_at or now
    search.save(
        update_fields=(
            "certificate",
            "outcome",
            "template",
            "object_key",
            "purged_at",
            "frozen_at",
        )
    )
    LedgerRow.objects.filter(about=search.pk, action=str(Action.SEARCH_CONCLUDED)).update(body=None)
    record.note(**search.certificate)
    return search


@accountable(Action.SEARCH_SETTLED, deed=Deed.SEARCH_PURGE)
def settle_search(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Stop the clock of a search whose authority was granted in time, and note that in what is sealed.

    Raises:
        WrongState: the clock has stopped, or the authority was not granted, or too late.
    """
    search = _locked(actor, record, search)
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
    return _each(actor, settle_search, rows, tools=tools)


@composed_of(freeze_search)
def freeze_overdue(actor: Actor, *, tools: Tools) -> int:
    """Freeze every search whose authority was refused or not granted in time; return how many.

    Called every minute and at start, so that a stop delays it and nothing else.
    """
    return _each(actor, freeze_search, _due(tools).filter(frozen_at=None), tools=tools)


@composed_of(purge_search)
def purge_frozen(actor: Actor, *, tools: Tools) -> int:
    """Destroy what frozen searches found; return how many."""
    return _each(actor, purge_search, _due(tools).exclude(frozen_at=None), tools=tools)


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


def _each(actor: Actor, service: Any, rows: Any, *, tools: Tools) -> int:
    """Do it to each search, also if it fails for one, and return to how many it was done.

    Raises:
        CountenanceError: the first failure, after all had their turn: the operator looks into it.
    """
    done, failures = 0, []
    for search in rows:
        try:
            service(actor, search=search, tools=tools)
        except WrongState:
            continue  # Granted in time, or still running.
        except CountenanceError as error:
            log.warning("clock.search_failed", code=error.code)
            failures.append(error)
        else:
            done += 1
    if failures:
        raise failures[0]
    return done


def _overdue(actor: Actor, record: Record, search: Search, *, tools: Tools) -> tuple[Search, str]:
    """Lock a search and return it with the rule by which it is overdue."""
    search = _locked(actor, record, search)
    if search.purged_at is not None:
        raise WrongState("What this search found is destroyed already.")
    rule = why_frozen(search, now=tools.clock())
    if rule is None:
        raise WrongState("The authority for this search came in time, or there still is time.")
    return search, rule


def _locked(actor: Actor, record: Record, search: Search) -> Search:
    record.note(about=search.pk, case=search.case_id)
    if actor != SYSTEM:
        policy.permit_own(actor, search.agency_id)
    Case.objects.select_for_update(no_key=True).get(pk=search.case_id)
    return Search.objects.select_for_update(no_key=True).get(pk=search.pk)


def _certificate(actor: Actor, search: Search, rule: str, *, at: str) -> dict[str, Any]:
    return {
        "certificate": "countenance.purge/1",
        "search": str(search.pk),
        "authority": None if search.authority_id is None else str(search.authority_id),
        "searched_at": search.intended_at.isoformat(),
        "authorise_by": search.request.get("authorise_by"),
        "destroyed_at": at,
        "destroyed_by": "the clock" if actor == SYSTEM else str(actor.person),
        "rule": rule,
        "says": "The authority was refused." if rule == REFUSED else "No authority came in time.",
        "sections": list(search.request.get("sections", ())),
        "destroyed": list(DESTROYED),
        "kept": list(KEPT),
    }
