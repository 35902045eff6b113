"""What a provider says, and every way in which it is not believed."""

from __future__ import annotations

from dataclasses import replace

import provider_help
import pytest
from fake_provider import (
    CLIENT_ID,
    signed_with_public_key,
    signed_with_shared_secret,
    unsigned,
)
from joserfc.jwk import RSAKey
from provider_help import (
    BACK,
    give,
    link,
    refused,
    set_for,
    sign_in,
    visit_of,
)

from countenance import errors
from countenance.apps.agencies import provider_rows, providers

on, provider = provider_help.on, provider_help.provider


def test_each_visit_asks_for_a_code_with_proof_of_who_asked_and_a_fresh_sign_in(on, provider):
    for _ in range(2):
        provider.come_back(visit_of(on)[0])
    first, second = provider.asked
    assert (first["response_type"], first["scope"], first["max_age"]) == ("code", "openid", "900")
    assert (first["code_challenge_method"], first["redirect_uri"]) == ("S256", BACK)
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_linking_asks_to_sign_in_anew(on, provider):
    provider.come_back(visit_of(on, actor=on.actor)[0])
    assert provider.asked[0]["prompt"] == "login"


def test_keys_of_every_allowed_kind_sign(on, provider):
    link(on, provider)
    kinds = (
        ("RS256", provider.rsa),
        ("PS256", provider.rsa),
        ("ES256", provider.ec),
        ("EdDSA", provider.ed),
        ("Ed25519", provider.ed),
    )
    for provider.algorithm, provider.key in kinds:
        assert sign_in(on, provider).person.pk == on.person.pk


def test_the_secret_goes_where_the_provider_takes_it(on, provider):
    link(on, provider)
    for kind in ("basic", "post"):
        provider.metadata = {"token_endpoint_auth_methods_supported": [f"client_secret_{kind}"]}
        provider_rows.forget_metadata()
        assert sign_in(on, provider).person.pk == on.person.pk
        assert ("client_secret" in provider.exchanges[-1]) == (kind == "post")


LIES = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "somebody-else"},
    "one more audience": {"aud": [CLIENT_ID, "somebody-else"], "azp": CLIENT_ID},
    "another party": {"azp": "somebody-else"},
    "another issuer": {"iss": "https://login.example.org"},
    "no issuer": {"iss": None},
    "expired": {"exp": 1_700_000_000},
    "no end": {"exp": None},
    "no number as end": {"exp": "tomorrow"},
    "issued long ago": {"iat": 1_700_000_000},
    "issued in the future": {"iat": 4_000_000_000},
    "proved long ago": {"auth_time": 1_700_000_000},
    "proved in the future": {"auth_time": 4_000_000_000},
    "no proof's time": {"auth_time": None},
    "true as proof's time": {"auth_time": True},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject of another kind": {"sub": ["a"]},
}


def test_a_wrong_id_token_opens_nothing(on, provider):
    link(on, provider)
    for issued, (lie, claims) in enumerate(LIES.items(), start=2):
        provider.claims = claims
        assert refused(on, provider).detail == providers.REFUSED, lie
        assert provider.issued == issued
    provider.claims = {}
    assert sign_in(on, provider)


def with_another_key(provider):
    provider.key = RSAKey.generate_key(2048, {"kid": "rsa"})


def with_its_key_inside(provider):
    with_another_key(provider)
    provider.header = {"jwk": provider.key.as_dict(private=False)}


def with_an_unknown_key(provider):
    provider.key = RSAKey.generate_key(2048, {"kid": "unknown"})


SIGNATURES = (
    unsigned,
    signed_with_public_key,
    signed_with_shared_secret,
    with_another_key,
    with_its_key_inside,
    with_an_unknown_key,
)


def test_a_wrong_signature_opens_nothing(on, provider):
    link(on, provider)
    honest = replace(provider)
    for lie in SIGNATURES:
        lie(provider)
        issued = provider.issued
        assert refused(on, provider).detail == providers.REFUSED, lie
        assert provider.issued == issued + 1
        for name in ("algorithm", "key", "header", "jwks", "shared_secret"):
            setattr(provider, name, {"key": provider.rsa}.get(name, getattr(honest, name)))
        assert sign_in(on, provider)


def test_without_keys_nothing_opens(on, provider):
    link(on, provider)
    for keys in ({"keys": []}, {"keys": "none"}, {"keys": [{}]}, {"keys": None}, ["x"], "x", 5):
        provider.jwks = keys
        assert refused(on, provider).detail == providers.REFUSED


def test_another_state_opens_nothing_and_is_not_exchanged(on, provider):
    link(on, provider)
    before = len(provider.exchanges)
    assert refused(on, provider, state="another").detail == providers.REFUSED
    assert refused(on, provider, state="").detail == providers.REFUSED
    assert len(provider.exchanges) == before


def test_the_answer_of_another_provider_is_not_exchanged(on, provider):
    link(on, provider)
    before = len(provider.exchanges)
    assert refused(on, provider, iss="https://login.example.org").detail == providers.REFUSED
    provider.answer = {"iss": None}
    assert refused(on, provider).detail == providers.REFUSED
    assert len(provider.exchanges) == before


def test_an_answer_without_a_code_asks_for_no_token(on, provider):
    link(on, provider)
    before = len(provider.exchanges)
    provider.answer = {"code": None, "error": "access_denied"}
    assert refused(on, provider).detail == providers.REFUSED
    assert len(provider.exchanges) == before


def test_a_code_counts_once_and_so_does_a_visit(on, provider):
    link(on, provider)
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    answer = provider.come_back(url)
    assert give(on, visit, answer)
    with pytest.raises(errors.NotSignedIn):
        give(on, visit, answer)
    with pytest.raises(errors.InputError):
        providers.take_visit(number, tools=on.tools)


def test_without_a_second_factor_nobody_comes_in(on, provider):
    link(on, provider)
    for amr in (None, ["pwd"], ["pwd", "sms"], [["mfa"]], [], ["MFA"]):
        provider.claims = {"amr": amr, "acr": "high"}
        assert "second factor" in refused(on, provider).detail
    with pytest.raises(errors.NotVouched):
        link(on, provider)
    provider.claims = {"amr": "mfa"}
    assert refused(on, provider).detail == providers.REFUSED


def test_a_second_factor_counts(on, provider):
    link(on, provider)
    for amr in ("mfa", "hwk", "otp", "sc"):
        provider.claims = {"amr": ["pwd", amr]}
        assert sign_in(on, provider)


def test_a_level_counts_that_the_coordinator_listed(on, provider):
    set_for(on, provider, acr=["high", "higher"])
    provider.claims = {"amr": None, "acr": "higher"}
    link(on, provider)
    assert sign_in(on, provider)
    assert provider.asked[-1]["acr_values"] == "high higher"
    provider.claims = {"amr": None, "acr": "low"}
    refused(on, provider)
