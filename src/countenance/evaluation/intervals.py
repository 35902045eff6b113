"""How far a measured rate may be from the true one.

Searches for one person resemble each other, so the subject is what is drawn again, not the search.
Shares of independent counts have Wilson's interval; error rates have Wilson's interval for as many
independent searches as the bootstrap over subjects shows these searches to be worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64

from countenance.errors import InputError

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
) -> list[Rate]:
    """Return `rate` for each column, the same subjects being drawn for all; there is a search."""
    _, place = np.unique(subjects, return_inverse=True)
    people, of = int(place.max()) + 1, len(errors)
    counts = np.bincount(place).astype(np.float64)
    wrong = np.zeros((people, errors.shape[1]))
    np.add.at(wrong, place, errors)
    variances = np.zeros(errors.shape[1])
    if 1 < people < of:
        variances = _drawn_shares(wrong, counts, seed=seed, replicates=replicates).var(axis=0)
    found = []
    for column, variance in zip(wrong.T, variances, strict=True):
        number = int(column.sum())
        worth = _worth(column, counts, float(variance))
        low, high = wilson(number / of * worth, worth)
        found.append(Rate(value=number / of, low=low, high=high, errors=number, of=of))
    return found


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
    subjects: Int64[np.ndarray, " n"], *, seed: int, replicates: int
) -> list[Float64[np.ndarray, " n"]]:
    """Return, for each bootstrap sample, how often each search is in it: as often as its subject."""
    _, place = np.unique(subjects, return_inverse=True)
    people = int(place.max()) + 1 if len(place) else 0
    random = np.random.default_rng(seed)
    return [
        np.bincount(random.integers(people, size=people), minlength=people)[place].astype(float)
        for _ in range(replicates)
    ]
