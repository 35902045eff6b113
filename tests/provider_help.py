"""What tests of signing in through a provider share: one that serves, visits to it, who comes in."""

from __future__ import annotations

import pytest
from django.test import Client
from fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    serving,
)

from countenance import errors
from countenance.apps.agencies import provider_rows, providers
from countenance.apps.records.models import LedgerRow
from countenance.policy import SYSTEM

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


def give(on, visit, answer):
    """Give the program what a browser brought back from its visit."""
    return providers.sign_in_with_provider(SYSTEM, visit=visit, answer=answer, tools=on.tools)


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
    return give(on, visit, answer)


def refused(on, provider, **changes):
    with pytest.raises(errors.NotSignedIn) as refusal:
        sign_in(on, provider, **changes)
    assert last_action() == "person.sign_in_refused"
    return refusal.value


def last_action():
    return LedgerRow.objects.order_by("-index").first().action


def start(client, on, **data):
    return client.get(f"/sign-in/with/{on.agency.pk}/", data)


def come_in(on, provider, **data):
    """Return a client that came in through the provider."""
    client = Client()
    url = start(client, on, **data)["Location"]
    answer = client.get("/sign-in/callback/", provider.come_back(url))
    assert answer.status_code == 200
    return client
