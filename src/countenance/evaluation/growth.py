"""FPIR in a gallery of another size, and the threshold that keeps a wanted FPIR as a gallery grows.

A search for somebody who is not in the gallery returns nobody if none of its comparisons reaches the
threshold. So FPIR follows from how often one comparison does, and from how unevenly that is spread over
the probes: some faces have many look-alikes. With a rate q for one comparison and a spread a of that
rate over the probes (gamma distributed, so that counts are negative binomial), a gallery of N subjects
has FPIR = 1 - (1 + a N q)^(-1/a), and 1 - exp(-N q) where a is 0.

Above the highest similarities that were measured, q continues as the tail fitted to them: the density
of what exceeds a start falls as exp(-slope y - bend y²) with y counted from the start. A bend of 0 is
the exponential tail of extreme-value theory, a bend above 0 that of sums of many small parts, as
cosines are. It is never below 0, so no rate is expected to fall more slowly than was measured.

Whoever is added is taken to be like those in the evaluated gallery: for a gallery that grows by the
relatives, the twins or the doubles of those in it, nothing here holds.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64

from countenance.errors import InputError
from countenance.evaluation.intervals import REPLICATES, drawn_subjects, pairs_of
from countenance.evaluation.stored import settled
from countenance.evaluation.tails import fit_tail, tail
from countenance.evaluation.trials import Trials

ENOUGH: Final = 10
"""A rate that rests on fewer comparisons than this is called extrapolated."""

FAR: Final = 10
"""So is one in a gallery more than this many times as large as the one evaluated."""

_MOST: Final = 5000
_LEAST: Final = 5
_FINE: Final = 1e6
_FEWEST: Final = 10
_TAKEN_BACK: Final = 0.4
_SHORTEST: Final = 200
_PART, _KNOWN = 10, 4
_FITS: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How often a comparison with a stranger reaches a similarity, for any threshold and gallery size.

    Attributes:
        others: how many subjects the non-mated searches were compared with.
        searches: how many there were.
        start: the similarity from which the tail was fitted.
        exceeding: how many comparisons exceeded it; in a drawn sample, as many as they count for.
        slope: of the tail at its start.
        bend: of the tail.
        spread: of the rate over the probes; 0 if all are alike.
        highest: the similarity that `ENOUGH` comparisons reached; beyond it is extrapolated.
        levels: similarities up to the start, rising.
        shares: of the comparisons, those that reach each level, as they were counted.
    """

    others: int
    searches: int
    start: float
    exceeding: float
    slope: float
    bend: float
    spread: float
    highest: float
    levels: tuple[float, ...]
    shares: tuple[float, ...]

    def comparison_rate(self, threshold: float) -> float:
        """Return how often one comparison with a stranger reaches the threshold."""
        if threshold >= self.start or len(self.levels) == 1:
            at_start = self.exceeding / (self.searches * self.others)
            return min(1.0, at_start * tail(threshold - self.start, self.slope, self.bend))
        # Between two levels, and below all of them as between the lowest two, the logarithm is even.
        above = min(max(bisect(self.levels, threshold), 1), len(self.levels) - 1)
        low, high = self.levels[above - 1], self.levels[above]
        ends = math.log(self.shares[above - 1]), math.log(self.shares[above])
        where = (threshold - low) / (high - low)
        return min(1.0, math.exp(ends[0] + where * (ends[1] - ends[0])))

    def fpir(self, threshold: float, subjects: int) -> float:
        """Return the FPIR that is to be expected in a gallery of so many subjects."""
        expected = subjects * self.comparison_rate(threshold)
        if self.spread * expected < 1e-12:  # noqa: PLR2004 # the limit, where the quotient is rounding
            return -math.expm1(-expected)
        return -math.expm1(-math.log1p(self.spread * expected) / self.spread)

    def threshold_for(self, wanted_fpir: float, subjects: int) -> float:
        """Return the lowest threshold, with six decimals, at which no higher FPIR is to be expected.

        It is never above 1, beyond which no similarity lies; see `is_out_of_reach`.

        Raises:
            InputError: the wanted FPIR is not above 0 and below 1, or the gallery is empty.
        """
        if not 0 < wanted_fpir < 1 or subjects < 1:
            raise InputError("An FPIR lies between 0 and 1, and a gallery has a subject.")
        low, high = -1.0, 1.0
        if self.fpir(high, subjects) > wanted_fpir:
            return high
        while high - low > 1e-9:  # noqa: PLR2004 # far below what a similarity means
            middle = (low + high) / 2
            low, high = (
                (low, middle) if self.fpir(middle, subjects) <= wanted_fpir else (middle, high)
            )
        return math.ceil(high * _FINE) / _FINE

    def is_extrapolated(self, threshold: float, subjects: int) -> bool:
        """Say whether the FPIR there was not measured but continued from what was.

        Up to `FAR` times the evaluated size it is predicted only: such comparisons were measured, but
        not in a gallery so large.
        """
        return threshold > self.highest or subjects > FAR * self.others


def is_predicted(subjects: int, others: int) -> bool:
    """Say whether a gallery holds more subjects than the one that was measured with so many others.

    That one held whoever was searched for besides them.
    """
    return subjects > others + 1


def is_out_of_reach(threshold: float) -> bool:
    """Say whether a threshold is one that nobody but the same photo again can reach."""
    return threshold >= 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An FPIR, with its 95 % interval, at one threshold in a gallery of one size."""

    threshold: float
    subjects: int
    value: float
    low: float
    high: float
    extrapolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the model says of a gallery of one size, beside what was measured there."""

    subjects: int
    threshold: float
    measured: float
    expected: float


def grow(trials: Trials) -> Growth:
    """Fit the model to the most similar other subjects of the non-mated searches.

    Raises:
        InputError: there are too few of them.
    """
    seen = _exceeding(trials)
    once = np.ones(len(trials.non_mated)), np.ones(len(seen.similar))
    return _fitted(seen, trials.others, *once, careful=True)


def expected(
    trials: Trials, threshold: float, subjects: int, *, seed: int, replicates: int = REPLICATES
) -> Expected:
    """Return the FPIR to be expected, with an interval from drawing subjects again.

    Raises:
        InputError: there are too few non-mated searches.
    """
    model = grow(trials)
    return expect(
        model, drawn_models(trials, seed=seed, replicates=replicates), threshold, subjects
    )


def expect(model: Growth, drawn: Sequence[Growth], threshold: float, subjects: int) -> Expected:
    """Return the FPIR of a model, with the interval of the models that were fitted to drawn samples.

    The interval holds their middle 95 %, and lies at least as far around the model's own FPIR, in
    proportion, as theirs around their median: the model is more careful about the tail than they are.
    """
    rates = [one.fpir(threshold, subjects) for one in drawn] or [0.0, 1.0]
    low, middle, high = np.quantile(rates, [0.025, 0.5, 0.975]).tolist()
    value = model.fpir(threshold, subjects)
    moved = value / middle if middle > 0 else 1.0
    return Expected(
        threshold=threshold,
        subjects=subjects,
        value=settled(value),
        low=settled(min(low, low * moved, value)),
        high=settled(min(1.0, max(high, high * moved, value))),
        extrapolated=model.is_extrapolated(threshold, subjects),
    )


def drawn_models(trials: Trials, *, seed: int, replicates: int) -> list[Growth]:
    """Return the model fitted to each bootstrap sample of subjects, all from the same start.

    Their bends are as they come, so the interval also spans what is not known about the tail.

    Raises:
        InputError: there are too few non-mated searches.
    """
    seen = _exceeding(trials)
    searched = trials.non_mated_subjects
    alike = _alike(seen, searched)
    models = []
    for searches, enrolled in drawn_subjects(searched, seen.who, seed=seed, replicates=replicates):
        times = searches[seen.search] - 1
        if len(enrolled):
            times = times + enrolled - 1
        times = np.maximum(0, 1 + alike * times)
        if times[: seen.tail].any():
            models.append(_fitted(seen, trials.others, searches, times, careful=False))
    return models


def _alike(seen: _Exceeding, searched: Int64[np.ndarray, " n"]) -> float:
    """Return by how much drawing both subjects of a comparison has to be taken back.

    The number of comparisons that exceed the start varies with the subjects, and where it does not,
    each comparison is drawn twice, once with either of its subjects (see `intervals.rates`). A part of
    that is left in, because the shape of the tail is uncertain too.
    """
    if not len(seen.who):
        return 1.0
    seen_who, probe = seen.who[: seen.tail], searched[seen.search[: seen.tail]]
    _, place = np.unique(np.concatenate([searched, seen_who]), return_inverse=True)
    people = int(place.max()) + 1
    times = np.bincount(place[: len(searched)], minlength=people)
    enrolled = np.unique(place[len(searched) :])
    own = np.bincount(
        place[: len(searched)][seen.search[: seen.tail]], minlength=people
    ) - times * (len(probe) / len(searched))
    own[enrolled] -= len(probe) / len(enrolled)
    own += np.bincount(place[len(searched) :], minlength=people)
    drawn = float((own**2).sum())
    pairs = float((np.bincount(pairs_of(probe, seen_who)) ** 2).sum())
    return math.sqrt(1 - _TAKEN_BACK * min(1.0, pairs / drawn)) if drawn > 0 else 1.0


def measured_at(trials: Trials, threshold: float, subjects: int) -> float:
    """Return the mean FPIR over all galleries of so many of the evaluated subjects.

    With c of N subjects at or above the threshold, a gallery of n of them holds none of these with
    probability (1 - n/N)^c. Nothing is assumed, so no size above that evaluated can be had.

    Raises:
        InputError: the gallery evaluated has not so many subjects, or there is no non-mated search.
    """
    if not 0 < subjects <= trials.others or not len(trials.non_mated):
        raise InputError("Only galleries up to the evaluated size can be measured.")
    reaching = (trials.non_mated >= threshold).sum(axis=1)
    return float(np.mean(1 - (1 - subjects / trials.others) ** reaching))


def check(
    trials: Trials, wanted: Sequence[float], *, parts: Sequence[int] = (16, 4, 1)
) -> list[Checked]:
    """Return the model beside measurement at three sizes, at the thresholds of the wanted FPIRs."""
    model, rows = grow(trials), []
    for part in parts:
        subjects = trials.others // part
        for fpir in wanted if subjects else ():
            threshold = model.threshold_for(fpir, subjects)
            rows.append(
                Checked(
                    subjects=subjects,
                    threshold=threshold,
                    measured=measured_at(trials, threshold, subjects),
                    expected=model.fpir(threshold, subjects),
                )
            )
    return rows


@dataclass(frozen=True, slots=True)
class _Exceeding:
    """The highest comparisons, falling: those beyond the start of the tail, and as many as are known below."""

    similar: Float64[np.ndarray, " m"]
    search: Int64[np.ndarray, " m"]
    who: Int64[np.ndarray, " known"]  # the subject of the gallery; empty if not known
    tail: int  # so many lie beyond the start
    counts: Float64[np.ndarray, " n"]  # of those, in each search

    @property
    def start(self) -> float:
        """Return the highest similarity that is not of the tail."""
        return float(self.similar[self.tail])


def _exceeding(trials: Trials) -> _Exceeding:
    """Return the highest comparisons, with the longest tail that is as the model says it is.

    Raises:
        InputError: there are too few comparisons, or they are too alike.
    """
    others, searches = trials.non_mated, len(trials.non_mated)
    flat = others.ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[np.isfinite(flat[order])][: _KNOWN * searches]
    most = min(_MOST, max(_SHORTEST, searches // _PART), searches // 2, len(order) - 2)
    if most < _LEAST or trials.others < 1:
        raise InputError("Too few non-mated searches to say how FPIR grows.")
    similar = flat[order]
    while True:
        length = int(np.searchsorted(-similar, -similar[most]))
        if length < _LEAST:
            raise InputError("The non-mated searches are too alike to say how FPIR grows.")
        search = order // others.shape[1]
        if len(np.unique(trials.non_mated_subjects[search[:length]])) < _FEWEST:
            raise InputError("Too few people were searched for to say how FPIR grows.")
        if most < _SHORTEST or _misfit(similar[:length] - similar[length]) < _FITS:
            break
        most //= 2
    who = trials.nearest.ravel()[order] if trials.nearest.size else search[:0]
    counts = np.bincount(search[:length], minlength=searches).astype(np.float64)
    return _Exceeding(similar, search, who, length, counts)


def _misfit(beyond: Float64[np.ndarray, " m"]) -> float:
    """Return the largest distance of the fitted tail from the measured one (Kolmogorov's, scaled)."""
    slope, bend = fit_tail(beyond, np.ones(len(beyond)))
    fitted = np.array([tail(float(one), slope, bend) for one in beyond])  # rising, as beyond falls
    steps = np.arange(len(beyond) + 1) / len(beyond)
    far = max(np.abs(fitted - steps[1:]).max(), np.abs(fitted - steps[:-1]).max())
    return float(far) * math.sqrt(len(beyond))


def _fitted(
    seen: _Exceeding,
    others: int,
    weights: Float64[np.ndarray, " n"],
    times: Float64[np.ndarray, " m"],
    *,
    careful: bool,
) -> Growth:
    """Fit tail and spread, each search and each comparison counted as often as it was drawn."""
    beyond, inside = seen.similar[: seen.tail] - seen.start, times[: seen.tail]
    slope, bend = fit_tail(beyond, inside, careful=careful)
    reached, comparisons = np.cumsum(times), float(weights.sum()) * others
    places = [seen.tail]
    while (place := _below(seen, 2 * places[-1])) is not None:
        places.append(place)
    enough = min(int(np.searchsorted(reached, ENOUGH)), len(times) - 1)
    return Growth(
        others=others,
        searches=int(weights.sum()),
        start=seen.start,
        exceeding=settled(float(inside.sum())),
        slope=settled(slope),
        bend=settled(bend),
        spread=settled(_spread(seen.counts, weights)),
        highest=float(seen.similar[enough]),
        levels=tuple(seen.similar[places[::-1]].tolist()),
        shares=tuple(settled(float(reached[one - 1]) / comparisons) for one in places[::-1]),
    )


def _below(seen: _Exceeding, place: int) -> int | None:
    """Return where the next similarity begins that is below the start; None if there is none."""
    last = seen.similar[place // 2]
    while place < len(seen.similar):
        found = int(np.searchsorted(-seen.similar, -seen.similar[place]))
        if seen.similar[found] < last:
            return max(found, place // 2 + 1)
        place *= 2
    return None


def _spread(counts: np.ndarray, weights: np.ndarray) -> float:
    """Return the spread of the rate over the probes, by moments; 0 if no more than chance."""
    mean = float(np.average(counts, weights=weights))
    variance = float(np.average((counts - mean) ** 2, weights=weights))
    return max(0.0, (variance - mean) / (mean * mean)) if mean > 0 else 0.0
