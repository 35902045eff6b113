"""Personal tokens for the command line: scoped, expiring, shown once, kept as hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from countenance.apps.agencies import signing
from countenance.apps.agencies.factor_rows import MAX_NAME_LENGTH
from countenance.apps.agencies.models import Person, Token
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import InputError, NotFound, NotSignedIn
from countenance.ledger.entry import Action
from countenance.policy import DEEDS, POWERFUL, SYSTEM, Actor, Deed, Scope, permit_sign_in
from countenance.tools import Tools

LONGEST = timedelta(days=90)
LONGEST_POWERFUL = timedelta(hours=12)
SECRET_BYTES = 32
PREFIX = "countenance_"
REFUSED = "This token does not work, or no longer. Make another one, or sign in."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows of a token."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


@composed_of()
def usable_scopes(actor: Actor) -> list[Scope]:
    """Return the scopes that the actor's roles can use."""
    usable = {rule.scope for rule in DEEDS.values() if rule.roles & actor.roles}
    return [scope for scope in Scope if scope in usable]


@composed_of()
def longest_for(scopes: Collection[Scope]) -> timedelta:
    """Return how long a token with these scopes may live."""
    return LONGEST if POWERFUL.isdisjoint(scopes) else LONGEST_POWERFUL


@composed_of()
def of(actor: Actor, *, tools: Tools) -> list[Shown]:
    """Return the actor's own tokens that still work, newest first."""
    rows = Token.objects.filter(
        person_id=actor.person, revoked_at=None, expires_at__gt=tools.clock()
    )
    return [
        Shown(
            id=row.pk,
            name=row.details["name"],
            scopes=tuple(row.details["scopes"]),
            made_at=row.made_at,
            expires_at=row.expires_at,
            used_at=row.used_at,
        )
        for row in rows.select_related("person").order_by("-made_at")
    ]


@accountable(Action.TOKEN_MADE, deed=Deed.TOKEN_MAKE)
def make_token(
    actor: Actor,
    record: Record,
    *,
    name: str,
    scopes: Collection[Scope],
    lasts: timedelta,
    tools: Tools,
) -> tuple[Token, str]:
    """Make a token and return it with its secret, which is shown this once; needs a recent proof.

    Raises:
        InputError: no name, no scope, a scope that none of the roles uses, or too long a time.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_LENGTH:
        raise InputError(f"A token needs a name, of at most {MAX_NAME_LENGTH} characters.")
    wanted = sorted({Scope(scope) for scope in scopes})
    if not usable_scopes(actor):
        raise InputError("You hold no role yet, so a token would do nothing. Ask your coordinator.")
    if not wanted:
        raise InputError("A token needs at least one scope.")
    useless = [scope for scope in wanted if scope not in usable_scopes(actor)]
    if useless:
        raise InputError(f"None of your roles can use a token for “{useless[0]}”. Leave it out.")
    if not timedelta() < lasts <= longest_for(wanted):
        raise InputError(
            "A token lives at most 12 hours if it is for searching, managing or auditing, and at most"
            " 90 days otherwise."
        )
    secret = PREFIX + tools.token_bytes(SECRET_BYTES).hex()
    now = tools.clock()
    token = Token(
        person=Person.objects.get(pk=actor.person, agency_id=actor.agency),
        details={"name": name, "scopes": wanted},
        secret_hash=_hash_of(secret),
        made_at=now,
        expires_at=now + lasts,
    )
    token.details |= {"hash": _hash_of(secret).hex(), "expires_at": token.expires_at.isoformat()}
    token.save(force_insert=True)
    record.note(about=token.pk, scopes=wanted, expires_at=token.expires_at)
    return token, secret


@accountable(Action.TOKEN_REVOKED, deed=Deed.OWN_ACCOUNT)
def revoke_token(actor: Actor, record: Record, *, token: UUID, tools: Tools) -> None:
    """Make a token of the actor's own useless.

    Raises:
        NotFound: it is none of theirs, or was revoked already.
    """
    row = (
        Token.objects.select_for_update(no_key=True)
        .filter(pk=token, person_id=actor.person, revoked_at=None)
        .first()
    )
    if row is None:
        raise NotFound
    revoke(row, at=tools.clock())
    record.note(about=row.pk)


@accountable(Action.TOKEN_REVOKED, deed=None)
def log_out(actor: Actor, record: Record, *, secret: str, tools: Tools) -> None:
    """Make the very token useless with which its person acts; whatever it is for, that is theirs to do.

    Raises:
        NotFound: it is none of theirs, or was revoked already.
    """
    row = (
        Token.objects.select_for_update(no_key=True)
        .filter(secret_hash=_hash_of(secret), person_id=actor.person, revoked_at=None)
        .first()
    )
    if row is None:
        raise NotFound
    revoke(row, at=tools.clock())
    record.note(about=row.pk)


@accountable(Action.TOKEN_USED, deed=None)
def _use(actor: Actor, record: Record, *, token_id: UUID, tools: Tools) -> Actor:
    """Return who acts with a token, if it works."""
    row = (
        Token.objects.select_for_update(no_key=True, of=("self",))
        .select_related("person__agency")
        .filter(pk=token_id, revoked_at=None)
        .first()
    )
    record.note(about=None if row is None else row.pk)
    if row is None or not _works(row, now=tools.clock()):
        raise NotSignedIn(REFUSED)
    person, today = row.person, tools.clock().date()
    permit_sign_in(person.roles, trained_until=person.trained_until, today=today)
    row.used_at = tools.clock()
    row.save(update_fields=("used_at",))
    scopes = frozenset(Scope(scope) for scope in row.details["scopes"])
    return replace(person.actor, scopes=scopes)


def revoke(row: Token, *, at: datetime) -> None:
    """Make a token useless, within the transaction of a service; its seal says so as well."""
    row.revoked_at, row.details = at, {**row.details, "revoked": True}
    row.save(update_fields=("revoked_at", "details"))


revoke.accountable = ()  # type: ignore[attr-defined] # a part of services


def _works(row: Token, *, now: datetime) -> bool:
    """Say whether a token is in time, unchanged, and its person and agency may come in."""
    # Hash and end stand in the sealed part too, which opens for its person only: whoever writes to
    # the database cannot move them, nor take back that it was revoked.
    sealed = row.details
    return (
        sealed["hash"] == bytes(row.secret_hash).hex()
        and not sealed.get("revoked")
        and now < row.expires_at
        and now < datetime.fromisoformat(sealed["expires_at"])
        and not row.person.suspended
        and not row.person.agency.suspended
    )


# It writes by `_use` only. Nobody acts before it: it says who does.
@composed_of()
def actor_of(secret: str, *, tools: Tools) -> Actor:
    """Return who acts with this token: its person, within its scopes.

    Raises:
        NotSignedIn: unknown, expired, revoked, or the person or agency is suspended; recorded.
        CertificateMissing: the person's training has ended; recorded.
    """
    row = (
        Token.objects.filter(secret_hash=_hash_of(secret))
        .values_list("pk", "person_id", "person__agency_id")
        .first()
    )
    if row is None:
        return _use(SYSTEM, token_id=uuid4(), tools=tools)
    known = Actor(person=row[1], agency=row[2])
    return _use(known, token_id=row[0], tools=tools)


@composed_of(signing.sign_in, make_token)
def log_in(
    actor: Actor,
    *,
    email: str,
    password: str,
    code: str,
    scopes: Collection[Scope] = (),
    hours: int = 12,
    tools: Tools,
) -> tuple[Person, Token, str]:
    """Sign in from the command line, and return the person, a new token and its secret.

    Recovery codes are not taken here. Without scopes, every usable one is asked for.

    Raises:
        NotSignedIn: as `signing.sign_in`.
        InputError: as `make_token`.
    """
    signed_in = signing.sign_in(
        actor, email=email, password=password, code=code, recovery=False, tools=tools
    )
    person = signed_in.person
    acting = replace(person.actor, stepped_up_at=tools.clock())
    token, secret = make_token(
        acting,
        name="Command line",
        scopes=scopes or usable_scopes(acting),
        lasts=timedelta(hours=hours),
        tools=tools,
    )
    return person, token, secret


def _hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.strip().encode(errors="surrogatepass")).digest()
