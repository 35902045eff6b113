"""Whoever can write to the database, but has no key, cannot pass for somebody or move faces about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import factories
import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from sign_in_help import give_app, sign_in

from countenance.apps.agencies import services as agencies
from countenance.apps.galleries.models import Face, Photo, Source, Subject
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import SYSTEM
from countenance.apps.searches import queries
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import NotSignedIn, SealBroken, SourceClosed
from countenance.testing import FakeEngine

PASSWORD = "a long test password"
CHOSEN = "the attacker chose this"


@pytest.fixture(autouse=True)
def app(deployment: Any) -> None:
    deployment.app = give_app(deployment.person, tools=deployment.tools)


@pytest.fixture
def enrolled(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.second = factories.make_source(deployment, "Second archive")
    deployment.gallery = factories.make_gallery(deployment)
    for source, name in ((deployment.source, "anna"), (deployment.second, "ben")):
        factories.enrol(deployment, deployment.gallery, source, factories.people([name]))
    deployment.case = factories.make_case(deployment)
    return deployment


def _sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


def _search(on: Any) -> Search:
    photo = FakeEngine.photo("anna", shot=2)
    search: Search = factories.search(on, on.case, [on.gallery], photo)
    return search


def _sign_in(on: Any, email: str, password: str) -> Any:
    return sign_in(on.tools, on.app.code(), email=email, password=password).person


def test_a_password_that_is_written_into_the_database_opens_nothing(deployment: Any) -> None:
    hashed = make_password(CHOSEN).encode()
    _sql("UPDATE agencies_person SET password = %s WHERE id = %s", hashed, deployment.person.pk)
    for password in (CHOSEN, PASSWORD):
        with pytest.raises(SealBroken):
            _sign_in(deployment, "person@example.org", password)
    assert not LedgerRow.objects.filter(action="person.signed_in").exists()


def _mallory(on: Any) -> Any:
    return agencies.add_person(
        SYSTEM,
        agency=on.agency,
        name="Mallory",
        email="mallory@example.org",
        password=CHOSEN,
        tools=on.tools,
    )


def _copy_password(attacker: Any, victim: Any) -> None:
    _sql(
        "UPDATE agencies_person v SET password = a.password FROM agencies_person a"
        " WHERE a.id = %s AND v.id = %s",
        attacker.pk,
        victim.pk,
    )


def test_ones_own_sealed_password_does_not_open_anothers_account(deployment: Any) -> None:
    _copy_password(_mallory(deployment), deployment.person)
    with pytest.raises(SealBroken):
        _sign_in(deployment, "person@example.org", CHOSEN)


def test_ones_own_address_and_password_do_not_lead_to_anothers_account(deployment: Any) -> None:
    attacker = _mallory(deployment)
    _copy_password(attacker, deployment.person)
    index = bytes(attacker.email_index)
    _sql("UPDATE agencies_person SET email_index = '' WHERE id = %s", attacker.pk)
    _sql("UPDATE agencies_person SET email_index = %s WHERE id = %s", index, deployment.person.pk)
    with pytest.raises(SealBroken):
        _sign_in(deployment, "mallory@example.org", CHOSEN)


def test_a_person_moved_to_another_agency_cannot_sign_in(deployment: Any) -> None:
    other = factories.other_agency(deployment)
    _sql(
        "UPDATE agencies_person SET agency_id = %s WHERE id = %s",
        other.agency,
        deployment.person.pk,
    )
    with pytest.raises(SealBroken):
        _sign_in(deployment, "person@example.org", PASSWORD)


def test_an_untouched_person_signs_in(deployment: Any) -> None:
    assert _sign_in(deployment, "person@example.org", PASSWORD).pk == deployment.person.pk
    with pytest.raises(NotSignedIn):
        _sign_in(deployment, "person@example.org", CHOSEN)


def _swap(model: Any, column: str) -> None:
    """Exchange one column between the model's only two rows."""
    table = model._meta.db_table
    (one, its), (_, others) = model.objects.order_by("pk").values_list("pk", column)
    _sql(
        f"UPDATE {table} SET {column} = CASE id WHEN %s THEN %s::uuid ELSE %s::uuid END",
        one,
        others,
        its,
    )


def _keep_until(day: str) -> None:
    _sql("UPDATE galleries_source SET retention_until = %s", day)


def _exchange_labels() -> None:
    """Exchange the names of the two subjects, ciphertext and look-up alike."""
    rows = list(Subject.objects.order_by("pk").values_list("pk", "label_index"))
    (one, its), (other, others) = [(pk, bytes(index)) for pk, index in rows]
    _sql("UPDATE galleries_subject SET label_index = '' WHERE id = %s", one)
    _sql("UPDATE galleries_subject SET label_index = %s WHERE id = %s", its, other)
    _sql("UPDATE galleries_subject SET label_index = %s WHERE id = %s", others, one)
    _sql(
        "UPDATE galleries_subject s SET label = o.label FROM galleries_subject o WHERE o.id <> s.id"
    )


def _assert_search_is_aborted(on: Any) -> None:
    with pytest.raises(SealBroken):
        _search(on)
    search = Search.objects.order_by("-intended_at")[0]
    assert (search.state, search.outcome) == (SearchState.ABORTED, None)
    assert LedgerRow.objects.order_by("index").last().action == "search.aborted"


def _shown(on: Any, search: Search) -> list[str]:
    return [one.label for one in queries.candidates(queries.search(on.actor, search.pk))]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: _swap(Face, "subject_id"), id="the subject of a face"),
        pytest.param(lambda: _swap(Photo, "source_id"), id="the source of a photo"),
        pytest.param(lambda: _keep_until("2299-12-31"), id="the end of a source's retention"),
    ],
)
def test_rows_that_were_moved_are_not_shown_and_abort_the_next_search(
    enrolled: Any, change: Callable[[], None]
) -> None:
    search = _search(enrolled)
    assert _shown(enrolled, search) == ["anna", "ben"]
    change()
    with pytest.raises(SealBroken):
        _shown(enrolled, search)
    _assert_search_is_aborted(enrolled)


def test_names_that_were_exchanged_are_not_shown(enrolled: Any) -> None:
    search = _search(enrolled)
    _exchange_labels()
    with pytest.raises(SealBroken):
        _shown(enrolled, search)


def test_nobody_is_left_out_because_retention_was_made_to_end_earlier(enrolled: Any) -> None:
    _keep_until("2020-01-01")
    _assert_search_is_aborted(enrolled)


def test_a_source_that_ended_is_not_revived_by_writing_a_later_date(enrolled: Any) -> None:
    source = enrolled.source
    source.passport = {**source.passport, "retention_until": "2020-01-01"}
    source.retention_until = "2020-01-01"
    source.save()
    with pytest.raises(SourceClosed):
        factories.enrol(enrolled, enrolled.gallery, source, factories.people(["cleo"]))
    _keep_until("2299-12-31")
    source = Source.objects.get(pk=source.pk)
    with pytest.raises(SealBroken):
        factories.enrol(enrolled, enrolled.gallery, source, factories.people(["cleo"]))
    assert Photo.objects.count() == 2
