"""Signing in with the provider of one's organisation: who comes in, and every way in which nobody does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from clients import client_of
from django.db import connection
from django.test import Client
from factories import other_agency
from fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    SUB,
    serving,
    signed_with_public_key,
    signed_with_shared_secret,
    unsigned,
)
from joserfc.jwk import RSAKey
from sign_in_help import with_clock

from countenance import errors
from countenance.apps.agencies import outbound, provider_rows, providers, sessions
from countenance.apps.agencies.flows import MOST, waiting
from countenance.apps.agencies.models import Person, Provider, ProviderAccount, SignInSession
from countenance.apps.records.models import LedgerRow

BACK = "http://testserver/sign-in/callback/"


@pytest.fixture
def provider(settings):
    settings.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    provider_rows.forget_metadata()
    with serving() as one:
        yield one


@pytest.fixture
def on(deployment, provider):
    """Return the deployment with the provider set for its agency."""
    set_for(deployment, provider)
    return deployment


def set_for(on, provider, actor=None, **changes):
    given = {"issuer": provider.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return providers.set_provider(actor or on.actor, **(given | changes), tools=on.tools)


def visit_of(on, agency=None, actor=None):
    """Begin a visit and return where the browser is sent, and its number."""
    if actor is not None:
        return providers.begin_link(actor, redirect_uri=BACK, tools=on.tools)
    agency = agency or on.agency.pk
    return providers.begin_sign_in(agency, redirect_uri=BACK, where="/", tools=on.tools)


def link(on, provider, actor=None):
    actor = actor or on.actor
    url, number = visit_of(on, actor=actor)
    visit = providers.take_visit(number, tools=on.tools)
    number = providers.find(visit, provider.come_back(url), tools=on.tools)
    providers.link_account(actor, number=number, tools=on.tools)


def sign_in(on, provider, **changes):
    """Sign in through the provider, with changes to what the browser brings back."""
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    answer = provider.come_back(url) | changes
    return providers.sign_in_with_provider(visit, answer, tools=on.tools)


def refused(on, provider, **changes):
    with pytest.raises(errors.NotSignedIn) as refusal:
        sign_in(on, provider, **changes)
    assert last_action() == "person.sign_in_refused"
    return refusal.value


def last_action():
    return LedgerRow.objects.order_by("-index").first().action


def test_a_linked_person_signs_in(on, provider):
    link(on, provider)
    assert last_action() == "provider.linked"
    signed_in = sign_in(on, provider)
    assert (signed_in.person.pk, signed_in.method) == (on.person.pk, "provider")
    assert not signed_in.recovery
    assert last_action() == "person.signed_in"


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
    assert providers.sign_in_with_provider(visit, answer, tools=on.tools)
    with pytest.raises(errors.NotSignedIn):
        providers.sign_in_with_provider(visit, answer, tools=on.tools)
    with pytest.raises(errors.InputError):
        providers.take_visit(number, tools=on.tools)


def test_a_visit_ends_after_five_minutes(on, provider):
    tools, clock = with_clock(on.tools)
    _, number = providers.begin_sign_in(on.agency.pk, redirect_uri=BACK, where="/", tools=tools)
    clock.move(minutes=5, seconds=1)
    with pytest.raises(errors.InputError):
        providers.take_visit(number, tools=tools)


def test_strangers_who_begin_many_visits_push_out_no_link(on, provider):
    _, number = visit_of(on, actor=on.actor)
    one = waiting.take_visit(visit_of(on)[1], tools=on.tools)
    for _ in range(MOST + 1):
        waiting.put(one, tools=on.tools)
    assert providers.take_visit(number, tools=on.tools).person == on.actor.person


def test_somebody_who_is_not_linked_does_not_come_in(on, provider):
    assert refused(on, provider).detail == providers.REFUSED
    link(on, provider)
    provider.sub = SUB.lower()
    assert refused(on, provider).detail == providers.REFUSED
    assert Person.objects.count() == 3


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


def test_a_suspended_person_does_not_come_in(on, provider):
    link(on, provider, on.examiner)
    person = Person.objects.get(pk=on.examiner.person)
    person.standing |= {"suspended": {"at": "2026-01-01"}}
    person.save()
    assert refused(on, provider).detail == providers.REFUSED


def test_people_of_a_suspended_agency_do_not_come_in(on, provider):
    link(on, provider)
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    on.agency.standing = (on.agency.standing or {}) | {"suspended": {"at": "2026-01-01"}}
    on.agency.save()
    with pytest.raises(errors.NotSignedIn):
        providers.sign_in_with_provider(visit, provider.come_back(url), tools=on.tools)
    with pytest.raises(errors.NotFound):
        visit_of(on)


def test_whose_training_has_ended_is_told_so(on, provider):
    link(on, provider, on.examiner)
    person = Person.objects.get(pk=on.examiner.person)
    person.standing |= {"trained_until": "2020-01-01"}
    person.save()
    with pytest.raises(errors.CertificateMissing):
        sign_in(on, provider)


def test_one_agencys_provider_opens_no_other_agency(on, provider):
    link(on, provider)
    boss = other_agency(on)
    # The same provider, account and client, set by the coordinator of another agency.
    set_for(on, provider, boss)
    url, number = visit_of(on, agency=boss.agency)
    visit = providers.take_visit(number, tools=on.tools)
    answer = provider.come_back(url)
    with pytest.raises(errors.NotSignedIn):
        providers.sign_in_with_provider(visit, answer, tools=on.tools)
    # The answer of one agency's visit, given to the visit of another.
    _, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    with pytest.raises(errors.NotSignedIn):
        providers.sign_in_with_provider(visit, answer, tools=on.tools)


def test_a_visit_does_not_outlive_the_providers_settings(on, provider):
    link(on, provider)
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    set_for(on, provider, client_id="another-client")
    with pytest.raises(errors.NotSignedIn):
        providers.sign_in_with_provider(visit, provider.come_back(url), tools=on.tools)


def test_an_account_is_linked_with_one_person_only(on, provider):
    link(on, provider)
    with pytest.raises(errors.Conflict):
        link(on, provider, on.examiner)
    assert ProviderAccount.objects.get().person_id == on.person.pk


def test_a_row_that_is_moved_to_somebody_else_opens_nothing(on, provider):
    link(on, provider)
    ProviderAccount.objects.update(person_id=on.examiner.person)
    refused(on, provider)
    ProviderAccount.objects.update(person_id=on.actor.person)
    assert sign_in(on, provider).person.pk == on.actor.person


def test_what_was_found_is_linked_by_who_looked_only_and_with_a_proof(on, provider):
    url, number = visit_of(on, actor=on.actor)
    visit = providers.take_visit(number, tools=on.tools)
    number = providers.find(visit, provider.come_back(url), tools=on.tools)
    with pytest.raises(errors.NotFound):
        providers.link_account(on.examiner, number=number, tools=on.tools)
    with pytest.raises(errors.StepUpNeeded):
        providers.link_account(replace(on.actor, stepped_up_at=None), number=number, tools=on.tools)
    providers.link_account(on.actor, number=number, tools=on.tools)
    with pytest.raises(errors.NotFound):
        providers.link_account(on.actor, number=number, tools=on.tools)


def test_a_link_ends_when_its_person_says_so(on, provider):
    link(on, provider)
    providers.unlink_account(on.actor, tools=on.tools)
    assert last_action() == "provider.unlinked"
    refused(on, provider)
    with pytest.raises(errors.NotFound):
        providers.unlink_account(on.actor, tools=on.tools)


def test_only_a_coordinator_with_a_proof_sets_a_provider(deployment, provider):
    with pytest.raises(errors.RoleMissing):
        set_for(deployment, provider, deployment.examiner)
    with pytest.raises(errors.StepUpNeeded):
        set_for(deployment, provider, replace(deployment.actor, stepped_up_at=None))
    with pytest.raises(errors.RoleMissing):
        providers.try_out(deployment.examiner, issuer=provider.url, tools=deployment.tools)
    assert Provider.objects.count() == 0
    set_for(deployment, provider)
    assert last_action() == "provider.set"
    assert provider.requests == []


def test_links_and_sessions_end_with_the_provider(on, provider):
    link(on, provider)
    client = come_in(on, provider)
    own = client_of(on)
    set_for(on, provider, client_secret="another-secret")
    assert SignInSession.objects.count() == 2
    providers.remove_provider(on.actor, tools=on.tools)
    assert ProviderAccount.objects.count() == 0
    assert client.get("/account/").status_code == 302
    assert own.get("/account/").status_code == 200
    with pytest.raises(errors.NotFound):
        providers.remove_provider(on.actor, tools=on.tools)


def test_another_issuer_ends_links(on, provider):
    link(on, provider)
    set_for(on, provider, issuer="https://login.example.org")
    assert ProviderAccount.objects.count() == 0


def test_neither_secret_nor_subject_nor_issuer_is_readable_in_the_database(on, provider):
    link(on, provider)
    come_in(on, provider)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            text = cursor.fetchone()[0] or ""
            for secret in (CLIENT_SECRET, SUB, CLIENT_ID, provider.url, provider.name):
                assert secret not in text, table
                assert secret.encode().hex() not in text, table


# Where a provider may be.


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


# In the web app.


def start(client, on, **data):
    return client.get(f"/sign-in/with/{on.agency.pk}/", data)


def come_in(on, provider, **data):
    """Return a client that came in through the provider."""
    client = Client()
    url = start(client, on, **data)["Location"]
    answer = client.get("/sign-in/callback/", provider.come_back(url))
    assert answer.status_code == 200
    return client


def test_whoever_comes_back_is_led_to_the_page_they_wanted(on, provider):
    link(on, provider)
    client = Client()
    answer = start(client, on, next="/galleries/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(provider.url + "/authorize?")
    cookie = client.cookies["provider"]
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Lax", True, "/")
    assert cookie["max-age"] == 300
    answer = client.get("/sign-in/callback/", provider.come_back(answer["Location"]))
    assert b'content="0; url=/galleries/"' in answer.content
    assert client.cookies["provider"].value == ""
    assert client.get("/galleries/").status_code == 200
    assert "your organisation's sign-in" in client.get("/account/").content.decode().replace(
        "&#x27;", "'"
    )


def test_nobody_is_led_to_another_site(on, provider):
    link(on, provider)
    client = Client()
    url = start(client, on, next="https://evil.example.org/")["Location"]
    answer = client.get("/sign-in/callback/", provider.come_back(url))
    assert b'content="0; url=/"' in answer.content


def test_a_provider_is_no_proof_for_what_needs_one(on, provider):
    link(on, provider)
    client = come_in(on, provider)
    session = sessions.SessionStore(client.cookies["sessionid"].value)
    assert session.get(sessions.PROVED_AT) is None
    assert client.get("/account/tokens/new/").status_code == 403
    assert client.post("/account/recovery-codes/").status_code == 403


def test_an_answer_counts_in_the_browser_that_asked_only(on, provider):
    link(on, provider)
    asked, other = Client(), Client()
    back = provider.come_back(start(asked, on)["Location"])
    start(other, on)
    for client in (Client(), other):
        answer = client.get("/sign-in/callback/", back)
        assert answer.status_code == 422
        assert "sessionid" not in client.cookies or not client.cookies["sessionid"].value
    assert asked.get("/sign-in/callback/", back).status_code == 200
    again = Client()
    again.cookies["provider"] = asked.cookies["provider"].value
    assert again.get("/sign-in/callback/", back).status_code == 422


def test_the_answer_tells_nothing_of_an_agency_without_a_provider(deployment, provider):
    set_for(deployment, provider)
    other = other_agency(deployment)
    known = Client().get(f"/sign-in/with/{other.agency}/")
    unknown = Client().get(f"/sign-in/with/{uuid4()}/")
    provider.metadata = {"issuer": "https://login.example.org"}
    broken = start(Client(), deployment)
    bodies = {
        one.content.split(b'name="csrfmiddlewaretoken"')[0] for one in (known, unknown, broken)
    }
    assert {one.status_code for one in (known, unknown, broken)} == {404}
    assert len(bodies) == 1
    assert dict(known.headers).keys() == dict(unknown.headers).keys()


def test_every_code_leads_on_alike(on):
    for agency in (on.agency.pk, uuid4()):
        answer = Client().get("/sign-in/with/", {"agency": str(agency)})
        assert answer.status_code == 200
        assert f"url=/sign-in/with/{agency}/".encode() in answer.content
    assert Client().get("/sign-in/with/", {"agency": "abc"}).status_code == 422
    assert Client().get("/sign-in/with/").status_code == 200


def test_whoever_is_signed_in_is_not_replaced(on, provider):
    link(on, provider, on.examiner)
    client = client_of(on)
    assert start(client, on)["Location"] == "/"
    stranger = Client()
    back = provider.come_back(start(stranger, on)["Location"])
    client.cookies["provider"] = stranger.cookies["provider"].value
    assert client.get("/sign-in/callback/", back)["Location"] == "/"
    assert b"Test Person" in client.get("/account/").content


def test_a_person_links_their_account_on_their_own_page(on, provider):
    client = client_of(on)
    assert b"not linked" in client.get("/account/provider/").content
    url = client.get("/account/provider/start/")["Location"]
    # The browser comes from another site and shows no strict cookie.
    stranger = Client()
    stranger.cookies["provider"] = client.cookies["provider"].value
    answer = stranger.get("/sign-in/callback/", provider.come_back(url))
    assert b"url=/account/provider/confirm/" in answer.content
    assert ProviderAccount.objects.count() == 0
    client.cookies["provider-found"] = stranger.cookies["provider-found"].value
    page = client.get("/account/provider/confirm/").content.decode()
    assert provider.name in page
    assert client.post("/account/provider/confirm/")["Location"] == "/account/"
    assert ProviderAccount.objects.get().person_id == on.person.pk
    assert client.post("/account/provider/unlink/")["Location"] == "/account/"
    assert ProviderAccount.objects.count() == 0


def test_nobody_confirms_what_another_found(on, provider):
    client, other = client_of(on), client_of(on, on.examiner)
    url = client.get("/account/provider/start/")["Location"]
    client.get("/sign-in/callback/", provider.come_back(url))
    other.cookies["provider-found"] = client.cookies["provider-found"].value
    assert other.get("/account/provider/confirm/").status_code == 404
    assert other.post("/account/provider/confirm/").status_code == 404
    assert ProviderAccount.objects.count() == 0


def test_linking_begins_after_a_proof_only(on):
    client = client_of(on)
    session = sessions.SessionStore(client.cookies["sessionid"].value)
    sessions.stepped_up(session, on.tools.clock() - timedelta(hours=1))
    session.save()
    assert client.get("/account/provider/start/")["Location"] == "/account/provider/"
    assert client.get("/account/provider/").status_code == 403


def test_the_coordinators_page_sets_the_provider_and_never_shows_the_secret(deployment, provider):
    client = client_of(deployment)
    given = {
        "issuer": provider.url,
        "client_id": CLIENT_ID,
        "client_password": CLIENT_SECRET,
        "acr": "high",
    }
    wrong = client.post("/people/provider/", given | {"issuer": provider.url + "/"})
    assert wrong.status_code == 422
    assert CLIENT_SECRET.encode() not in wrong.content
    assert Provider.objects.count() == 0
    assert client.post("/people/provider/", given)["Location"] == "/people/provider/"
    page = client.get("/people/provider/").content.decode()
    assert str(urlsplit(BACK).path) in page
    assert f"/sign-in/with/{deployment.agency.pk}/" in page
    assert CLIENT_SECRET not in page
    assert providers.of(deployment.actor).acr == ("high",)
    assert client.get("/people/provider/remove/").status_code == 200
    assert client.post("/people/provider/remove/").status_code == 302
    assert Provider.objects.count() == 0


def test_only_coordinators_see_that_page(deployment):
    assert client_of(deployment, deployment.examiner).get("/people/provider/").status_code == 403
