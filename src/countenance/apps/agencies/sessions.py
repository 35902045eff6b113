"""Sessions of browsers: how they begin, what they remember of proofs, what their owners see and end.

Used by views: `begin` after a sign-in, `request.session.flush()` to end, `stepped_up` after a step-up,
`spend_step_up` at a search and an export. Used by the gate: `actor_of`, `is_recovery`, and
`request.session.modified = True` to put off the idle lock. Django finds its `SessionStore` here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import login, update_session_auth_hash
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from countenance.apps.agencies import session_rows
from countenance.apps.agencies.models import Factor, Person, SignInSession
from countenance.apps.agencies.session_rows import SessionStore
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import NotFound
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

if TYPE_CHECKING:
    from countenance.apps.agencies.arrivals import SignedIn

__all__ = ["SessionStore", "Shown", "actor_of", "begin", "end", "is_recovery", "of"]

METHOD, BROWSER, RECOVERY, PROVED_AT = "method", "browser", "recovery", "proved_at"
PROVED_BY = "proved_by"
PROVIDER = "provider"
"""What a session keeps of having begun with an agency's own provider, beside the kinds of `Factor`."""
BACKEND = "django.contrib.auth.backends.ModelBackend"

# The first name that is found in what the browser says of itself; each says the later ones as well.
BROWSERS = (
    ("Firefox", "Firefox"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows of a session."""

    id: UUID
    browser: str  # "Firefox on Linux"
    method: str  # Factor.PASSKEY, TOTP or RECOVERY, or PROVIDER
    signed_in_at: datetime
    seen_at: datetime
    ends_at: datetime
    here: bool


@composed_of()
def begin(request: HttpRequest, signed_in: SignedIn, *, tools: Tools) -> None:
    """Start a new session for who signed in; an earlier one of this browser ends.

    Signing in is itself a proof of who one is, unless only a provider says so: whoever runs that must
    not be able to do in somebody's name what needs a proof.
    """
    request.session.flush()
    login(request, signed_in.person, backend=BACKEND)
    request.session[METHOD] = signed_in.method
    request.session[BROWSER] = family_of(request.headers.get("User-Agent", ""))
    request.session[RECOVERY] = signed_in.recovery
    if signed_in.method != PROVIDER:
        stepped_up(request.session, tools.clock(), by=signed_in.method)


@composed_of()
def renew(request: HttpRequest) -> None:
    """Give the session a new key, and let it go on after its person changed the password."""
    if isinstance(request.user, Person):
        update_session_auth_hash(request, Person.objects.get(pk=request.user.pk))


@composed_of()
def stepped_up(session: SessionBase, at: datetime, *, by: str = "") -> None:
    """Keep when and by what the person proved who they are, at once: this very request may spend it."""
    proof = {PROVED_BY: by, PROVED_AT: at.isoformat()}
    session.update(proof)
    if isinstance(session, SessionStore) and session.row_id is not None:
        session_rows.put(session.row_id, proof)


@composed_of()
def is_by_passkey(session: SessionBase) -> bool:
    """Say whether the last proof in this session was one by a passkey, which verifies its user."""
    return bool(session.get(PROVED_AT)) and session.get(PROVED_BY) == Factor.PASSKEY


@composed_of()
def spend_step_up(session: SessionStore) -> bool:
    """Forget that moment at once, and say whether there was one: of two requests one gets it."""
    session.pop(PROVED_AT, None)
    row_id = session.row_id
    return row_id is not None and session_rows.forget(row_id, PROVED_AT)


@composed_of()
def is_recovery(session: SessionBase) -> bool:
    """Say whether the session began with a recovery code and may only manage means of signing in."""
    return bool(session.get(RECOVERY))


@composed_of()
def recovered(session: SessionBase) -> None:
    """Lift that restriction, once a new passkey or app was added."""
    session[RECOVERY] = False


@composed_of()
def actor_of(person: Person, session: SessionBase) -> Actor:
    """Return the person as policy knows them, with when they last proved who they are."""
    at = session.get(PROVED_AT)
    return replace(person.actor, stepped_up_at=datetime.fromisoformat(at) if at else None)


@composed_of()
def family_of(agent: str) -> str:
    """Return browser and system in words, from what the browser says of itself; nothing else is kept."""
    browser = next((name for sign, name in BROWSERS if sign in agent), "A browser")
    system = next((name for sign, name in SYSTEMS if sign in agent), None)
    return browser if system is None else f"{browser} on {system}"


@composed_of()
def of(actor: Actor, *, here: UUID | None = None, tools: Tools) -> list[Shown]:
    """Return the actor's own sessions, the newest first; `here`: `request.session.row_id`."""
    now = tools.clock()
    rows = (
        SignInSession.objects.filter(
            person_id=actor.person, ends_at__gt=now, seen_at__gt=now - session_rows.IDLE
        )
        .select_related("person")
        .order_by("-signed_in_at")
    )
    return [_shown(row, here) for row in rows]


def _shown(row: SignInSession, here: UUID | None) -> Shown:
    content = row.data["content"]
    return Shown(
        id=row.pk,
        browser=content.get(BROWSER, "A browser"),
        method=content.get(METHOD, ""),
        signed_in_at=row.signed_in_at,
        seen_at=row.seen_at,
        ends_at=row.ends_at,
        here=row.pk == here,
    )


@accountable(Action.SESSION_ENDED, deed=Deed.OWN_ACCOUNT)
def end(actor: Actor, record: Record, *, session_id: UUID, tools: Tools) -> None:
    """End one of the actor's own sessions.

    Raises:
        NotFound: it is none of theirs, or has ended.
    """
    ended, _ = SignInSession.objects.filter(pk=session_id, person_id=actor.person).delete()
    if not ended:
        raise NotFound
    record.note(about=actor.person, sessions_ended=ended)


@accountable(Action.SESSION_ENDED, deed=Deed.OWN_ACCOUNT)
def end_others(actor: Actor, record: Record, *, here: UUID | None, tools: Tools) -> int:
    """End every session of the actor's own but the present one, and return how many."""
    ended = session_rows.end_all(actor.person, but=here)
    record.note(about=actor.person, sessions_ended=ended)
    return ended
