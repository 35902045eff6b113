"""What a review of sign-in, invitations and roles found, so that it stays mended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from clients import client_of
from django.conf import settings
from factories import ask, make_case, make_gallery, widen
from sign_in_help import give_app

from countenance.apps.agencies import sessions
from countenance.apps.agencies.models import Person
from countenance.apps.searches.models import Search
from countenance.testing import FakeEngine

WHY = "Last seen on 3 May at the station of Ourtown"


def session_of(client: Any) -> sessions.SessionStore:
    return sessions.SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_code_that_comes_with_the_form_runs_the_search_and_the_next_is_asked_for_anew(deployment):
    gallery = make_gallery(deployment)
    case = make_case(deployment)
    probe = ask(deployment, case, [gallery], FakeEngine.photo("anna"))
    widen(probe.case)
    person = Person.objects.get(pk=deployment.examiner.person)
    app = give_app(person, tools=deployment.tools)
    client = client_of(deployment, deployment.examiner)
    assert sessions.spend_step_up(session_of(client))
    asked = {"face": 0, "galleries": [str(gallery.pk)], "reason": WHY, "top": 5}
    path = f"/probes/{probe.pk}/search/"
    assert client.post(path, asked).status_code == 403
    answer = client.post(path, asked | {"step_up_code": app.code(-1)})
    assert answer["Location"] == f"/searches/{Search.objects.get().pk}/"
    assert b"step_up_code" in client.post(path, asked).content
    assert client.post(path, asked).status_code == 403
    assert Search.objects.count() == 1


def test_a_spent_proof_does_not_come_back_with_a_slow_request(deployment):
    client = client_of(deployment)
    slow = session_of(client)
    assert slow[sessions.PROVED_AT]
    assert sessions.spend_step_up(session_of(client))
    slow["done"] = "Something else is written."
    slow.save()
    after = session_of(client)
    assert after["done"] == "Something else is written."
    assert sessions.PROVED_AT not in after


def test_nor_is_a_new_proof_lost_by_one(deployment):
    client = client_of(deployment)
    assert sessions.spend_step_up(session_of(client))
    slow = session_of(client)
    assert "done" not in slow
    sessions.stepped_up(session_of(client), datetime.now(UTC))
    slow["done"] = "Something else is written."
    slow.save()
    assert sessions.spend_step_up(session_of(client))
