"""How far a measured rate may be from the true one.

Searches for one person resemble each other, so the subject is what is drawn again, not the search.
Shares of independent counts have Wilson's interval; error rates have Wilson's interval for as many
independent searches as the bootstrap over subjects shows these searches to be worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64

from countenance.errors import InputError
from countenance.evaluation.measures import returned
from countenance.evaluation.stored import settled
from countenance.evaluation.trials import Similarities, Trials

Z95: Final = 1.959963984540054
REPLICATES: Final = 1000
_FEW: Final = 10
_CELLS: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95 % interval; `errors` of `of` searches."""

    value: float
    low: float
    high: float
    errors: int
    of: int


def wilson(errors: float, of: float) -> tuple[float, float]:
    """Return the ends of the 95 % score interval (Wilson, JASA 1927); of nothing, 0 to 1.

    Raises:
        InputError: there are more errors than searches, or fewer than none.
    """
    if not 0 <= errors <= of:
        raise InputError("There are not more errors than searches.")
    if of == 0:
        return 0.0, 1.0
    share, z2 = errors / of, Z95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    low = 0.0 if errors == 0 else max(0.0, middle - half)
    high = 1.0 if errors == of else min(1.0, middle + half)
    return low, high


def rate(
    errors: Bool[np.ndarray, " n"],
    subjects: Int64[np.ndarray, " n"],
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> Rate | None:
    """Return the share of searches with an error and its interval; None if there was no search.

    Args:
        errors: whether each search had one.
        subjects: of whom each search was.
        seed: of the bootstrap over subjects.
        replicates: how often subjects are drawn.
    """
    if not len(errors):
        return None
    return rates(errors[:, None], subjects, seed=seed, replicates=replicates)[0]


def rates(
    errors: Bool[np.ndarray, "n t"],
    subjects: Int64[np.ndarray, " n"],
    *,
    seed: int,
    replicates: int = REPLICATES,
    by: Int64[np.ndarray, " n"] | None = None,
    alone: Bool[np.ndarray, "n t"] | None = None,
) -> list[Rate]:
    """Return `rate` for each column, the same subjects being drawn for all; there is a search.

    Args:
        errors: whether each search had an error, a column for each case.
        subjects: of whom each search was.
        seed: see `rate`, like `replicates`.
        replicates: see `seed`.
        by: the subject of the gallery who was returned first, numbered like `subjects`.
        alone: whether nobody else was returned, so that without that subject there were no error. Given
            both, the interval also spans which subjects happened to be in the gallery.
    """
    labels = subjects if by is None else np.concatenate([subjects, by])
    _, place = np.unique(labels, return_inverse=True)
    people, of = int(place.max()) + 1, len(errors)
    counts = np.bincount(place[:of], minlength=people).astype(np.float64)
    wrong = np.zeros((people, errors.shape[1]))
    np.add.at(wrong, place[:of], errors)
    variances = np.zeros(errors.shape[1])
    if by is not None and alone is not None:
        both = np.concatenate([wrong, wrong + _caused(place[of:], alone, people)], axis=1)
        drawn = _drawn_shares(both, counts, seed=seed, replicates=replicates).var(axis=0)
        pairs = _pairs(place[:of], place[of:], alone) / of**2 * (1 - errors.mean(axis=0)) ** 2
        variances = np.maximum(drawn[: errors.shape[1]], drawn[errors.shape[1] :] - pairs)
    elif 1 < people < of:
        variances = _drawn_shares(wrong, counts, seed=seed, replicates=replicates).var(axis=0)
    searched, found = counts > 0, []
    for column, variance in zip(wrong[searched].T, variances, strict=True):
        number = int(column.sum())
        worth = _worth(column, counts[searched], float(variance))
        low, high = map(settled, wilson(number / of * worth, worth))
        found.append(Rate(value=number / of, low=low, high=high, errors=number, of=of))
    return found


def _caused(
    by: Int64[np.ndarray, " n"], alone: Bool[np.ndarray, "n t"], people: int
) -> Float64[np.ndarray, "s t"]:
    """Return how many errors there were more for each subject of the gallery than for the mean one."""
    caused = np.zeros((people, alone.shape[1]))
    np.add.at(caused, by, alone)
    enrolled = np.unique(by)
    caused[enrolled] -= caused[enrolled].mean(axis=0)
    return caused


def _pairs(
    searched: Int64[np.ndarray, " n"], by: Int64[np.ndarray, " n"], alone: Bool[np.ndarray, "n t"]
) -> Float64[np.ndarray, " t"]:
    """Return the squared errors of each two subjects, which drawing both of them counts twice.

    That holds where errors are rare. Where many searches err, several others are as alike, and leaving
    one of them out tells less than it would: so less is taken back there, which was found to be on the
    safe side in simulated evaluations.

    Source: Aronow, Samii and Assenova, "Cluster-robust variance estimation for dyadic data" (2015).
    """
    two = pairs_of(searched, by)
    return np.array([float((np.bincount(two[one]) ** 2).sum()) for one in alone.T])


def pairs_of(
    one: Int64[np.ndarray, " n"], other: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Return a number for each two subjects, the same whichever of them is named first."""
    two = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)
    return np.unique(two, axis=0, return_inverse=True)[1].reshape(-1)


def fnirs(
    trials: Trials, thresholds: Similarities, *, seed: int, replicates: int = REPLICATES
) -> list[Rate] | None:
    """Return FNIR at each threshold with its interval; None if there was no mated search."""
    if not len(trials.mated):
        return None
    missed = ~returned(trials.mated[:, None], thresholds)
    return rates(missed, trials.mated_subjects, seed=seed, replicates=replicates)


def fpirs(
    trials: Trials, thresholds: Similarities, *, seed: int, replicates: int = REPLICATES
) -> list[Rate] | None:
    """Return FPIR at each threshold with its interval; None if there was no non-mated search."""
    if not len(trials.non_mated):
        return None
    errors = returned(trials.best[:, None], thresholds)
    by, alone = None, None
    if trials.nearest.size:
        second = trials.non_mated[:, 1:2]
        by = trials.nearest[:, 0]
        alone = errors & ~returned(second, thresholds) if second.size else errors
    return rates(
        errors, trials.non_mated_subjects, seed=seed, replicates=replicates, by=by, alone=alone
    )


def _worth(
    wrong: Float64[np.ndarray, " s"], counts: Float64[np.ndarray, " s"], variance: float
) -> float:
    """Return how many independent searches these are worth, at most their number.

    Where fewer than ten subjects have an error (or fewer than ten have none), the bootstrap cannot see
    how alike the searches of one subject are; then each subject counts as one search at most.
    """
    of, people = float(counts.sum()), float(len(counts))
    share = float(wrong.sum()) / of
    worth = share * (1 - share) / variance if variance > 0 else of if people == of else people
    if min(int((wrong > 0).sum()), int((wrong < counts).sum())) < _FEW:
        worth = min(worth, people)
    return min(max(worth, 1.0), of)


def _drawn_shares(
    wrong: Float64[np.ndarray, "s t"],
    counts: Float64[np.ndarray, " s"],
    *,
    seed: int,
    replicates: int,
) -> Float64[np.ndarray, "b t"]:
    """Return the shares of errors in each bootstrap sample of as many subjects, drawn with return."""
    random = np.random.default_rng(seed)
    people = len(counts)
    step = max(1, _CELLS // people)
    parts = []
    for start in range(0, replicates, step):
        chosen = random.integers(people, size=(min(step, replicates - start), people))
        chosen += np.arange(len(chosen))[:, None] * people
        times = np.bincount(chosen.ravel(), minlength=chosen.size).reshape(chosen.shape)
        drawn = times.astype(np.float64)
        parts.append((drawn @ wrong) / (drawn @ counts)[:, None])
    return np.concatenate(parts)


def drawn_subjects(
    subjects: Int64[np.ndarray, " n"],
    others: Int64[np.ndarray, " m"],
    *,
    seed: int,
    replicates: int,
) -> Iterator[tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " m"]]]:
    """Yield for each bootstrap sample how often each of these subjects, and of the others, is in it."""
    _, place = np.unique(np.concatenate([subjects, others]), return_inverse=True)
    people = int(place.max()) + 1 if len(place) else 0
    random = np.random.default_rng(seed)
    for _ in range(replicates):
        drawn = np.bincount(random.integers(people, size=people), minlength=people)
        times = drawn[place].astype(np.float64)
        yield times[: len(subjects)], times[len(subjects) :]
