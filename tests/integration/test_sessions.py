"""Sessions: limits, keys that nobody can make, what their owners see and end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.core import signing as django_signing
from django.db import connection
from django.test import Client
from side_by_side import beside, result
from sign_in_help import PASSWORD, Clock, give_app

from countenance.apps.agencies import factors, session_rows, sessions
from countenance.apps.agencies.arrivals import SignedIn
from countenance.apps.agencies.models import Factor, Person, SignInSession
from countenance.apps.agencies.sessions import SessionStore
from countenance.apps.records.models import LedgerRow
from countenance.errors import NotFound, SealBroken
from countenance.web import maintenance

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGE = "/account/"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(datetime.now(UTC))
    monkeypatch.setattr(session_rows, "utc_now", clock)
    return clock


@pytest.fixture
def on(deployment: Any, clock: Clock) -> Any:
    deployment.tools = replace(deployment.tools, clock=clock)
    deployment.clock = clock
    return deployment


def begin(on: Any, rf: Any, *, person: Any = None, method: str = Factor.TOTP) -> SessionStore:
    request = rf.get("/", headers={"User-Agent": FIREFOX})
    request.session = SessionStore()
    came = SignedIn(person or on.person, method, recovery=method == Factor.RECOVERY)
    sessions.begin(request, came, tools=on.tools)
    request.session.save()
    return request.session


def again(session: SessionStore | str) -> SessionStore:
    return SessionStore(session if isinstance(session, str) else session.session_key)


def browser(session: SessionStore) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def test_a_session_is_found_by_its_key_and_kept_sealed(on, rf):
    session = begin(on, rf)
    found = again(session)
    assert found[SESSION_KEY] == str(on.person.pk)
    assert found["method"] == "totp"
    with connection.cursor() as cursor:
        cursor.execute("select key_hash, data from agencies_signinsession")
        ((key_hash, data),) = cursor.fetchall()
    for secret in (session.session_key.encode(), b"Firefox", str(on.person.pk).encode(), b"totp"):
        assert secret not in bytes(key_hash) + bytes(data)
    assert is_in(browser(session))


def test_strangers_have_no_row_and_no_cookie(on):
    client = Client()
    client.get("/sign-in/")
    client.post("/sign-in/", {"email": "x@example.org", "password": "wrong", "code": "1"})
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    session = SessionStore()
    session["anything"] = 1
    session.save()
    assert session.is_empty()
    assert not SignInSession.objects.exists()


def test_a_session_ends_after_a_quarter_of_an_hour_in_which_nobody_opened_a_page(on, rf):
    client = browser(begin(on, rf))
    for _ in range(4):
        on.clock.move(minutes=14)
        assert is_in(client)
    on.clock.move(minutes=15)
    assert not is_in(client)


def test_polls_do_not_put_off_the_idle_lock(on, rf):
    client = browser(begin(on, rf))
    asked = {"HX-Request": "true", "Referer": f"http://testserver{PAGE}?page=2"}
    for _ in range(2):
        on.clock.move(minutes=8)
        answer = client.get(PAGE, headers=asked)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"/sign-in/?next={PAGE}%3Fpage%3D2"
    away = client.get(PAGE, headers=asked | {"Referer": "https://elsewhere.example/x"})
    assert away.headers["HX-Redirect"] == "/sign-in/"
    assert not is_in(client)


def test_a_session_ends_after_eight_hours_however_busy(on, rf):
    client = browser(begin(on, rf))
    on.clock.move(minutes=5)
    for _ in range(47):
        assert is_in(client)
        on.clock.move(minutes=10)
    assert is_in(client)
    on.clock.move(minutes=5)
    assert not is_in(client)


def test_that_a_page_was_opened_is_written_once_a_minute(on, rf):
    session = begin(on, rf)
    before = SignInSession.objects.get().seen_at
    for seconds, written in ((30, False), (29, False), (2, True)):
        on.clock.move(seconds=seconds)
        one = again(session)
        one.modified = True
        assert not one.is_empty()
        one.save()
        assert (SignInSession.objects.get().seen_at > before) is written


def test_a_request_that_only_read_does_not_bring_back_what_another_removed(on, rf):
    session = begin(on, rf)
    reader = again(session)
    assert sessions.PROVED_AT in reader
    assert sessions.spend_step_up(again(session))
    on.clock.move(minutes=2)
    reader.modified = True
    reader.save()
    assert sessions.PROVED_AT not in again(session)


def test_of_two_requests_at_once_one_spends_the_proof(on, rf):
    session = begin(on, rf)
    both = [beside(lambda: sessions.spend_step_up(again(session))) for _ in range(4)]
    assert sorted(result(one) for one in both) == [False, False, False, True]


def test_signing_in_and_proving_once_more_are_proofs_and_are_forgotten_when_spent(on, rf):
    session = begin(on, rf)
    assert sessions.actor_of(on.person, session).stepped_up_at == on.clock.now
    assert sessions.spend_step_up(session)
    assert not sessions.spend_step_up(session)
    assert sessions.actor_of(on.person, session).stepped_up_at is None
    at = on.clock.now + timedelta(minutes=1)
    sessions.stepped_up(session, at)
    session.save()
    assert sessions.actor_of(on.person, again(session)).stepped_up_at == at


def test_a_session_that_was_ended_comes_back_by_no_write(on, rf):
    session = begin(on, rf)
    late = again(session)
    assert SESSION_KEY in late
    session_rows.end_all(on.person.pk)
    late["more"] = 1
    assert late.is_empty()
    with pytest.raises(UpdateError):
        late.save()
    assert not SignInSession.objects.exists()


def test_a_page_whose_session_ends_meanwhile_drops_the_cookie(on, rf):
    session = begin(on, rf)
    client = browser(session)
    answer = client.post(f"/account/sessions/{session.row_id}/end/")
    assert answer.status_code < 500
    assert client.cookies[settings.SESSION_COOKIE_NAME].value == ""
    assert not is_in(client)


def test_a_new_key_ends_the_old_one_and_keeps_the_limits(on, rf):
    session = begin(on, rf)
    old, ends = session.session_key, SignInSession.objects.get().ends_at
    on.clock.move(minutes=10)
    session.cycle_key()
    assert SESSION_KEY not in again(old)
    assert again(session)["method"] == "totp"
    assert SignInSession.objects.get().ends_at == ends


def test_signing_in_anew_ends_the_session_before_in_this_browser(on, rf):
    session = begin(on, rf)
    request = rf.get("/")
    request.session = again(session)
    sessions.begin(request, SignedIn(on.person, Factor.PASSKEY), tools=on.tools)
    request.session.save()
    assert SESSION_KEY not in again(session)
    assert SignInSession.objects.get().pk == request.session.row_id


def test_owners_see_their_sessions_in_words_and_end_them(on, rf):
    here = begin(on, rf)
    on.clock.move(seconds=1)
    there = begin(on, rf, method=Factor.PASSKEY)
    begin(on, rf, person=Person.objects.get(pk=on.examiner.person))
    newer, older = sessions.of(on.actor, here=here.row_id, tools=on.tools)
    assert (older.browser, older.method, older.here) == ("Firefox on Linux", "totp", True)
    assert (newer.method, newer.here, newer.id) == ("passkey", False, there.row_id)
    sessions.end(on.actor, session_id=there.row_id, tools=on.tools)
    assert not is_in(browser(there))
    assert is_in(browser(here))
    assert LedgerRow.objects.filter(action="session.ended").count() == 1


def test_nobody_ends_anothers_session(on, rf):
    session = begin(on, rf)
    for session_id in (session.row_id, uuid4()):
        with pytest.raises(NotFound):
            sessions.end(on.examiner, session_id=session_id, tools=on.tools)
    assert is_in(browser(session))


def test_the_other_sessions_end_and_this_one_goes_on(on, rf):
    here, there = begin(on, rf), begin(on, rf)
    assert sessions.end_others(on.actor, here=here.row_id, tools=on.tools) == 1
    assert (is_in(browser(here)), is_in(browser(there))) == (True, False)


def test_a_change_of_password_ends_the_other_sessions_and_renews_this_one(on, rf):
    give_app(on.person, tools=on.tools)
    here, there = begin(on, rf), begin(on, rf)
    actor = replace(on.actor, stepped_up_at=on.clock.now)
    new = "another long password"
    factors.change_password(actor, old=PASSWORD, new=new, keep=here.row_id, tools=on.tools)
    request = rf.get("/")
    request.session, request.user = again(here), Person.objects.get(pk=on.person.pk)
    sessions.renew(request)
    request.session.save()
    assert (is_in(browser(there)), is_in(browser(here))) == (False, False)
    assert is_in(browser(request.session))


@pytest.mark.parametrize("whose", ["person", "agency"])
def test_suspension_shuts_a_session_even_where_its_row_is_left(on, rf, whose):
    session = begin(on, rf)
    row = getattr(on, whose)
    row.standing |= {"suspended": {"since": "2026-01-01"}}
    row.save()
    assert not is_in(browser(session))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("<script>anything</script>", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_known_by_its_family_only(agent, words):
    assert sessions.family_of(agent) == words


def test_ended_sessions_are_cleared_away(on, rf):
    begin(on, rf)
    on.clock.move(minutes=14)
    maintenance.clear_sessions()
    assert SignInSession.objects.count() == 1
    on.clock.move(minutes=1)
    maintenance.clear_sessions()
    assert SignInSession.objects.count() == 0


# One leaked secret, or a writable database.


def content_of(person: Any) -> dict[str, Any]:
    return {
        SESSION_KEY: str(person.pk),
        BACKEND_SESSION_KEY: sessions.BACKEND,
        HASH_SESSION_KEY: person.get_session_auth_hash(),
        sessions.PROVED_AT: datetime.now(UTC).isoformat(),
    }


def test_whoever_knows_the_secret_key_signs_nobody_in(on):
    # The key is known here: everything that Django could sign is signed with it.
    content = content_of(on.person)
    salt = "django.contrib.sessions.backends.signed_cookies"
    forged = [
        django_signing.dumps(content, salt=salt, compress=True),
        django_signing.dumps(content, salt="django.contrib.sessions.SessionStore"),
        django_signing.Signer().sign(str(on.person.pk)),
        SessionStore().encode(content),
        json.dumps(content),
        "0" * 32,
        "None",
    ]
    for value in forged:
        assert not is_in(browser(SessionStore(value))) if len(value) >= 8 else True
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = value
        assert not is_in(client)
    assert not SignInSession.objects.exists()


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


def test_a_row_written_past_the_program_opens_nothing(on, rf):
    key, now = "a key that somebody chose", on.clock.now
    data = SessionStore().encode(content_of(on.person)).encode()
    sql(
        "insert into agencies_signinsession (id, person_id, key_hash, data, signed_in_at, seen_at,"
        " ends_at) values (%s, %s, %s, %s, %s, %s, %s)",
        *(uuid4(), on.person.pk, session_rows.hash_of(key), data, now, now, now),
    )
    sql("update agencies_signinsession set ends_at = ends_at + interval '1 hour'")
    with pytest.raises(SealBroken):
        again(key).load()


def test_anothers_session_is_not_taken_over_by_writing_ones_own_key_to_it(on, rf):
    theirs = begin(on, rf)
    mine = begin(on, rf, person=Person.objects.get(pk=on.examiner.person))
    sql("update agencies_signinsession set key_hash = '' where id = %s", mine.row_id)
    sql(
        "update agencies_signinsession set key_hash = %s where id = %s",
        *(session_rows.hash_of(mine.session_key), theirs.row_id),
    )
    assert SESSION_KEY not in again(mine)


def test_ones_own_session_is_not_turned_into_anothers_by_writing_their_id_to_it(on, rf):
    mine = begin(on, rf, person=Person.objects.get(pk=on.examiner.person))
    sql("update agencies_signinsession set person_id = %s", on.person.pk)
    assert SESSION_KEY not in again(mine)


def test_a_session_is_not_lengthened_by_writing_to_it(on, rf):
    session = begin(on, rf)
    on.clock.move(hours=8, seconds=1)
    sql(
        "update agencies_signinsession set seen_at = %s, ends_at = %s, signed_in_at = %s",
        *(on.clock.now, on.clock.now + timedelta(hours=8), on.clock.now),
    )
    assert SESSION_KEY not in again(session)


def test_the_id_of_a_session_is_no_key_to_it(on, rf):
    session = begin(on, rf)
    assert isinstance(session.row_id, UUID)
    for value in (str(session.row_id), session.row_id.hex):
        assert SESSION_KEY not in again(value)
