"""Who gets in, what every answer carries, and how errors become pages."""

from __future__ import annotations

import json
import re

import matrix_statement as said
import pytest
from clients import client_of
from django.test import Client
from django.urls import URLPattern, get_resolver
from factories import app_code, ask, make_case, make_gallery, other_agency
from sign_in_help import EMAIL, PASSWORD, give_app

from countenance import errors
from countenance.apps.cases import services as cases
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence
from countenance.testing import FakeEngine
from countenance.web import problems, wiring

ANY_ID = "00000000-0000-4000-8000-000000000000"
ANY = {"int": "1", "uuid": ANY_ID, "str": "x"}


def every_class(cls=errors.CountenanceError):
    yield cls
    for child in cls.__subclasses__():
        yield from every_class(child)


def every_path():
    for pattern in get_resolver().url_patterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name not in said.OPEN:
            yield "/" + re.sub(r"<(\w+):\w+>", lambda one: ANY[one[1]], str(pattern.pattern))


@pytest.fixture
def client(deployment):
    return client_of(deployment)


@pytest.fixture
def case(deployment):
    return make_case(deployment, "W-1")


def test_the_table_of_statuses_knows_every_error():
    for cls in every_class():
        if cls is not errors.CountenanceError:
            assert problems.nearest(problems.STATUS, cls) is not None, cls
            assert problems.nearest(problems.WAYS_OUT, cls) is not None, cls
    assert problems.status_of(errors.CountenanceError) == 500
    assert problems.status_of(errors.SealBroken) == 500
    assert problems.status_of(errors.CaseClosed) == 403
    assert set(problems.STATUS.values()) <= set(problems.HEADINGS)


def test_no_page_answers_a_stranger(deployment):
    paths = list(every_path())
    assert len(paths) > 90
    for path in paths:
        for method in ("get", "post"):
            answer = getattr(Client(), method)(path)
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/sign-in/"), path


def test_a_stranger_learns_nothing_from_an_address_that_does_not_exist(deployment):
    assert Client().get("/no/such/page/").status_code == 302


def test_every_page_is_the_unseal_page_while_sealed(deployment):
    wiring.seal()
    for path in ["/", "/sign-in/", "/no/such/page/", *every_path()]:
        answer = Client().get(path)
        assert answer.status_code == 503, path
        assert b"Countenance is sealed" in answer.content, path
    assert json.loads(Client().get("/health/").content) == {"status": "sealed"}


def test_unsealing_needs_a_csrf_token(deployment):
    wiring.seal()
    answer = Client(enforce_csrf_checks=True).post("/unseal/", {"passphrase": "x"})
    assert answer.status_code == 403
    assert wiring.is_sealed()


def test_health_is_open_and_says_nothing_else(deployment):
    answer = Client().get("/health/")
    assert json.loads(answer.content) == {"status": "ok"}


def test_every_answer_carries_our_headers(client):
    for path in ("/", "/health/", "/sign-in/", "/ledger/", "/no/such/page/"):
        answer = client.get(path)
        policy = dict(
            part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
        )
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self'",
            "font-src": "'self'",
            "connect-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_session_cookie_is_strict_and_out_of_reach_of_scripts(deployment):
    code = give_app(deployment.person, tools=deployment.tools).code()
    one = Client()
    one.post("/sign-in/", {"email": EMAIL, "password": PASSWORD, "code": code})
    cookie = one.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"


def test_sign_in_goes_on_to_our_own_pages_only(deployment):
    app = give_app(deployment.person, tools=deployment.tools)
    for where, goes_to in (("/galleries/", "/galleries/"), ("https://evil.example/", "/")):
        code = app_code(app.secret, deployment.person)
        fields = {"email": EMAIL, "password": PASSWORD, "code": code, "next": where}
        answer = Client().post("/sign-in/", fields)
        assert answer["Location"] == goes_to


def test_a_refused_sign_in_reads_alike_for_known_and_unknown_addresses(deployment):
    code = give_app(deployment.person, tools=deployment.tools).code()
    tries = (
        {"email": EMAIL, "password": "wrong", "code": code},
        {"email": EMAIL, "password": PASSWORD, "code": "000000"},
        {"email": "no@example.org", "password": PASSWORD, "code": code},
    )
    answers = [Client().post("/sign-in/", one) for one in tries]
    assert {answer.status_code for answer in answers} == {422}

    def words(answer):
        return re.sub(r'value="[^"]*"', "", answer.content.decode())

    assert len({words(answer) for answer in answers}) == 1


def test_signing_out_takes_a_post_and_ends_the_session(client):
    assert client.get("/sign-out/").status_code == 405
    answer = client.post("/sign-out/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get("/").status_code == 302
    assert LedgerRow.objects.filter(action="person.signed_out").count() == 1


def test_another_agencys_pages_do_not_exist(client, deployment, case):
    stranger = other_agency(deployment)
    theirs = cases.open_case(
        stranger,
        reference="T-1",
        purpose="theirs",
        reason="Reported missing to them on 3 May",
        tools=deployment.tools,
    )
    probe = evidence.add_probe(
        stranger,
        case=theirs,
        upload=FakeEngine.photo("anna"),
        file_name="anna.jpg",
        tools=deployment.tools,
    )
    assert client.get(f"/cases/{case.pk}/").status_code == 200
    for path in (
        f"/cases/{theirs.pk}/",
        f"/cases/{theirs.pk}/search/",
        f"/cases/{theirs.pk}/close/",
        f"/probes/{probe.pk}/",
        f"/probes/{probe.pk}/image/",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert b"theirs" not in answer.content


def test_a_refusal_names_its_rule_and_is_on_the_ledger(deployment, case):
    gallery = make_gallery(deployment)
    probe = ask(deployment, case, [gallery], FakeEngine.photo("anna"))
    cases.close_case(deployment.actor, case=case, reason="over", tools=deployment.tools)
    asked = {
        "face": 0,
        "galleries": [str(gallery.pk)],
        "reason": "Last seen on 3 May at the station",
        "top": 5,
    }
    examiner = client_of(deployment, deployment.examiner)
    answer = examiner.post(f"/probes/{probe.pk}/search/", asked)
    assert answer.status_code == 403
    assert b"case_closed" in answer.content
    assert b"Open a new case" in answer.content
    assert LedgerRow.objects.order_by("-index").first().action == "action.refused"


def test_a_form_without_a_token_is_refused_in_words(deployment):
    one = Client(enforce_csrf_checks=True)
    answer = one.post("/sign-in/", {"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 403
    assert b"too old or comes from another page" in answer.content
