"""OpenID Connect as far as it is used here: the authorization code flow, and what an ID token must say.

The protocol's parts are those of `authlib` and `joserfc`; here stands which of them are asked for, and
what is believed. Nothing here knows people or the database.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from countenance.apps.agencies import outbound
from countenance.errors import InputError, NotVouched, ProviderUnusable
from countenance.tools import Tools

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
"""How an ID token may be signed: with a key of the provider that only the provider has."""
SECOND_FACTORS = frozenset({"mfa", "hwk", "otp", "sc"})
"""Values of `amr` (RFC 8176) that stand for more than a password: several factors, a hardware key, a
one-time code, a smart card. Messages and calls to a telephone (`sms`, `tel`) do not count."""
FRESH = timedelta(minutes=15)
"""How long ago the person may have proved to the provider who they are: no longer than a session of ours
stays open unused, so that an idle browser is no way in."""
LEEWAY = timedelta(minutes=1)
SECRET_BYTES = 32
LONGEST_SUBJECT = 255
LONGEST_NAME = 120

_NOT_RIGHT = (
    AuthlibBaseError,
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What the libraries raise about an answer that is not right, or no answer at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a coordinator wrote down about the provider."""

    issuer: str
    client_id: str
    client_secret: str
    acr: tuple[str, ...] = ()  # each vouches for a second factor, as agreed with the provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a provider says of itself, as far as it is used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool  # the secret in a header; otherwise in the form
    names_itself: bool  # in each answer that goes through the browser (RFC 9207)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, kept until the answer comes; none of it counts twice."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    anew: bool  # the person has to prove to the provider who they are, this once
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom the provider vouches for."""

    issuer: str
    sub: str
    name: str  # as the provider writes it; shown to its owner only, and kept nowhere


class _Registry(JWSRegistry):
    """The algorithms that are taken, each of them without a word in the log."""

    def get_alg(self, name: str) -> Any:
        """Return an algorithm of ours.

        Raises:
            UnsupportedAlgorithmError: it is none; `none` and those with a shared secret never are.
        """
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def discover(issuer: str, *, private: Collection[str], tools: Tools) -> Metadata:
    """Return what a provider says of itself.

    Raises:
        ProviderUnusable: it does not answer, or not as a provider that can be used.
        InputError: an address in it may not be one.
    """
    with outbound.asking(private=private, tools=tools) as client:
        found = outbound.read_json(client, get_well_known_url(issuer, external=True))
    if found.get("issuer") != issuer:
        raise ProviderUnusable(
            "The provider calls itself by another address than the one given. Write it exactly as the "
            "provider does, with or without a slash at the end."
        )
    _must_have(found, "response_types_supported", "code")
    _must_have(found, "code_challenge_methods_supported", "S256")
    if ALGORITHMS.isdisjoint(_list(found, "id_token_signing_alg_values_supported")):
        raise ProviderUnusable("The provider signs with no algorithm that is taken here.")
    endpoints = {
        name: outbound.check_url(found.get(name), private=private)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    methods = _list(found, "token_endpoint_auth_methods_supported")
    return Metadata(
        **endpoints,
        takes_basic=not methods or "client_secret_basic" in methods,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _list(found: Mapping[str, Any], name: str) -> list[str]:
    value = found.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _must_have(found: Mapping[str, Any], name: str, wanted: str) -> None:
    """Refuse a provider that lists what it can do, and this not."""
    if name in found and wanted not in _list(found, name):
        raise ProviderUnusable(f"The provider does not offer “{wanted}”, which is needed.")


def begin(
    settings: Settings, metadata: Metadata, *, redirect_uri: str, anew: bool, tools: Tools
) -> tuple[str, Asked]:
    """Return where to send the browser, and what to keep until it comes back.

    Args:
        settings: of the provider.
        metadata: what it says of itself.
        redirect_uri: where it sends the browser afterwards.
        anew: whether the person is to prove themselves there even if they did a moment ago.
        tools: the clock and randomness.
    """
    state, nonce, verifier = (tools.token_bytes(SECRET_BYTES).hex() for _ in range(3))
    asked = Asked(
        state=state,
        nonce=nonce,
        verifier=verifier,
        redirect_uri=redirect_uri,
        anew=anew,
        at=tools.clock(),
    )
    more = {"acr_values": " ".join(settings.acr)} if settings.acr else {}
    if anew:
        more["prompt"] = "login"
    client = OAuth2Client(
        None,
        client_id=settings.client_id,
        redirect_uri=redirect_uri,
        scope="openid profile" if anew else "openid",
        code_challenge_method="S256",
    )
    url, _ = client.create_authorization_url(
        metadata.authorization_endpoint,
        state=state,
        nonce=nonce,
        code_verifier=verifier,
        max_age=str(int(FRESH.total_seconds())),
        **more,
    )
    return str(url), asked


def finish(
    settings: Settings,
    metadata: Metadata,
    asked: Asked,
    answer: Mapping[str, str],
    *,
    private: Collection[str],
    tools: Tools,
) -> Subject:
    """Return whom the provider vouches for, after its answer through the browser.

    Raises:
        ProviderUnusable: anything about the answer, the exchange or the ID token is not right.
        NotVouched: all is right, but no second factor was used, as far as the provider says.
    """
    try:
        code = _code_of(settings, metadata, asked, answer)
        with outbound.asking(private=private, tools=tools) as client:
            token = _token(client, settings, metadata, asked, code)
            keys = outbound.read_json(client, metadata.jwks_uri)
        claims = verify(token["id_token"], keys, settings, asked, tools=tools)
    except ProviderUnusable:
        raise
    except (*_NOT_RIGHT, InputError):
        raise ProviderUnusable from None
    if not _is_vouched(claims, settings.acr):
        raise NotVouched
    name = claims.get("preferred_username") or claims.get("name") or ""
    return Subject(
        issuer=settings.issuer,
        sub=claims["sub"],
        name=name[:LONGEST_NAME] if isinstance(name, str) else "",
    )


def _code_of(
    settings: Settings, metadata: Metadata, asked: Asked, answer: Mapping[str, str]
) -> str:
    """Return the code in an answer to what was asked, from whom it was asked."""
    if not hmac.compare_digest(answer.get("state", "").encode(), asked.state.encode()):
        raise ProviderUnusable
    issuer = answer.get("iss")
    if issuer != settings.issuer and (issuer is not None or metadata.names_itself):
        raise ProviderUnusable
    uri = f"{asked.redirect_uri}?{urlencode(dict(answer))}"
    return str(parse_authorization_code_response(uri, state=asked.state)["code"])


def _token(
    client: httpx.Client, settings: Settings, metadata: Metadata, asked: Asked, code: str
) -> Mapping[str, Any]:
    """Exchange a code for the tokens that it stands for; the provider counts it once."""
    proof: dict[str, Any] = {"auth": httpx.BasicAuth(settings.client_id, settings.client_secret)}
    if not metadata.takes_basic:
        proof = {
            "auth": httpx.Auth(),  # nothing in a header
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
    exchange = OAuth2Client(client, redirect_uri=asked.redirect_uri)
    token: Mapping[str, Any] = exchange.fetch_token(
        metadata.token_endpoint,
        grant_type="authorization_code",
        code=code,
        code_verifier=asked.verifier,
        **proof,
    )
    return token


def verify(
    id_token: str, keys: Mapping[str, Any], settings: Settings, asked: Asked, *, tools: Tools
) -> dict[str, Any]:
    """Return the claims of an ID token that is signed by the provider, for us, now, for this one flow.

    Raises:
        Exception: one of the libraries' or `ValueError`, whatever is wrong.
    """
    read = jwt.decode(id_token, KeySet.import_key_set(keys), registry=_Registry())  # type: ignore[arg-type] # it looks for itself what it was given
    claims = CodeIDToken(
        read.claims,
        read.header,
        options={
            "iss": {"essential": True, "value": settings.issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": settings.client_id},
            "nonce": {"essential": True, "value": asked.nonce},
            "auth_time": {"essential": True},
        },
        params={"client_id": settings.client_id, "nonce": asked.nonce, "max_age": True},
    )
    now = tools.clock()
    claims.validate(now=int(now.timestamp()), leeway=int(LEEWAY.total_seconds()))
    # Nobody else may have a use for the same token.
    if claims["aud"] not in (settings.client_id, [settings.client_id]):
        raise ValueError("aud")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise ValueError("sub")
    proved_since = asked.at if asked.anew else now - FRESH
    _within(claims["auth_time"], proved_since, now)
    _within(claims["iat"], asked.at, now)
    return dict(claims)


def _within(moment: object, start: datetime, end: datetime) -> None:
    """Refuse what is not a moment between these two, give or take what clocks differ by."""
    if isinstance(moment, bool) or not isinstance(moment, int | float) or not math.isfinite(moment):
        raise ValueError(moment)
    if not (start - LEEWAY).timestamp() <= moment <= (end + LEEWAY).timestamp():
        raise ValueError(moment)


def _is_vouched(claims: Mapping[str, Any], acr: Collection[str]) -> bool:
    """Say whether the provider says that a second factor was used."""
    methods = claims.get("amr")
    if isinstance(methods, list) and any(
        isinstance(one, str) and one in SECOND_FACTORS for one in methods
    ):
        return True
    level = claims.get("acr")
    return isinstance(level, str) and level in acr
