"""No page, no byte, no entry and no time tells a control from an examination of a search, before it is recorded.

Examinations of both kinds are taken and looked at through the web, in an order that is drawn. A classifier is
given all that an examiner could measure of them, and more: bytes, headers, entries, numbers of queries, wall
times. What it has learnt is judged on examinations that it has not seen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from clients import client_of
from django.db import connection
from django.test import Client
from django.urls import reverse
from examining import ANALYSIS, NAMES, Bench, bench

from countenance.apps.examinations import queries, services, taking
from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search

PAIRS = 150
"""So many of each kind. The AUC of a classifier that knows nothing then has a standard error of
sqrt((2n + 1) / 12n²) = 0.033: 0.55 is 1.5 of them away from tossing a coin."""
MOST_AUC = 0.55
FOLDS = 5
STEPS, RATE, RIDGE = 300, 0.3, 1e-2


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


class Counter:
    """Counts the queries of a connection."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


@contextmanager
def measured(found: dict[str, float], name: str) -> Iterator[list[Any]]:
    """Note what can be measured of one request, whose response is put into the list."""
    counter, got, entries = Counter(), [], LedgerRow.objects.count()
    with connection.execute_wrapper(counter):
        begun = time.perf_counter()
        yield got
        took = time.perf_counter() - begun
    (response,) = got
    found[f"{name}: time"] = float(np.log(took))
    found[f"{name}: queries"] = counter.count
    found[f"{name}: status"] = response.status_code
    found[f"{name}: bytes"] = len(response.content)
    found[f"{name}: headers"] = sum(len(k) + len(v) for k, v in response.headers.items())
    found[f"{name}: entries"] = LedgerRow.objects.count() - entries


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


def forget(one: Examination) -> None:
    """Take back an examination past the services, as if it had never been."""
    Comparison.objects.filter(examination=one).delete()
    one.delete()


def let_wait(search: UUID) -> None:
    """Let one search wait, past the services, and no other."""
    Search.objects.update(wants_examiner=False)
    Search.objects.filter(pk=search).update(wants_examiner=True)


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the chance that a control scores higher than a search; equal scores count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    for value in np.unique(scores):
        at = np.flatnonzero(scores[order] == value)
        ranks[order[at]] = at.mean() + 1
    positive = truth.sum()
    negative = len(truth) - positive
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def judged(features: np.ndarray, truth: np.ndarray) -> float:
    """Return the AUC of a logistic regression on examinations that it was not fitted to.

    Pairs stay together, and AUCs of the folds are averaged, since their scores have no common scale.
    """
    found = []
    pairs = np.arange(len(truth)) // 2
    for fold in range(FOLDS):
        seen = pairs % FOLDS != fold
        mean, spread = features[seen].mean(axis=0), features[seen].std(axis=0)
        scaled = (features - mean) / np.where(spread > 1e-9, spread, 1.0)
        scaled = np.clip(scaled, -4, 4)  # a machine that paused says nothing
        weights = fitted(scaled[seen], truth[seen])
        found.append(auc(scaled[~seen] @ weights, truth[~seen]))
    return float(np.mean(found))


def fitted(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression, by plain descent; the classes are of one size."""
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-(features @ weights)))
        weights -= RATE * (features.T @ (chance - truth) / len(truth) + RIDGE * weights)
    return weights


def gathered(made: Bench, monkeypatch: Any, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return what was measured of as many controls as examinations of searches, in pairs in a drawn order."""
    luck, client = random.Random(seed), client_of(made.on, made.first)
    due = [False]
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: due[0])
    # Searches are for as many people as controls are, so that faces differ as much from one to the next.
    searches = [made.another_search(name, shot=9 + luck.randrange(9)).pk for name in NAMES]
    rows, truth = [], []
    for pair in range(-3, PAIRS):  # the first ones warm up
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
    names = list(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows]), np.array(truth)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_classifier_tells_controls_from_searches_also_not_by_time(
    made: Bench, monkeypatch: Any
) -> None:
    names, features, truth = gathered(made, monkeypatch, 20261123)
    found = judged(features, truth)
    if found > MOST_AUC:
        # One in fifteen measurings of a coin comes out so; a difference that is there does so again.
        names, features, truth = gathered(made, monkeypatch, 20261124)
        found = judged(features, truth)
    telling = {
        name: round(auc(features[:, place], truth), 3)
        for place, name in enumerate(names)
        if features[:, place].std() > 0
    }
    print(f"AUC {found:.3f}; of each by itself: {telling}")
    assert found <= MOST_AUC, telling

    # So that this is about something: what a control took longer by as much as draws spread is seen.
    taking_time = names.index("take: time")
    slower = features.copy()
    slower[truth, taking_time] += features[:, taking_time].std()
    assert judged(slower, truth) > MOST_AUC
    one_query_more = features.copy()
    one_query_more[truth, names.index("candidate: queries")] += 1
    assert judged(one_query_more, truth) > 0.95
