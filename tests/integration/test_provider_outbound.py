"""Where a provider may be, and what is asked of it."""

from __future__ import annotations

import httpx
import provider_help
import pytest

from countenance import errors
from countenance.apps.agencies import outbound, providers

on, provider = provider_help.on, provider_help.provider


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.org",
        "http://localhost:8080",
        "ftp://login.example.org",
        "https://",
        "https://user:password@login.example.org",
        "https://login.example.org/#part",
        "https://login.example.org/a b",
        "https://[login",
        "https://login.example.org:port",
        "login.example.org",
        "",
        "https://login.example.org/" + 500 * "a",
    ],
)
def test_a_provider_has_an_https_address(issuer):
    with pytest.raises(errors.InputError):
        outbound.check_url(issuer, private=())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert outbound.is_public(address) is public


def test_a_provider_in_the_own_network_is_asked_only_if_the_operator_named_it(
    on, provider, settings
):
    settings.PRIVATE_PROVIDERS = frozenset()
    for issuer in ("https://127.0.0.1:9", "https://localhost:9", "https://[::1]:9"):
        with pytest.raises(errors.ProviderUnusable):
            providers.try_out(on.actor, issuer=issuer, tools=on.tools)
    with pytest.raises(errors.InputError):
        providers.try_out(on.actor, issuer=provider.url, tools=on.tools)
    assert provider.requests == []


def test_no_redirect_is_followed(deployment, provider):
    provider.redirects = True
    with pytest.raises(errors.ProviderUnusable):
        providers.try_out(deployment.actor, issuer=provider.url, tools=deployment.tools)
    assert provider.requests == ["/.well-known/openid-configuration"]


CANNOT_BE_USED = (
    {"issuer": "https://login.example.org"},
    {"padding": 300_000 * "a"},
    {"response_types_supported": ["token"]},
    {"code_challenge_methods_supported": ["plain"]},
    {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    {"id_token_signing_alg_values_supported": None},
    {"token_endpoint": "http://login.example.org/token"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"jwks_uri": None},
    {"jwks_uri": 5},
)


def test_a_provider_that_cannot_be_used_is_refused_when_it_is_tried(deployment, provider):
    for provider.metadata in CANNOT_BE_USED:
        with pytest.raises(errors.InputError):
            providers.try_out(deployment.actor, issuer=provider.url, tools=deployment.tools)
    provider.metadata = {}
    providers.try_out(deployment.actor, issuer=provider.url, tools=deployment.tools)


def test_what_was_looked_up_is_what_is_asked(deployment, monkeypatch):
    found = [(0, 0, 0, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *_, **__: found)
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    carried = outbound.Guarded(
        private=(), tools=deployment.tools, inner=httpx.MockTransport(answer)
    )
    with httpx.Client(transport=carried) as client:
        assert client.get("https://login.example.org/a").json() == {}
        assert str(asked[0].url) == "https://93.184.215.14/a"
        assert asked[0].headers["Host"] == "login.example.org"
        assert asked[0].extensions["sni_hostname"] == "login.example.org"
        # One address in the own network among several is enough.
        found.append((0, 0, 0, "", ("10.0.0.1", 443)))
        with pytest.raises(errors.ProviderUnusable):
            client.get("https://login.example.org/a")
        with pytest.raises(errors.InputError):
            client.get("http://login.example.org/a")
    assert len(asked) == 1


def test_only_so_many_ask_at_once(deployment, provider, monkeypatch):
    monkeypatch.setattr(outbound, "_room", outbound.threading.BoundedSemaphore(1))
    with outbound.asking(private=(), tools=deployment.tools), pytest.raises(errors.InputError):
        providers.try_out(deployment.actor, issuer=provider.url, tools=deployment.tools)
    providers.try_out(deployment.actor, issuer=provider.url, tools=deployment.tools)
