"""Until when an authority that was not granted yet must be, and what became of it."""

from __future__ import annotations

from datetime import datetime

from countenance.apps.cases.models import Authority
from countenance.apps.cases.uses import lock_authority
from countenance.apps.searches.models import Search
from countenance.errors import SearchFrozen

LATE = "authority.late"
REFUSED = "authority.refused"


def is_authorised(search: Search, authority: Authority, *, deadline: datetime) -> bool:
    """Say whether the authority of a search that was run before it was granted came in time."""
    granted = authority.granted_at
    return granted is not None and granted <= deadline


def why_frozen(search: Search, *, now: datetime) -> str | None:
    """Return the rule by which nobody may see what a search found; None if they may.

    Call it inside a transaction: the authority's row stays locked, so that it is not granted meanwhile.

    Raises:
        SealBroken: somebody changed the deadline.
    """
    deadline = search.deadline
    if search.frozen_at is not None or search.purged_at is not None:
        return LATE
    if deadline is None or search.authority_id is None:
        return None
    authority = lock_authority(search.authority_id)
    if authority.facts.refused:
        return REFUSED
    if now > deadline and not is_authorised(search, authority, deadline=deadline):
        return LATE
    return None


def permit_unfrozen(search: Search, *, now: datetime) -> None:
    """Permit a look at what a search found.

    Raises:
        SearchFrozen: its authority was refused or not granted in time, or the results are destroyed.
    """
    if search.purged_at is not None:
        raise SearchFrozen(
            "What this search found was destroyed. Its certificate says when, and under which rule.",
            rule="search.purged",
        )
    rule = why_frozen(search, now=now)
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
