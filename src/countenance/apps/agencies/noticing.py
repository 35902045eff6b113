"""Who is told by e-mail that something waits, and when; what waits is never said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from countenance.apps.agencies.models import Person
from countenance.apps.records.waiting import Waiting

AT_MOST_EVERY = timedelta(days=1)
AT_MOST_EVERY_IF_URGENT = timedelta(hours=1)
_KEY_CHARACTERS = 16
_PADDED_TO = 64 * _KEY_CHARACTERS


def wants_notices(person: Person) -> bool:
    """Say whether a person lets themselves be told; everybody does who did not switch it off."""
    return not (person.notices or {}).get("off")


def can_be_due(person: Person, *, now: datetime) -> bool:
    """Say whether a person can be told at all now, whatever waits; so most need not be looked at."""
    at = _sent_at(person)
    recent = at is not None and now - at < AT_MOST_EVERY_IF_URGENT
    return not recent and not person.suspended and wants_notices(person)


def is_due(person: Person, waiting: Sequence[Waiting], *, now: datetime) -> bool:
    """Say whether something waits that a person was not told of yet, and enough time is over.

    What waits at an address that they were told of is the same thing, also if it waits since another moment
    now, such as the next of several; unless it began to wait after they were told.
    """
    told = told_keys((person.notices or {}).get("told", ""))
    at = _sent_at(person)
    new = [
        one
        for one in waiting
        if _key(one) not in told or (at is not None and at < one.since <= now)
    ]
    if not new or not can_be_due(person, now=now):
        return False
    return at is None or any(one.urgent for one in new) or now - at >= AT_MOST_EVERY


def told_of(waiting: Sequence[Waiting]) -> str:
    """Return what to remember of the things that somebody is told of: hashes, and no hint how many."""
    keys = "".join(sorted({_key(one) for one in waiting}))
    return keys.ljust(-(-max(1, len(keys)) // _PADDED_TO) * _PADDED_TO)


def told_keys(told: str) -> frozenset[str]:
    """Return the keys that `told_of` put together."""
    keys = told.strip()
    return frozenset(keys[at : at + _KEY_CHARACTERS] for at in range(0, len(keys), _KEY_CHARACTERS))


def _key(one: Waiting) -> str:
    # What becomes urgent is new once more.
    said = f"{one.href} {one.urgent}"
    return hashlib.sha256(said.encode()).hexdigest()[:_KEY_CHARACTERS]


def _sent_at(person: Person) -> datetime | None:
    text = (person.notices or {}).get("sent_at")
    return datetime.fromisoformat(text) if text else None
