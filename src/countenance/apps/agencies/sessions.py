"""Sessions of browsers: the engine behind Django's, and what their owners see and end.

Used by views:  `begin(request, signed_in, tools=...)` after a sign-in;  `request.session.flush()` to
end;  `stepped_up(request.session, moment)` after a step-up.  Used by the gate:
`actor_of(person, request.session)`,  `is_recovery(request.session)`,  `request.session.modified = True`
to put off the idle lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from countenance.apps.agencies.models import Person
from countenance.policy import Actor
from countenance.tools import Tools

if TYPE_CHECKING:
    from countenance.apps.agencies.signing import SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows of a session."""

    id: UUID
    browser: str  # "Firefox on Linux"
    method: str  # Factor.PASSKEY, TOTP or RECOVERY
    signed_in_at: datetime
    seen_at: datetime
    ends_at: datetime
    here: bool


def begin(request: HttpRequest, signed_in: SignedIn, *, tools: Tools) -> None:
    """Start a new session for who signed in; an earlier one of this browser ends."""
    raise NotImplementedError


def renew(request: HttpRequest) -> None:
    """Give the session a new key, and let it go on after a change of password."""
    raise NotImplementedError


def stepped_up(session: SessionBase, at: datetime) -> None:
    """Keep the moment at which the person proved once more who they are."""
    raise NotImplementedError


def spend_step_up(session: SessionBase) -> None:
    """Forget that moment: a search and an export need a proof of their own."""
    raise NotImplementedError


def is_recovery(session: SessionBase) -> bool:
    """Say whether the session began with a recovery code and may only manage means of signing in."""
    raise NotImplementedError


def recovered(session: SessionBase) -> None:
    """Lift that restriction, once a new passkey or app was added."""
    raise NotImplementedError


def actor_of(person: Person, session: SessionBase) -> Actor:
    """Return the person as policy knows them, with when they last proved who they are."""
    raise NotImplementedError


def of(actor: Actor, *, here: UUID | None = None, tools: Tools) -> list[Shown]:
    """Return the actor's own sessions, the newest first; `here`: `request.session.row_id`."""
    raise NotImplementedError


def end(actor: Actor, *, session_id: UUID, tools: Tools) -> None:
    """End one of the actor's own sessions.

    Raises:
        NotFound: it is none of theirs, or has ended.
    """
    raise NotImplementedError


def end_all_of(person: UUID, *, but: UUID | None = None) -> int:
    """End every session of a person, within the transaction of a service; return how many."""
    raise NotImplementedError


class SessionStore(SessionBase):
    """A session whose row is sealed; strangers have none."""

    row_id: UUID | None
    data: dict[str, Any]
