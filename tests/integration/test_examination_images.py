"""The pictures of examinations: judged anew whenever one is sent, and nobody waits while one is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from clients import client_of
from django.db import connections
from examining import ANALYSIS, Bench, begin, bench, conclude_all, drawing, examine

from countenance.apps.examinations import queries, services, taking, viewing
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.galleries import looks
from countenance.apps.records.models import LedgerRow
from countenance.errors import KeyUnavailable, NotPermitted
from countenance.ledger.entry import Action
from countenance.testing import FakeEngine

WHY = "I know the man on the photo from the swimming club"
LONG = 20.0


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def analysed(made: Bench) -> Examination:
    one = begin(made.first, search=made.search, tools=made.on.tools)
    services.record_analysis(made.first, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    return queries.examination(made.first, one.pk)


def pictures(one: Examination) -> list[str]:
    here = f"/examinations/{one.pk}/"
    return [f"{here}probe.jpg", f"{here}A/1.jpg", f"{here}A/1.jpg?small=1"]


def late(made: Bench) -> None:
    """Let the search be one whose authority did not come in time, past the services."""
    one = made.search
    one.refresh_from_db()
    by = one.intended_at - timedelta(days=1)
    one.request = {**one.request, "authorise_by": by.isoformat()}
    one.authorise_by = by
    one.save(update_fields=("request", "authorise_by"))


def test_no_picture_of_a_search_is_sent_whose_authority_came_too_late(made: Bench) -> None:
    one = analysed(made)
    client = client_of(made.on, made.first)
    client.get(f"/examinations/{one.pk}/A/")
    assert [client.get(path).status_code for path in pictures(one)] == [200, 200, 200]
    late(made)
    # Not frozen by the clock yet: it is judged when the picture is asked for.
    assert Examination.objects.get(pk=one.pk).search.frozen_at is None  # type: ignore[union-attr]
    assert [client.get(path).status_code for path in pictures(one)] == [403, 403, 403]
    assert client.get(f"/examinations/{one.pk}/A/").status_code == 403


def test_an_examination_of_a_frozen_search_can_be_given_up(made: Bench) -> None:
    one = analysed(made)
    late(made)
    services.end_examination(made.first, examination=one, reason=WHY, tools=made.on.tools)
    one.refresh_from_db()
    assert one.state == ExaminationState.ENDED


def test_no_picture_side_by_side_or_of_a_lead_is_sent_either(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=made.on.tools)
    client = client_of(made.on, made.first)
    page = f"/searches/{made.search.pk}/consolidation/"
    assert client.get(page).status_code == 200
    assert client.get(f"{page}0.jpg").status_code == 200
    late(made)
    monkeypatch.setattr(looks, "require_look", lambda *_: None)
    assert [client.get(f"{page}{rank}.jpg").status_code for rank in (0, 1)] == [403, 403]
    assert client.get(page).status_code == 403


def test_no_picture_of_an_examination_that_was_given_up_is_sent(made: Bench) -> None:
    one = analysed(made)
    client = client_of(made.on, made.first)
    client.get(f"/examinations/{one.pk}/A/")
    services.end_examination(made.first, examination=one, reason=WHY, tools=made.on.tools)
    answers = [client.get(path) for path in pictures(one)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert all(b"has ended" in answer.content for answer in answers)


def test_a_photo_whose_gallery_is_granted_no_longer_is_said_to_be_gone(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = analysed(made)
    client = client_of(made.on, made.first)
    client.get(f"/examinations/{one.pk}/A/")

    def shut(*_: Any, **__: Any) -> bytes:
        raise KeyUnavailable

    monkeypatch.setattr("countenance.apps.examinations.photos.get_object", shut)
    for path in pictures(one)[:2]:
        answer = client.get(path)
        assert answer.status_code == 404
        assert b"not here any more" in answer.content
    assert client.get(f"/examinations/{one.pk}/A/").status_code == 200


@contextmanager
def stalled(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[threading.Event]:
    """Let the engine wait in one of its methods; yield what is set once it does. It goes on at the end."""
    waits, on = threading.Event(), threading.Event()
    real: Callable[..., Any] = getattr(FakeEngine, name)

    def wait(*given: Any, **named: Any) -> Any:
        waits.set()
        assert on.wait(LONG)
        return real(*given, **named)

    monkeypatch.setattr(FakeEngine, name, wait)
    try:
        yield waits
    finally:
        on.set()


def in_a_thread(pool: ThreadPoolExecutor, do: Callable[..., Any], *given: Any) -> Any:
    def run() -> Any:
        try:
            return do(*given)
        finally:
            connections.close_all()

    return pool.submit(run)


@pytest.mark.parametrize("method", ["irises", "picture"])
def test_while_a_photo_is_opened_others_go_on_with_the_same_search(
    made: Bench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    one = analysed(made)
    client = client_of(made.on, made.first)
    path = f"/examinations/{one.pk}/A/"
    if method == "picture":
        client.get(path)
        path, method = f"/examinations/{one.pk}/A/1.jpg", "lay"
    with ThreadPoolExecutor(1) as pool, stalled(monkeypatch, method) as waits:
        page = in_a_thread(pool, client.get, path)
        assert waits.wait(LONG)
        tools = made.on.tools
        # The same examiner writes in another window, and a second one begins and records everything.
        row = queries.comparison(one, "B")
        services.save_comparison_draft(made.first, comparison=row, checklist={}, tools=tools)
        done = conclude_all(
            made.second, begin(made.second, search=made.search, tools=tools), tools=tools
        )
        assert done.recorded_at is not None
        assert not page.done()
    assert page.result(LONG).status_code == 200


def test_irises_that_are_found_too_late_change_nothing_that_is_recorded(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = analysed(made)
    client = client_of(made.on, made.first)
    with ThreadPoolExecutor(1) as pool, stalled(monkeypatch, "irises") as waits:
        page = in_a_thread(pool, client.get, f"/examinations/{one.pk}/A/")
        assert waits.wait(LONG)
        conclude_all(made.first, one, tools=made.on.tools)
    assert page.result(LONG).status_code == 200
    after = queries.examination(made.first, one.pk)
    assert "irises" not in after.about
    assert "irises" not in queries.comparisons(after)[0].about


def test_a_look_that_is_refused_is_recorded_and_opens_nothing(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = analysed(made)
    opened: list[Any] = []
    monkeypatch.setattr("countenance.apps.examinations.photos.get_object", opened.append)
    with pytest.raises(NotPermitted):
        viewing.view_examination(made.second, examination=one, tools=made.on.tools)
    assert opened == []
    last = LedgerRow.objects.order_by("-index")[0]
    assert (last.action, last.about) == (str(Action.ACTION_REFUSED), one.pk)


def test_reading_what_an_examination_was_is_an_entry_alike_for_a_control(made: Bench) -> None:
    entries = []
    for actor, control in ((made.first, True), (made.second, False)):
        tools = drawing(made, control=control)
        one = taking.take_examination(actor, tools=tools)
        conclude_all(actor, one, tools=made.on.tools)
        client = client_of(made.on, actor)
        before = LedgerRow.objects.count()
        assert client.get(f"/examinations/{one.pk}/").status_code == 200
        rows = LedgerRow.objects.filter(index__gte=before)
        entries.append([(row.action, row.about == one.pk) for row in rows])
    assert entries == [[(str(Action.CANDIDATES_VIEWED), True)]] * 2
