"""One leaked secret, or one stolen row, is not enough: what can be made of it opens nothing.

That a forged session signs nobody in on one page is shown in `integration/test_sessions.py`; here
every page is asked, and every door is tried with every value of the database.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import factories
import pytest
from clients import client_of
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import connection
from django.test import Client
from django.urls import get_resolver, reverse
from sign_in_help import give_app, give_codes

from countenance.apps.agencies import inviting, joining, sessions, tokens
from countenance.apps.agencies.models import Person, SignInSession
from countenance.apps.approvals import services as approvals
from countenance.apps.cases import authorities
from countenance.apps.cases import queries as case_queries
from countenance.apps.cases import services as cases
from countenance.apps.galleries import services as galleries
from countenance.apps.records.models import LedgerRow
from countenance.errors import CountenanceError, NotFound, NotSignedIn, RoleMissing, ScopeMissing
from countenance.policy import DEEDS, SYSTEM, Deed, Role, Scope, permit_deed
from countenance.policy.approvals import ApprovalKind
from countenance.web.access import ACCESS

HOUR = timedelta(hours=1)


def pages() -> list[str]:
    """Return an address of every page that asks who one is."""
    found = []
    for pattern in get_resolver().url_patterns:
        access = ACCESS[pattern.name]
        if access.open_to_strangers:
            continue
        kinds = {
            name: 1 if "Int" in type(one).__name__ else uuid4()
            for name, one in pattern.pattern.converters.items()
        }
        found.append(reverse(pattern.name, kwargs=kinds))
    return found


def answer(client: Client, page: str, method: str) -> tuple[int, str]:
    got = client.generic(method, page)
    return got.status_code, got.headers.get("Location", "")


def forgeries(person: Any) -> Iterator[dict[str, str]]:
    """Yield the cookies that can be made for a person with the secret key in hand."""
    content = {
        SESSION_KEY: str(person.pk),
        BACKEND_SESSION_KEY: sessions.BACKEND,
        HASH_SESSION_KEY: person.get_session_auth_hash(),
        sessions.PROVED_AT: datetime.now(UTC).isoformat(),
    }
    salts = (
        "django.contrib.sessions.backends.signed_cookies",
        "django.contrib.sessions.SessionStore",
        "django.core.signing",
    )
    values = [signing.dumps(content, salt=salt) for salt in salts]
    values += [
        signing.Signer().sign(str(person.pk)),
        signing.TimestampSigner().sign(str(person.pk)),
        default_token_generator.make_token(person),
        person.get_session_auth_hash(),
        signing.get_cookie_signer(salt="sessionid").sign(str(person.pk)),
        person.pk.hex,
    ]
    for value in values:
        yield {settings.SESSION_COOKIE_NAME: value}
    # Names by which other programs sign people in.
    yield {"sessionid_signed": values[0], "remember_token": values[3], "messages": values[2]}


def test_with_the_secret_key_no_page_opens(deployment: Any) -> None:
    assert settings.SECRET_KEY
    stranger, tried, let_in = Client(), 0, []
    for cookies in forgeries(deployment.person):
        client = Client()
        for name, value in cookies.items():
            client.cookies[name] = value
        for page in pages():
            for method in ("GET", "POST"):
                tried += 1
                if answer(client, page, method) != answer(stranger, page, method):
                    let_in.append((page, method))
    print(f"\n{tried} requests with values forged by the secret key; {len(let_in)} let in")
    assert tried > 1000
    assert let_in == []
    assert not SignInSession.objects.exists()
    assert not LedgerRow.objects.filter(action="person.signed_in").exists()


def test_somebody_who_is_signed_in_is_answered_otherwise(deployment: Any) -> None:
    """The comparison above can tell: a real session is let in."""
    client, stranger = client_of(deployment), Client()
    differ = [
        page for page in pages() if answer(client, page, "GET") != answer(stranger, page, "GET")
    ]
    assert len(differ) > 50


def test_a_form_is_taken_from_no_other_page_even_with_the_key(deployment: Any) -> None:
    """The token of a form is compared with the cookie, and the page that sent it with ours."""
    client = client_of(deployment, enforce_csrf_checks=True)
    forged = signing.Signer().sign("csrf")[:64]
    client.cookies[settings.CSRF_COOKIE_NAME] = forged
    before = LedgerRow.objects.count()
    got = client.post("/galleries/new/", {"name": "Forged", "csrfmiddlewaretoken": forged})
    assert got.status_code == 403
    got = client.post(
        "/galleries/new/", {"name": "Forged"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert got.status_code == 403
    assert LedgerRow.objects.count() == before


# Stolen rows.


@pytest.fixture
def full(deployment: Any) -> Any:
    """A deployment in which somebody has a session, a token, codes, an app and an invitation."""
    deployment.session = client_of(deployment).cookies[settings.SESSION_COOKIE_NAME].value
    _, deployment.token = tokens.make_token(
        deployment.actor, name="Night job", scopes=list(Scope), lasts=HOUR, tools=deployment.tools
    )
    give_app(deployment.person, tools=deployment.tools)
    give_codes(deployment.person, tools=deployment.tools)
    _, deployment.invitation = inviting.invite_person(
        replace(deployment.actor, roles=frozenset({Role.COORDINATOR})),
        name="Ivo",
        email="ivo@example.org",
        tools=deployment.tools,
    )
    return deployment


def stored_values() -> set[bytes]:
    """Return every value of every column of the tables about people and how they sign in."""
    found: set[bytes] = set()
    with connection.cursor() as cursor:
        tables = [
            name
            for name in connection.introspection.table_names(cursor)
            if name.startswith("agencies_")
        ]
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # the names are the database's own
            for row in cursor.fetchall():
                for value in row:
                    if isinstance(value, memoryview | bytes):
                        found.add(bytes(value))
                    elif value is not None:
                        found.add(str(value).encode())
    return found


def spellings(value: bytes) -> Iterator[str]:
    """Yield the texts that stolen bytes may be typed as."""
    texts = {
        value.hex(),
        value.hex().upper(),
        base64.b64encode(value).decode(),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
        value.decode("latin-1"),
    }
    yield from texts
    for text in texts:
        yield tokens.PREFIX + text


def test_no_stored_value_is_a_credential(full: Any) -> None:
    # The doors do open, to what was never stored.
    assert tokens.actor_of(full.token, tools=full.tools).person == full.actor.person
    assert joining.open_invitation(full.invitation, tools=full.tools).agency_id == full.agency.pk
    assert SESSION_KEY in sessions.SessionStore(full.session)
    tried, opened = 0, []
    doors = {
        "token": lambda text: tokens.actor_of(text, tools=full.tools),
        "invitation": lambda text: joining.open_invitation(text, tools=full.tools),
    }
    for value in stored_values():
        for text in spellings(value):
            tried += 1 + len(doors)
            if SESSION_KEY in sessions.SessionStore(text):
                opened.append(("session", text))
            for name, door in doors.items():
                try:
                    door(text)
                except (NotSignedIn, NotFound):
                    continue
                opened.append((name, text))
    print(f"\n{tried} tries with stored values; {len(opened)} opened")
    assert tried > 1000
    assert opened == []


def test_a_token_is_no_session_and_a_session_no_token(full: Any) -> None:
    stranger = Client()
    for headers in (
        {"Authorization": f"Bearer {full.token}"},
        {"Authorization": f"Token {full.token}"},
        {"X-Api-Key": full.token},
        {"Cookie": f"{settings.SESSION_COOKIE_NAME}={full.token}"},
    ):
        got = stranger.get("/galleries/", headers=headers)
        assert got.status_code == 302, headers
        assert got.headers["Location"].startswith("/sign-in/")
    for text in (full.session, tokens.PREFIX + full.session, full.invitation):
        with pytest.raises(NotSignedIn):
            tokens.actor_of(text, tools=full.tools)


# A leaked token.


@pytest.fixture
def reader(deployment: Any) -> Any:
    """Whoever found a token for reading of somebody who holds every role."""
    _, secret = tokens.make_token(
        deployment.actor, name="Leaked", scopes=[Scope.READ], lasts=HOUR, tools=deployment.tools
    )
    return tokens.actor_of(secret, tools=deployment.tools)


def test_a_token_for_reading_does_nothing_else(deployment: Any, reader: Any) -> None:
    now, permitted = deployment.tools.clock(), set()
    for deed in Deed:
        try:
            permit_deed(reader, deed, now=now)
        except (ScopeMissing, RoleMissing):
            continue
        permitted.add(deed)
    assert permitted == {deed for deed, rule in DEEDS.items() if rule.scope is Scope.READ}
    assert {str(deed).rpartition(".")[2] for deed in permitted} == {"read", "view"}


def test_a_token_for_reading_writes_nothing_and_each_try_is_recorded(
    deployment: Any, reader: Any
) -> None:
    gallery = factories.make_gallery(deployment)
    case = factories.make_case(deployment)
    authority = case_queries.authorities(deployment.actor).first()
    tools = deployment.tools
    tries = [
        lambda: galleries.create_gallery(reader, name="Mine", tools=tools),
        lambda: galleries.register_source(
            reader, name="Mine", passport=factories.PASSPORT, tools=tools
        ),
        lambda: cases.open_case(
            reader, reference="X", purpose="p", reason="seen at the station", tools=tools
        ),
        lambda: cases.close_case(reader, case=case, reason="seen at the station", tools=tools),
        lambda: authorities.revoke_authority(
            reader, authority=authority, reason="seen at the station", tools=tools
        ),
        lambda: approvals.ask(
            reader,
            kind=ApprovalKind.GALLERY_TERMS,
            subject=gallery.pk,
            summary="s",
            payload={"sensitive": False},
            reason="seen at the station",
            tools=tools,
        ),
        lambda: inviting.invite_person(reader, name="Eve", email="eve@example.org", tools=tools),
        lambda: tokens.make_token(reader, name="More", scopes=list(Scope), lasts=HOUR, tools=tools),
        lambda: sessions.end_others(reader, here=None, tools=tools),
    ]
    for number, attempt in enumerate(tries):
        before = LedgerRow.objects.count()
        with pytest.raises(ScopeMissing):
            attempt()
        row = LedgerRow.objects.order_by("-index")[0]
        assert LedgerRow.objects.count() == before + 1, number
        assert row.action == "action.refused", number


def test_a_token_does_not_grow_with_its_person(deployment: Any, reader: Any) -> None:
    assert reader.scopes == {Scope.READ}
    assert reader.stepped_up_at is None
    with pytest.raises(CountenanceError):
        permit_deed(
            replace(reader, stepped_up_at=deployment.tools.clock()),
            Deed.SEARCH_RUN,
            now=deployment.tools.clock(),
        )
    assert Person.objects.get(pk=reader.person).actor.scopes is None
    assert SYSTEM.scopes is None


# What the secret key could sign.

SIGNS = (
    "django.core.signing",
    "default_token_generator",
    "PasswordResetTokenGenerator",
    "get_signed_cookie",
    "set_signed_cookie",
    "signed_cookies",
    "itsdangerous",
)


def test_nothing_of_the_program_is_signed_with_the_secret_key() -> None:
    """No reset link, no signed address, no signed cookie: so there is none to forge."""
    source = Path(__file__).resolve().parents[2] / "src" / "countenance"
    for path in source.rglob("*.py"):
        if "drill" in path.parts:
            continue  # it forges them, as a thief
        text = path.read_text(encoding="utf-8")
        assert not [word for word in SIGNS if word in text], path.name


def test_a_forged_reset_token_or_signed_address_opens_no_page_of_strangers(full: Any) -> None:
    """Invitations are the only addresses that give something; each holds 256 random bits."""
    person, stranger, tried = full.person, Client(), 0
    unknown = stranger.get(reverse("invitation", args=["f" * 43]))
    assert stranger.get(reverse("invitation", args=[full.invitation])).status_code == 200
    assert unknown.status_code == 404
    forged = [
        default_token_generator.make_token(person),
        signing.dumps(str(person.pk)),
        signing.TimestampSigner().sign(full.invitation[:20]),
        signing.Signer().sign(str(person.pk)),
        person.pk.hex,
        person.get_session_auth_hash(),
    ]
    for value in forged:
        for page in (f"/invitation/{value}/", f"/reset/{person.pk.hex}/{value}/"):
            tried += 1
            answer = stranger.get(page)
            assert answer.status_code in {302, 404}, page
            assert answer.headers.get("Location", "/sign-in/").startswith("/sign-in/")
    photos = ("/photos/", "/probes/", "/leads/")
    for value in forged:
        for page in photos:
            tried += 1
            address = f"{page}{uuid4()}/image/?token={value}&signature={value}&expires=9999999999"
            assert stranger.get(address).status_code in {302, 404}
    assert tried == 30
    assert not LedgerRow.objects.filter(action="person.signed_in").exists()
