"""How much more often a similarity is seen with a mate than with the most similar other person.

The weight of evidence of a candidate depends on the gallery: the best of a million strangers is more
alike than the best of a thousand. So mated similarities are compared with the *best non-mate of a
search*, not with pairs of strangers drawn at random, which would make every candidate look convincing.

The ratio rises with the similarity (pool adjacent violators: Ayer et al. 1955; for likelihood ratios
Brümmer and du Preez 2006), and it never goes beyond what the number of subjects can show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64

from countenance.errors import InputError
from countenance.evaluation.trials import Trials

LARGER: Final = 2
"""In a gallery more than this many times as large as the one evaluated no ratio below 1 is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A likelihood ratio; `capped` is "at least" or "at most" where the data can say no more, else "".

    `value` is None where nothing can be said in a gallery so much larger than the one evaluated.
    """

    value: float | None
    capped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Steps of the likelihood ratio over the similarity.

    Attributes:
        levels: the lowest similarity of each step, rising.
        ratios: the likelihood ratio from that similarity on, rising.
        least: the lowest ratio that the mated searches can show.
        most: the highest ratio that the non-mated searches can show.
        others: how many subjects the best non-mate was chosen from.
    """

    levels: tuple[float, ...]
    ratios: tuple[float, ...]
    least: float
    most: float
    others: int

    def at(self, similarity: float, *, subjects: int | None = None) -> Ratio:
        """Return the likelihood ratio of a candidate with this similarity.

        Args:
            similarity: of the candidate.
            subjects: in the gallery searched. In one larger than that evaluated, a stranger so alike is
                that many times likelier at most, so the ratio is smaller by no more than that factor.
                That bound is evidence for the same person while it is above 1. It is none against:
                where only the factor brings it below 1, or the gallery is far larger, nothing is said.
        """
        step = int(np.searchsorted(self.levels, similarity, side="right")) - 1
        value = self.ratios[max(0, step)]
        growth = max(1.0, (subjects or self.others) / max(1, self.others))
        if value / growth < 1 and (value >= 1 or growth > LARGER):
            return Ratio(value=None, capped="")
        if value < 1:
            grown = max(self.least, value / growth)
            return Ratio(value=grown, capped="at most" if grown <= self.least else "")
        return Ratio(value=value / growth, capped="at least" if value >= self.most else "")


def calibrate(trials: Trials) -> Calibration:
    """Return the likelihood ratio by similarity, from mated searches and best non-mates.

    Searches without a face have no candidate and take no part.

    Raises:
        InputError: there is no mated or no non-mated search with a similarity.
    """
    mated_in, other_in = np.isfinite(trials.mated), np.isfinite(trials.best)
    mated, other = trials.mated[mated_in], trials.best[other_in]
    if not len(mated) or not len(other):
        raise InputError("A likelihood ratio needs mated and non-mated searches.")
    # One made-up mate below all and one made-up stranger above all keep the ends finite.
    scores = np.concatenate([[-np.inf], mated, other, [np.inf]])
    is_mate = np.concatenate([[1.0], np.ones(len(mated)), np.zeros(len(other)), [0.0]])
    levels, shares = _pooled(scores, is_mate)
    prior = len(mated) / len(other)
    with np.errstate(divide="ignore"):
        ratios = shares / (1 - shares) / prior
    least = 1.0 / (len(np.unique(trials.mated_subjects[mated_in])) + 1)
    most = float(len(np.unique(trials.non_mated_subjects[other_in])) + 1)
    ratios = np.clip(ratios, least, most)
    # The last step may hold the made-up stranger alone, the first one the made-up mate alone: then the ratio
    # there is as far as these searches can show, and says no more than that it is at least, or at most, so much.
    unseen_above = len(levels) > 1 and other.max() < levels[-1]
    unseen_below = len(levels) > 1 and mated.min() >= levels[1]
    return Calibration(
        levels=tuple(levels.tolist()),
        ratios=tuple(ratios.tolist()),
        least=float(ratios[0]) if unseen_below else least,
        most=float(ratios[-1]) if unseen_above else most,
        others=trials.others,
    )


def _pooled(
    scores: Float64[np.ndarray, " n"], is_mate: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """Return rising steps: where each begins, and the share of mates in it."""
    levels, place = np.unique(scores, return_inverse=True)
    mates = np.bincount(place, weights=is_mate)
    counts = np.bincount(place).astype(np.float64)
    starts: list[int] = []
    sums: list[tuple[float, float]] = []
    for number in range(len(levels)):
        start, mate, count = number, float(mates[number]), float(counts[number])
        while sums and sums[-1][0] * count >= mate * sums[-1][1]:
            before = sums.pop()
            start, mate, count = starts.pop(), mate + before[0], count + before[1]
        starts.append(start)
        sums.append((mate, count))
    shares = np.array([mate / count for mate, count in sums])
    return levels[starts], shares
