"""A person's own means of signing in: passkeys, authenticator app, recovery codes, password.

A person has up to ten passkeys, one app (another one replaces it) and one set of recovery codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from countenance.apps.agencies.models import Factor
from countenance.apps.agencies.webauthn import Site
from countenance.policy import Actor
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a page shows of one factor."""

    id: UUID
    kind: str  # Factor.PASSKEY, TOTP or RECOVERY
    name: str  # a passkey's
    added_at: datetime
    used_at: datetime | None
    left: int = 0  # of recovery codes


def of(actor: Actor) -> list[Means]:
    """Return the actor's own factors, oldest first."""
    raise NotImplementedError


def passkey_registration(
    actor: Actor, *, site: Site, tools: Tools
) -> tuple[dict[str, Any], str]:
    """Return what the browser's `navigator.credentials.create` is asked, as JSON types, and its number."""
    raise NotImplementedError


def add_passkey(
    actor: Actor, *, challenge: str, answer: Mapping[str, Any], name: str, site: Site, tools: Tools
) -> Factor:
    """Add the passkey that answered; needs a recent proof (`StepUpNeeded`).

    Raises:
        InputError: the answer is not right, or there are ten already.
    """
    raise NotImplementedError


def begin_app(*, tools: Tools) -> str:
    """Return a new secret for an authenticator app; it is kept nowhere until a code proves it."""
    raise NotImplementedError


def app_uri(secret: str, label: str) -> str:
    """Return the address by which an authenticator app takes the secret in; label: e-mail address."""
    raise NotImplementedError


def qr_svg(uri: str) -> str:
    """Return the address as a QR code: SVG markup that is safe to put into a page, without styles."""
    raise NotImplementedError


def add_app(actor: Actor, *, secret: str, code: str, tools: Tools) -> Factor:
    """Add the authenticator app that shows this code; it replaces an earlier one.

    Raises:
        InputError: the code is not of this secret.
    """
    raise NotImplementedError


def make_recovery_codes(actor: Actor, *, tools: Tools) -> list[str]:
    """Return ten new recovery codes, shown this once; the old ones stop working."""
    raise NotImplementedError


def remove_factor(actor: Actor, *, factor: UUID, tools: Tools) -> None:
    """Remove a factor.

    Raises:
        NotFound: it is none of the actor's own.
        Conflict: it is the last passkey or app.
    """
    raise NotImplementedError


def change_password(
    actor: Actor, *, old: str, new: str, keep: UUID | None = None, tools: Tools
) -> None:
    """Change the actor's password and end their other sessions.

    Args:
        keep: the session that goes on: `request.session.row_id`. The view then calls
            `sessions.renew(request)`.

    Raises:
        InputError: the old one is wrong, or the new one too short, too long or the address.
    """
    raise NotImplementedError
