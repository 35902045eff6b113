"""Passkeys: what browsers are asked, and what is believed of their answers.

The arithmetic is `fido2`'s. Challenges are kept in the memory of the one serving process, work once
and for five minutes.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from countenance.errors import InputError
from countenance.tools import Tools

# The library writes the ids of credentials into its log, which are about people.
logging.getLogger("fido2").setLevel(logging.WARNING)

CHALLENGE_LASTS = timedelta(minutes=5)
CHALLENGE_BYTES = 32
MOST_CHALLENGES = 5000
ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA and RS256, which every authenticator knows one of; the library would take SHA-1 too."""

# What the library raises about an answer that is not right, or no answer at all.
_NOT_RIGHT = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    AssertionError,
    OverflowError,
    RecursionError,
    struct.error,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the web app is reached: a passkey works there and nowhere else.

    Attributes:
        rp_id: the host name, without port.
        origin: scheme, host and port, as a browser writes it (`https://example.org:8443`).
        name: what the browser shows.
    """

    rp_id: str
    origin: str
    name: str = "Countenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A credential as it is kept, sealed: its id and public key, and how often it was used."""

    credential: bytes
    sign_count: int

    @property
    def id(self) -> bytes:
        """Return the id by which the browser names it."""
        return AttestedCredentialData(self.credential).credential_id


class Purpose(StrEnum):
    """What a challenge is for; the answer to one is no answer to another."""

    SIGN_IN = "sign_in"  # asked for by strangers; of these, and of no others, they can ask for many
    PROVE = "prove"
    ADD = "add"
    JOIN = "join"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A challenge that waits for its answer: for whom it was made, and what the library remembers."""

    purpose: Purpose
    user: UUID | None
    about: UUID | None
    state: Mapping[str, Any]
    until: datetime


class Challenges:
    """Challenges in memory: each is taken once, in time, and only so many are kept of a purpose."""

    def __init__(self, most: int = MOST_CHALLENGES) -> None:
        """Start with none."""
        self._most = most
        self._lock = threading.Lock()
        # In the order in which they were made. Of each purpose apart, so that strangers who ask for
        # many push nobody out who is adding a passkey.
        self._waiting: dict[Purpose, dict[str, Pending]] = {purpose: {} for purpose in Purpose}

    def put(self, pending: Pending, *, tools: Tools) -> str:
        """Keep a challenge and return its number."""
        number = tools.token_bytes(CHALLENGE_BYTES).hex()
        with self._lock:
            waiting = self._waiting[pending.purpose]
            while len(waiting) >= self._most:
                del waiting[next(iter(waiting))]
            waiting[number] = pending
        return number

    def take(self, number: str, purpose: Purpose, *, tools: Tools) -> Pending:
        """Return the challenge of this number, which works no more.

        Raises:
            InputError: there is none of this purpose, or no longer.
        """
        with self._lock:
            pending = self._waiting[purpose].pop(number, None)
        if pending is None or pending.until < tools.clock():
            raise InputError("This took too long, or was sent twice. Begin again.")
        return pending


challenges = Challenges()


def ask_for_proof(
    site: Site, *, purpose: Purpose = Purpose.SIGN_IN, tools: Tools
) -> tuple[dict[str, Any], str]:
    """Return what `navigator.credentials.get` is asked, and the number of the challenge."""
    options, state = _server(site).authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=tools.token_bytes(CHALLENGE_BYTES),
    )
    return dict(options), _keep(purpose, state, None, None, tools=tools)


def ask_for_passkey(
    site: Site,
    *,
    purpose: Purpose,
    user: UUID,
    about: UUID | None,
    name: str,
    email: str,
    known: Sequence[bytes],
    tools: Tools,
) -> tuple[dict[str, Any], str]:
    """Return what `navigator.credentials.create` is asked, and the number of the challenge.

    Args:
        site: where.
        purpose: `ADD` or `JOIN`.
        user: the pseudonym that the passkey keeps: the person's id, which is random.
        about: what the challenge belongs to besides, such as an invitation.
        name: the person's, shown by the authenticator only.
        email: likewise.
        known: credentials that they have already, so that no authenticator makes a second one.
        tools: the clock and randomness.
    """
    options, state = _server(site).register_begin(
        PublicKeyCredentialUserEntity(id=user.bytes, name=email, display_name=name),
        credentials=[AttestedCredentialData(credential) for credential in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=tools.token_bytes(CHALLENGE_BYTES),
    )
    return dict(options), _keep(purpose, state, user, about, tools=tools)


def check_registration(pending: Pending, answer: Mapping[str, Any], *, site: Site) -> Passkey:
    """Return the new passkey.

    Raises:
        InputError: the answer is of another site or challenge, or without the person's verification.
    """
    try:
        response = RegistrationResponse.from_dict(answer)
        data = _server(site).register_complete(pending.state, response)
        made = data.credential_data
        if (
            made is None
            or made.public_key[3] not in ALGORITHMS
            or response.raw_id != made.credential_id
            or response.response.client_data.cross_origin
        ):
            raise ValueError(made)
        # A key that cannot be used is found now, and not at the first sign-in.
        CoseKey.parse(dict(made.public_key))
    except _NOT_RIGHT:
        raise InputError("This passkey was not made for this site. Begin again.") from None
    return Passkey(credential=bytes(made), sign_count=data.counter)


def credential_id(answer: Mapping[str, Any]) -> bytes:
    """Return the id of the credential that answers, or nothing where there is no such thing."""
    try:
        return websafe_decode(answer["rawId"])
    except _NOT_RIGHT:
        return b""


def check_proof(
    pending: Pending, answer: Mapping[str, Any], *, passkey: Passkey, user: UUID, site: Site
) -> int:
    """Return the new sign count of the passkey that signed the challenge, and says whose it is.

    Raises:
        InputError: it did not, or not here, or not with the person's verification, or for another
            person; or its count went back, which says that it was copied.
    """
    try:
        response = AuthenticationResponse.from_dict(answer)
        known = AttestedCredentialData(passkey.credential)
        _server(site).authenticate_complete(pending.state, [known], response)
        handle = response.response.user_handle
        if response.response.client_data.cross_origin or handle != user.bytes:
            raise ValueError(handle)
        count = response.response.authenticator_data.counter
    except _NOT_RIGHT:
        raise InputError("The passkey's answer is not right.") from None
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        raise InputError("The passkey's sign count went back.")
    return count


def as_text(credential: bytes) -> str:
    """Return a credential as text, for a JSON column."""
    return websafe_encode(credential)


def from_text(text: str) -> bytes:
    """Return the credential that `as_text` was given."""
    return websafe_decode(text)


def _server(site: Site) -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=site.rp_id, name=site.name),
        # The library would take any sub-domain.
        verify_origin=lambda origin: origin == site.origin,
    )
    server.allowed_algorithms = [one for one in server.allowed_algorithms if one.alg in ALGORITHMS]
    return server


def _keep(
    purpose: Purpose,
    state: Mapping[str, Any],
    user: UUID | None,
    about: UUID | None,
    *,
    tools: Tools,
) -> str:
    until = tools.clock() + CHALLENGE_LASTS
    pending = Pending(purpose=purpose, user=user, about=about, state=state, until=until)
    return challenges.put(pending, tools=tools)
