"""Signing in, proving once more who one is, and signing out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance.apps.agencies.models import Person
from countenance.apps.agencies.webauthn import Site
from countenance.policy import Actor
from countenance.tools import Tools

REFUSED = (
    "The address, the password and the code do not belong together, or the account is locked for now."
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came in, and how: with a passkey, a code of an app, or a recovery code."""

    person: Person
    method: str  # Factor.PASSKEY, Factor.TOTP or Factor.RECOVERY
    recovery: bool = False  # the session may manage sign-in means only


def sign_in(actor: Actor, *, email: str, password: str, code: str, tools: Tools) -> SignedIn:
    """Return the person whose address, password and code these are.

    Args:
        code: six digits of their authenticator app, or one of their recovery codes.

    Raises:
        NotSignedIn: whatever is wrong, in one sentence and at one cost; recorded.
        CertificateMissing: everything is right, but their training has ended; recorded.
    """
    raise NotImplementedError


def passkey_challenge(*, site: Site, tools: Tools) -> tuple[dict[str, Any], str]:
    """Return what the browser's `navigator.credentials.get` is asked, as JSON types, and its number.

    The dictionary is `{"publicKey": {...}}`, binary values in URL-safe base64; the answer is taken
    in the form of `PublicKeyCredential.toJSON()`. For signing in and for proving once more.
    """
    raise NotImplementedError


def sign_in_with_passkey(
    actor: Actor, *, challenge: str, answer: Mapping[str, Any], site: Site, tools: Tools
) -> SignedIn:
    """Return the person whose passkey answered the challenge of this number.

    Raises:
        NotSignedIn: whatever is wrong, in the same sentence; recorded.
        CertificateMissing: everything is right, but their training has ended; recorded.
    """
    raise NotImplementedError


def step_up(actor: Actor, *, code: str, tools: Tools) -> datetime:
    """Return the moment at which the signed-in person proved with their app who they are.

    The view keeps it: `sessions.stepped_up(request.session, moment)`.

    Raises:
        NotSignedIn: the code is wrong or used; recorded. It counts towards the lock-out, at which
            every session of the person ends.
    """
    raise NotImplementedError


def step_up_with_passkey(
    actor: Actor, *, challenge: str, answer: Mapping[str, Any], site: Site, tools: Tools
) -> datetime:
    """Return the moment at which the signed-in person proved with a passkey who they are.

    Raises:
        NotSignedIn: it is not theirs, or the answer is not right; recorded and counted as above.
    """
    raise NotImplementedError


def sign_out(actor: Actor, *, tools: Tools) -> None:
    """Record that a person signed out; the caller ends the session (`request.session.flush()`)."""
    raise NotImplementedError
