"""Personal tokens for the command line: scoped, expiring, shown once, kept as hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from countenance.apps.agencies.models import Person, Token
from countenance.policy import Actor, Scope
from countenance.tools import Tools

LONGEST = timedelta(days=90)
LONGEST_POWERFUL = timedelta(hours=12)
POWERFUL = frozenset({Scope.SEARCH, Scope.MANAGE, Scope.AUDIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows of a token."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


def usable_scopes(actor: Actor) -> list[Scope]:
    """Return the scopes that the actor's roles can use."""
    raise NotImplementedError


def of(actor: Actor, *, tools: Tools) -> list[Shown]:
    """Return the actor's own tokens that still work, newest first."""
    raise NotImplementedError


def make_token(
    actor: Actor, *, name: str, scopes: Collection[Scope], lasts: timedelta, tools: Tools
) -> tuple[Token, str]:
    """Make a token and return it with its secret, which is shown this once.

    Raises:
        InputError: no name, no scope, a scope that none of the roles uses, or too long a time.
    """
    raise NotImplementedError


def revoke_token(actor: Actor, *, token: UUID, tools: Tools) -> None:
    """Make a token of the actor's own useless.

    Raises:
        NotFound: it is none of theirs, or was revoked already.
    """
    raise NotImplementedError


def actor_of(secret: str, *, tools: Tools) -> tuple[Person, Actor]:
    """Return whose token this is, and who acts: the person, within the token's scopes.

    Raises:
        NotSignedIn: unknown, expired, revoked, or the person or agency is suspended; recorded.
        CertificateMissing: the person's training has ended.
    """
    raise NotImplementedError


def log_in(
    actor: Actor,
    *,
    email: str,
    password: str,
    code: str,
    scopes: Collection[Scope],
    hours: int,
    tools: Tools,
) -> tuple[Person, Token, str]:
    """Sign in from the command line, and return the person, a new token and its secret.

    Recovery codes are not taken here. Without scopes, every usable one is asked for.

    Raises:
        NotSignedIn: as `signing.sign_in`.
        InputError: as `make_token`.
    """
    raise NotImplementedError
