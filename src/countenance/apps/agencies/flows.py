"""Visits to a sign-in provider that have not come back yet, in the memory of the one serving process.

Each belongs to one browser, which holds its number in a cookie, and is taken once, within five minutes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from countenance.apps.agencies.oidc import Asked
from countenance.tools import Tools

LASTS = timedelta(minutes=5)
MOST = 5000
NUMBER_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A browser that was sent to a provider: for which agency, and for whom."""

    agency: UUID
    person: UUID | None  # who links their account; None for signing in
    issuer: str
    client_id: str
    asked: Asked
    where: str  # the page that was wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An account at the provider that waits for its owner to say that it is to be linked."""

    agency: UUID
    person: UUID
    issuer: str
    account: bytes  # a blind index
    name: str
    asked: Asked


class Waiting:
    """Visits, or what they found, by random numbers; the oldest make room for new ones."""

    def __init__(self, most: int = MOST) -> None:
        """Start with none."""
        self._most = most
        self._lock = threading.Lock()
        # Of each kind apart, so that strangers who begin many push nobody out who is linking.
        self._kept: dict[str, dict[str, Visit | Found]] = {"in": {}, "link": {}, "found": {}}

    def put(self, one: Visit | Found, *, tools: Tools) -> str:
        """Keep one and return its number."""
        number = tools.token_bytes(NUMBER_BYTES).hex()
        with self._lock:
            kept = self._kept[_kind(one)]
            while len(kept) >= self._most:
                del kept[next(iter(kept))]
            kept[number] = one
        return number

    def take_visit(self, number: str, *, tools: Tools) -> Visit | None:
        """Return the visit of this number, which works no more; None if there is none, or no longer."""
        with self._lock:
            one = self._kept["in"].pop(number, None) or self._kept["link"].pop(number, None)
        return one if isinstance(one, Visit) and _lasts(one, tools) else None

    def found(self, number: str, *, take: bool = False, tools: Tools) -> Found | None:
        """Return what was found by this number, and forget it if it is taken."""
        with self._lock:
            kept = self._kept["found"]
            one = kept.pop(number, None) if take else kept.get(number)
        return one if isinstance(one, Found) and _lasts(one, tools) else None


def _kind(one: Visit | Found) -> str:
    if isinstance(one, Found):
        return "found"
    return "in" if one.person is None else "link"


def _lasts(one: Visit | Found, tools: Tools) -> bool:
    return tools.clock() <= one.asked.at + LASTS


waiting = Waiting()
