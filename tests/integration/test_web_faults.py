"""What happens when something fails, and who is still signed in afterwards."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import structlog
from clients import client_of
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from factories import enrol, make_case, make_gallery, make_source, people, search

from countenance import errors
from countenance.apps.agencies import session_rows
from countenance.apps.agencies.models import Person, SignInSession
from countenance.apps.galleries import enrolment, looks
from countenance.apps.galleries.models import Face
from countenance.testing import FakeEngine
from countenance.web import logs

SOON = timedelta(minutes=3)


@pytest.fixture
def client(deployment):
    return client_of(deployment)


@pytest.fixture
def gallery(deployment):
    gallery = make_gallery(deployment)
    enrol(deployment, gallery, make_source(deployment), people([f"s{i:02}" for i in range(60)]))
    return gallery


def crops_on(page):
    return [part.split('"')[0] for part in page.content.decode().split('src="/faces/')[1:]]


def test_a_fault_of_ours_is_a_page_without_details(client, monkeypatch):
    from countenance.apps.records import queries

    def fail():
        raise RuntimeError("a secret detail")

    client.raise_request_exception = False
    monkeypatch.setattr(queries, "head", fail)
    answer = client.get("/ledger/")
    assert answer.status_code == 500
    assert b"secret detail" not in answer.content
    assert answer["X-Request-ID"].encode() in answer.content


def test_tampering_found_on_the_way_says_stop(client, monkeypatch):
    from countenance.apps.records import queries

    def fail():
        raise errors.SealBroken

    monkeypatch.setattr(queries, "head", fail)
    answer = client.get("/ledger/")
    assert answer.status_code == 500
    assert b"Stop working" in answer.content


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_down_is_a_page_that_says_so(client, monkeypatch, error):
    from countenance.apps.records import queries

    def fail(*_, **__):
        raise error("connection to server at a secret address failed")

    client.raise_request_exception = False
    monkeypatch.setattr(queries, "newest_entries", fail)
    for path in ("/ledger/", "/cases/"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert b"database_unavailable" in answer.content
        assert b"Wait a minute" in answer.content
        assert b"secret" not in answer.content


def test_a_database_that_is_down_before_any_page_is_told_alike(client, monkeypatch):
    def fail(*_, **__):
        raise OperationalError

    client.raise_request_exception = False
    monkeypatch.setattr(session_rows.SessionStore, "load", fail)
    answer = client.get("/")
    assert answer.status_code == 503
    assert b"database_unavailable" in answer.content


def test_tampering_found_before_any_page_says_stop(client, monkeypatch):
    def fail(_):
        raise errors.SealBroken

    client.raise_request_exception = False
    monkeypatch.setattr(Person, "actor", property(fail))
    answer = client.get("/")
    assert answer.status_code == 500
    assert b"Stop working" in answer.content


def test_the_number_on_the_page_finds_the_line_in_the_log(client, deployment, monkeypatch, capsys):
    from countenance.apps.records import queries

    def fail():
        raise RuntimeError("a secret detail")

    client.raise_request_exception = False
    monkeypatch.setattr(queries, "head", fail)
    before = structlog.get_config()
    logs.configure("json")
    try:
        answer = client.get("/ledger/")
        client.get(f"/cases/{'0' * 8}-0000-4000-8000-{'0' * 12}/")
    finally:
        structlog.configure(**before)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    failed = [line for line in lines if line["event"] == "request.failed"]
    assert [line["request"] for line in failed] == [answer["X-Request-ID"]]
    assert failed[0]["error"] == "RuntimeError"
    assert failed[0]["person"] == str(deployment.person.pk)
    refused = [line for line in lines if line["event"] == "request.refused"]
    assert len(refused) == 1
    assert refused[0]["request"] != answer["X-Request-ID"]
    assert "secret detail" not in json.dumps(lines)


def near_its_end():
    SignInSession.objects.update(seen_at=timezone.now() + SOON - session_rows.IDLE)


def left():
    return SignInSession.objects.get().seen_at + session_rows.IDLE - timezone.now()


def test_opening_a_page_puts_off_the_idle_lock(client):
    near_its_end()
    assert client.get("/ledger/").status_code == 200
    assert left() > SOON


def test_what_a_page_loads_by_itself_does_not(client, deployment, gallery):
    found = search(deployment, make_case(deployment), [gallery], FakeEngine.photo("s01", 2))
    run = enrolment.start_enrolment(
        deployment.actor,
        gallery=gallery,
        source=make_source(deployment, "Second"),
        total=4,
        tools=deployment.tools,
    )
    crop = crops_on(client.get(f"/galleries/{gallery.pk}/"))[0]
    near_its_end()
    face = Face.objects.first()
    for path, headers in (
        (f"/enrolments/{run.pk}/", {"HX-Request": "true"}),
        (f"/faces/{crop}", {}),
        (f"/photos/{face.photo_id}/image/", {}),
        (f"/probes/{found.probe_id}/image/", {}),
    ):
        assert client.get(path, headers=headers).status_code == 200
        assert left() < SOON, path


def test_a_session_that_idled_too_long_has_ended(client):
    over = timezone.now() - session_rows.IDLE - timedelta(seconds=1)
    SignInSession.objects.update(seen_at=over)
    assert client.get("/ledger/").status_code == 302


def test_a_session_ends_however_busy_it_was(client):
    SignInSession.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/ledger/").status_code == 302


def test_pages_that_load_at_the_same_time_keep_each_others_looks(client, gallery):
    first = crops_on(client.get(f"/galleries/{gallery.pk}/"))
    second = crops_on(client.get(f"/galleries/{gallery.pk}/?page=2"))
    assert set(first).isdisjoint(second)
    for crop in (first[0], second[0], first[-1], second[-1]):
        assert client.get(f"/faces/{crop}").status_code == 200
    assert set(SignInSession.objects.get().data["content"]) == {
        "_auth_user_id",
        "_auth_user_backend",
        "_auth_user_hash",
        "browser",
        "method",
        "proved_at",
        "proved_by",
        "recovery",
    }


def test_looks_of_one_session_are_not_anothers(client, deployment, gallery):
    crop = crops_on(client.get(f"/galleries/{gallery.pk}/"))[0]
    assert client.get(f"/faces/{crop}").status_code == 200
    other = client_of(deployment)
    assert other.get(f"/faces/{crop}").status_code == 404
    old = client.cookies["sessionid"].value
    client.post("/sign-out/")
    assert not SignInSession.objects.filter(key_hash=session_rows.hash_of(old)).exists()
    assert client_of(deployment).get(f"/faces/{crop}").status_code == 404


def test_what_is_remembered_of_looks_is_bounded(monkeypatch):
    class Asked:
        def __init__(self, key):
            self.session = type("Store", (), {"session_key": key})

    monkeypatch.setattr(looks, "_seen", looks.OrderedDict())
    monkeypatch.setattr(looks, "KEPT", 3)
    monkeypatch.setattr(looks, "SESSIONS", 2)
    for key in "abc":
        looks.note_look(Asked(key), range(5))
    looks.require_look(Asked("c"), 4)
    for key, face in (("c", 1), ("a", 4)):
        with pytest.raises(errors.NotFound):
            looks.require_look(Asked(key), face)
