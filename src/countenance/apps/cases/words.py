"""How an authority stands, in words."""

from __future__ import annotations

from datetime import date

from countenance.apps.cases.models import Authority, AuthorityState
from countenance.ui.templatetags.ui import day

NO_AUTHORITY = "None"


def left_words(authority: Authority) -> str:
    """Return how many searches are left and until when."""
    return f"{authority.left} of {authority.quota} · until {day(authority.expires_on)}"


def state_words(authority: Authority, *, today: date) -> str:
    """Return how an authority stands, in a few words for a table."""
    state = authority.state(today=today)
    return {
        AuthorityState.WAITING: "Waits for a supervisor",
        AuthorityState.GRANTED: left_words(authority),
        AuthorityState.SPENT: f"All {authority.quota} searches made",
        AuthorityState.ENDED: f"Ended {day(authority.expires_on)}",
        AuthorityState.REFUSED: "Refused",
        AuthorityState.REVOKED: "Taken back",
    }[state]


def standing_words(authority: Authority, *, today: date) -> str:
    """Return how an authority stands and what follows, in a sentence."""
    state = authority.state(today=today)
    return {
        AuthorityState.WAITING: "It waits for a supervisor who did not propose it.",
        AuthorityState.GRANTED: "It is granted; searches run under it.",
        AuthorityState.SPENT: "Every search that it allows has been made. Propose a new one to go on.",
        AuthorityState.ENDED: f"It ended on {day(authority.expires_on)}. Propose a new one to go on.",
        AuthorityState.REFUSED: "It was refused; no search runs under it.",
        AuthorityState.REVOKED: "It was taken back; no search runs under it any more.",
    }[state]


def name_of(authority: Authority) -> str:
    """Return an authority in one line, as choices show it."""
    return f"{authority.details['statute']} ({authority.kind}, {left_words(authority)})"
