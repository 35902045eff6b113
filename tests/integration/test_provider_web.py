"""Signing in with a provider in the web app, and the pages on which it is set and linked."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import provider_help
from clients import client_of
from django.test import Client
from factories import other_agency
from fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
)
from provider_help import (
    BACK,
    come_in,
    link,
    set_for,
    start,
)

from countenance.apps.agencies import providers, sessions
from countenance.apps.agencies.models import Provider, ProviderAccount

on, provider = provider_help.on, provider_help.provider


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
