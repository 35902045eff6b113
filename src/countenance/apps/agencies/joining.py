"""Accepting an invitation: password and first factor at once, so that nothing half-made remains.

The page keeps what was typed in its form until the factor is proven: nothing is stored before that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countenance.apps.agencies.models import Invitation, Person
from countenance.apps.agencies.webauthn import Site
from countenance.policy import Actor
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstApp:
    """An authenticator app as first factor: the secret of `factors.begin_app`, and a code of it."""

    secret: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPasskey:
    """A passkey as first factor: the answer to the challenge of `passkey_registration`."""

    challenge: str
    answer: Mapping[str, Any]
    name: str
    site: Site


def open_invitation(secret: str, *, tools: Tools) -> Invitation:
    """Return the invitation of this link.

    Raises:
        NotFound: there is none, or it was used, withdrawn or has expired: all the same.
    """
    raise NotImplementedError


def passkey_registration(
    secret: str, *, site: Site, tools: Tools
) -> tuple[dict[str, Any], str]:
    """Return what the browser of the invited person is asked to make a passkey, and its number.

    Raises:
        NotFound: as above.
    """
    raise NotImplementedError


def accept(
    actor: Actor, *, secret: str, password: str, first: FirstApp | FirstPasskey, tools: Tools
) -> tuple[Person, list[str]]:
    """Make the invited person's account, and return them with their recovery codes, shown this once.

    An invitation that replaces lost means of signing in sets those of the existing person anew.

    Raises:
        NotFound: the invitation does not work, or no longer.
        InputError: the password or the factor's proof is not right; everything can be tried again.
    """
    raise NotImplementedError
