"""Django's test client as somebody who signed in, begun past the form, which `test_sign_in.py` is about."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.test import Client

from countenance.apps.agencies import sessions
from countenance.apps.agencies.arrivals import SignedIn
from countenance.apps.agencies.models import Factor, Person
from countenance.policy import Actor


def client_of(on: Any, who: Actor | None = None, **options: Any) -> Client:
    """Return the client of a person, else of the one who holds every role, stepped up just now."""
    person = Person.objects.select_related("agency").get(pk=(who or on.actor).person)
    request = HttpRequest()
    request.session = sessions.SessionStore()
    sessions.begin(request, SignedIn(person, Factor.TOTP), tools=on.tools)
    request.session.save()
    client = Client(**options)
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.session_key
    return client


def prove(client: Client, on: Any, *, by: str = "") -> None:
    """Let the person behind a client prove once more who they are; a search spends such a proof."""
    session = sessions.SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    sessions.stepped_up(session, on.tools.clock(), by=by)
    session.save()
