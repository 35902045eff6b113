"""Policy packs. (Placeholder while the packs are written.)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from countenance.policy.facts import Ask, SearchKind, SourceFacts
from countenance.policy.people import Permit

GLASS_REVIEW = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of a pack, or of several merged."""


def terms_of(pack: str) -> Terms:
    """Return a pack's terms."""
    return Terms()


def stricter(*terms: Terms) -> Terms:
    """Return the stricter of several terms, rule by rule."""
    return Terms()


def permit_ask(terms: Terms, ask: Ask) -> Permit:
    """Permit a search that every rule allows."""
    return Permit(rule="pack")


def permit_source(terms: Terms, source: SourceFacts, *, today: date) -> Permit:
    """Permit enrolment from a source whose passport satisfies the pack."""
    return Permit(rule="pack")


def grace(terms: Terms, kind: SearchKind) -> timedelta | None:
    """Return how long after the first search the authority may still be granted; None: not at all."""
    return None
