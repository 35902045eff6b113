"""Whether two kinds of examinations can be told apart by what an examiner could measure of them, and more.

Bytes, headers, entries, numbers of queries and wall times are given to a classifier; what it has learnt is
judged on examinations that it has not seen.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search

MOST_AUC = 0.55
SEEDS = (20261123, 20261124, 20261125)
FOLDS = 5
PAIRS = int(os.environ.get("TELLING_PAIRS", "75"))
"""So many examinations of each kind; `make attack` takes 150."""
FRESH = 2
"""So many times as many make a fresh sample. The AUC of a classifier that knows nothing then has a standard error of
sqrt((2n + 1) / 12n²) = 0.033: 0.55 is 1.5 of them away from tossing a coin."""
SURE = 1200
"""So many fresh pairs end the doubt: 0.55 is 4.2 standard errors away from tossing a coin then."""
STEPS, RATE, RIDGE = 300, 0.3, 1e-2


@dataclass(frozen=True)
class Gathered:
    """What was measured of examinations of two kinds: a row of figures for each; they lie in pairs."""

    names: list[str]
    features: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, rows: list[dict[str, float]], truth: list[bool]) -> Gathered:
        """Put figures in the order of the first row."""
        names = list(rows[0])
        return cls(
            names, np.array([[row[name] for name in names] for row in rows]), np.array(truth)
        )

    def more_of(self, name: str, much: float | None = None) -> Gathered:
        """Return the same, had one kind so much more of a figure; by as much as it spreads, if not said."""
        place, features = self.names.index(name), self.features.copy()
        features[self.truth, place] += features[:, place].std() if much is None else much
        return Gathered(self.names, features, self.truth)

    def seen(self, name: str, much: float | None = None) -> float:
        """Return how well the kinds are told apart had one of them more of a figure; the mean of either of them.

        What they differ by already, by chance, adds to the one and takes from the other.
        """
        other = Gathered(self.names, self.features, ~self.truth)
        return float(np.mean([one.more_of(name, much).auc for one in (self, other)]))

    @property
    def auc(self) -> float:
        """Return how well the kinds are told apart."""
        return judged(self.features, self.truth)

    @property
    def each_alone(self) -> dict[str, float]:
        """Return the AUC of each figure by itself, of those that differ at all."""
        return {
            name: round(auc(self.features[:, place], self.truth), 3)
            for place, name in enumerate(self.names)
            if self.features[:, place].std() > 0
        }


def check_told_by_nothing(gather: Callable[[int, int], Gathered]) -> None:
    """Let the classifier try, and check that it would have seen a difference.

    Within one sample folds are not independent: of 150 pairs that differ in nothing, the AUC spreads by 0.05 and
    lies above 0.55 in one sample of seven (75 pairs: 0.07, one of four; 1,500 samples were simulated). So if it
    does, what was learnt of the whole sample is judged on a fresh one, of twice as many; and if it lies above the
    bound there too, on so many more that there are `SURE`. A difference that is there is there again; chance alone
    passes the bound each time in about 3 of a million runs.
    """
    made = gather(SEEDS[0], PAIRS)
    found = made.auc
    print(f"AUC {found:.3f}; {made.each_alone}")
    fresh: list[Gathered] = []
    for seed, pairs in zip(SEEDS[1:], (FRESH * PAIRS, SURE - FRESH * PAIRS), strict=True):
        if found <= MOST_AUC:
            break
        fresh.append(gather(seed, pairs))
        features = np.concatenate([one.features for one in fresh])
        truth = np.concatenate([one.truth for one in fresh])
        found = learnt(made.features, made.truth, features, truth)
        chance = spread_of_chance(len(truth) // 2)
        print(
            f"AUC {found:.3f} on fresh ones, by chance 0.5 ± {chance:.3f}; {fresh[-1].each_alone}"
        )
    assert found <= MOST_AUC, made.each_alone
    # So that this is about something: what takes longer by as much as it spreads is seen, and one query.
    assert made.seen("take: time") > MOST_AUC
    assert made.seen("candidate: queries", 1) > 0.95


def forget(one: Examination) -> None:
    """Take back an examination past the services, as if it had never been."""
    Comparison.objects.filter(examination=one).delete()
    one.delete()


def let_wait(search: UUID) -> None:
    """Let one search wait, past the services, and no other."""
    Search.objects.update(wants_examiner=False)
    Search.objects.filter(pk=search).update(wants_examiner=True)


class Counter:
    """Counts the queries of a connection."""

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        """Count one and ask it."""
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


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the chance that one of the true kind scores higher than another; equal scores count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    for value in np.unique(scores):
        at = np.flatnonzero(scores[order] == value)
        ranks[order[at]] = at.mean() + 1
    positive = truth.sum()
    negative = len(truth) - positive
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def spread_of_chance(pairs: int) -> float:
    """Return the standard error of the AUC of a classifier that knows nothing, of so many pairs."""
    return math.sqrt((2 * pairs + 1) / (12 * pairs**2))


def judged(features: np.ndarray, truth: np.ndarray) -> float:
    """Return the AUC of a logistic regression on rows that it was not fitted to.

    Pairs stay together, and AUCs of the folds are averaged, since their scores have no common scale.
    """
    found = []
    pairs = np.arange(len(truth)) // 2
    for fold in range(FOLDS):
        seen = pairs % FOLDS != fold
        found.append(learnt(features[seen], truth[seen], features[~seen], truth[~seen]))
    return float(np.mean(found))


def learnt(
    seen: np.ndarray, truth: np.ndarray, fresh: np.ndarray, fresh_truth: np.ndarray
) -> float:
    """Return the AUC on fresh rows of what was learnt of those that were seen."""
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    # A machine that paused says nothing.
    scaled, new = (
        np.clip((one - mean) / np.where(spread > 1e-9, spread, 1.0), -4, 4) for one in (seen, fresh)
    )
    return auc(new @ fitted(scaled, truth), fresh_truth)


def fitted(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression, by plain descent; the classes are of one size."""
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-(features @ weights)))
        weights -= RATE * (features.T @ (chance - truth) / len(truth) + RIDGE * weights)
    return weights
