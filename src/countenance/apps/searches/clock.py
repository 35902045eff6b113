"""Until when an authority that was not granted yet must be, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.uses import lock_authority
from countenance.apps.searches.models import Search
from countenance.errors import SearchFrozen

LATE = "authority.late"
REFUSED = "authority.refused"


def is_authorised(authority: Authority, *, deadline: datetime) -> bool:
    """Say whether the authority of a search that was run before it was granted came in time."""
    granted = authority.granted_at
    return granted is not None and granted <= deadline


def why_frozen(search: Search, *, now: datetime) -> str | None:
    """Return the rule by which nobody may see what a search found; None if they may.

    Call it inside a transaction: the authority's row stays locked, so that it is not granted meanwhile.

    Raises:
        SealBroken: somebody changed the deadline.
    """
    return _judged(search, lock_authority, now=now)


def is_frozen_now(search: Search, *, now: datetime) -> str | None:
    """Return the rule by which nobody may see what a search found now; for a page that shows none of it.

    Raises:
        SealBroken: somebody changed the deadline.
    """
    return _judged(search, _authority, now=now)


def was_late(case: Case, *, now: datetime) -> bool:
    """Say whether a search of the case was not authorised in time, whether or not it is frozen yet.

    Raises:
        SealBroken: somebody changed a deadline.
    """
    marked = Q(authorise_by__isnull=False) | Q(frozen_at__isnull=False) | Q(purged_at__isnull=False)
    rows = Search.objects.filter(marked, case=case)
    return any(_judged(one, _authority, now=now) == LATE for one in rows)


def frozen_by(search: Search) -> str | None:
    """Return the rule by which a search was frozen or destroyed for good; None if it was not."""
    if search.frozen_at is None and search.purged_at is None:
        return None
    kept = search.certificate or {"rule": search.request.get("frozen_by")}
    return kept["rule"] or LATE


def _judged(search: Search, read: Callable[[UUID], Authority], *, now: datetime) -> str | None:
    deadline = search.deadline
    if (rule := frozen_by(search)) is not None:
        return rule
    if deadline is None or search.authority_id is None:
        return None
    authority = read(search.authority_id)
    if authority.facts.refused:
        return REFUSED
    if now > deadline and not is_authorised(authority, deadline=deadline):
        return LATE
    return None


def _authority(authority_id: UUID) -> Authority:
    return Authority.objects.get(pk=authority_id)


def permit_unfrozen(search: Search, *, now: datetime) -> None:
    """Permit work on what a search found; call it inside a transaction, in which that then stays so.

    Raises:
        SearchFrozen: its authority was refused or not granted in time, or the results are destroyed.
    """
    _permit(search, why_frozen, now=now)


def permit_look(search: Search, *, now: datetime) -> None:
    """Permit a mere look at what a search found, for which nothing is locked.

    Raises:
        SearchFrozen: its authority was refused or not granted in time, or the results are destroyed.
    """
    _permit(search, is_frozen_now, now=now)


def _permit(search: Search, judge: Callable[..., str | None], *, now: datetime) -> None:
    if search.purged_at is not None:
        raise SearchFrozen(
            "What this search found was destroyed. Its certificate says when, and under which rule.",
            rule="search.purged",
        )
    rule = judge(search, now=now)
    if rule == REFUSED:
        raise SearchFrozen(
            "The authority for this search was refused, so what it found is destroyed and not shown. "
            "Propose another authority, and ask again.",
            rule=rule,
        )
    if rule is not None:
        raise SearchFrozen(
            "The authority for this search was not granted in time, so what it found is destroyed and not "
            "shown. Propose another authority, and ask again.",
            rule=rule,
        )
