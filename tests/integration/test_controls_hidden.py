"""No page, no byte, no entry and no time tells a control from an examination of a search, before it is recorded.

Examinations of both kinds are taken and looked at through the web, in an order that is drawn. A classifier is
given all that an examiner could measure of them, and more. A sample that comes out above the bound is followed by
fresh ones, on which what was learnt of the first is judged (`telling.check_told_by_nothing`). There are 75 pairs of
them, and 150 in `make attack`, which sets TELLING_PAIRS.
"""

from __future__ import annotations

import random
import re
from difflib import unified_diff
from typing import Any

import pytest
from clients import client_of
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from examining import ANALYSIS, NAMES, Bench, bench
from telling import Gathered, check_told_by_nothing, forget, let_wait, measured

from countenance.apps.examinations import queries, services, taking
from countenance.apps.examinations.models import Examination

LOOKS = (
    ("examination", ()),
    ("examination_probe", ()),
    ("comparison", ("A",)),
)


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def look(made: Bench, client: Client) -> dict[str, float]:
    """Take an examination and look at all that is shown of it; return what was measured."""
    found: dict[str, float] = {}
    with measured(found, "take") as got:
        got.append(client.post(reverse("examination_next")))
    one = Examination.objects.get(examiner=made.first.person)
    for name, route in (("probe alone", "examination"), ("its photo", "examination_probe")):
        with measured(found, name) as got:
            got.append(client.get(reverse(route, args=[one.pk])))
    services.record_analysis(made.first, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    letter = random.Random(one.pk.int).choice("ABCD")
    with measured(found, "candidate") as got:
        got.append(client.get(reverse("comparison", args=[one.pk, letter])))
    assert {value for name, value in found.items() if "status" in name} == {200, 302}
    rows = queries.comparisons(Examination.objects.get(pk=one.pk))
    found["place of the most alike"] = next(row.place for row in rows if row.about["rank"] == 1)
    return found


def gathered(made: Bench, monkeypatch: Any, seed: int, pairs: int) -> Gathered:
    """Return what was measured of as many controls as examinations of searches, in pairs in a drawn order."""
    luck, client = random.Random(seed), client_of(made.on, made.first)
    due = [False]
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: due[0])
    # Searches are for as many people as controls are, so that faces differ as much from one to the next.
    searches = [made.another_search(name, shot=9 + luck.randrange(9)).pk for name in NAMES]
    rows, truth = [], []
    for pair in range(-3, pairs):  # the first ones warm up
        for kind in luck.sample((False, True), 2):
            due[0] = kind
            let_wait(luck.choice(searches))
            found = look(made, client)
            one = Examination.objects.get(examiner=made.first.person)
            assert (one.search_id is None) == kind
            forget(one)
            if pair >= 0:
                rows.append(found)
                truth.append(kind)
    return Gathered.of(rows, truth)


def test_the_database_is_asked_the_same_of_a_control_as_of_a_search(
    made: Bench, monkeypatch: Any
) -> None:
    """Word for word and in the same order: one other table makes a difference of a millisecond, which can be measured."""
    client, due = client_of(made.on, made.first), [False]
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: due[0])
    asked: dict[bool, dict[str, list[str]]] = {}
    for kind in (True, False, True, False):  # the first ones warm up
        due[0] = kind
        client.post(reverse("examination_next"))
        one = Examination.objects.get(examiner=made.first.person)
        assert (one.search_id is None) == kind
        asked[kind] = {}
        for route, more in LOOKS:
            if more and one.analysis is None:
                given = {"examination": one, "checklist": ANALYSIS, "tools": made.on.tools}
                services.record_analysis(made.first, **given)
                one.refresh_from_db()
            for time in ("first", "second"):
                with CaptureQueriesContext(connection) as got:
                    answer = client.get(reverse(route, args=[one.pk, *more]))
                assert answer.status_code == 200
                asked[kind][f"{route} {more}, {time}"] = statements(got)
        forget(one)
    for page, said in asked[True].items():
        assert "\n".join(unified_diff(asked[False][page], said, lineterm="", n=0)) == "", page


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Return what was asked, without values and however many there were in a list."""
    asked = [re.sub(r"'(?:[^']|'')*'(::\w+)?|\b\d+\b", "V", one["sql"]) for one in captured]
    return [re.sub(r"\(V(, V)*\)", "(V)", one) for one in asked]


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a minute, but where chance asks for a thousand fresh pairs
def test_no_classifier_tells_controls_from_searches_also_not_by_time(
    made: Bench, monkeypatch: Any
) -> None:
    check_told_by_nothing(lambda seed, pairs: gathered(made, monkeypatch, seed, pairs))
