"""One evaluation: everything computed from trials, as one value that can be written down and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from countenance.errors import InputError
from countenance.evaluation.calibration import Calibration, calibrate
from countenance.evaluation.growth import (
    Checked,
    Expected,
    Growth,
    check,
    drawn_models,
    expect,
    grow,
)
from countenance.evaluation.intervals import REPLICATES, Rate, fnirs, fpirs, rates, wilson
from countenance.evaluation.quality import Rejected, error_versus_reject
from countenance.evaluation.stored import plain, read, rebuilt, settled, written
from countenance.evaluation.trials import Similarities, Trials

WANTED: Final = (0.1, 0.01, 0.001)
"""The FPIRs that an evaluation says the FNIR for."""

RANKS: Final = (1, 2, 3, 5, 10, 20, 50, 100)
FEWEST: Final = 30
"""Of a group of fewer subjects nothing is told: it would say little, and that about few people."""

DRAWN: Final = 200
"""So many of the models fitted to drawn samples are kept, for the interval of an expected FPIR."""

POINTS: Final = 200
BARS: Final = 40
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What holds at the threshold for one wanted FPIR in a gallery of one size.

    Attributes:
        wanted_fpir: what was asked for.
        subjects: the size of the gallery.
        threshold: the similarity from which a candidate is returned.
        fpir: to be expected in a gallery of that size at that threshold.
        fnir: measured at that threshold; None if there was no mated search.
    """

    wanted_fpir: float
    subjects: int
    threshold: float
    fpir: Expected
    fnir: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """Both error rates measured at one threshold; None where there was no such search."""

    threshold: float
    fnir: Rate | None
    fpir: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """Error rates of one group of at least `FEWEST` subjects, at the thresholds of the settings."""

    group: str
    subjects: int
    mated_searches: int
    non_mated_searches: int
    at: tuple[At, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many mated searches and best non-mates have a similarity between each edge and the next."""

    edges: tuple[float, ...]
    mated: tuple[int, ...]
    non_mated: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRate:
    """FNIR by rank: the share of mated searches whose mate is not among the first `rank`."""

    rank: int
    fnir: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that trials say. The same trials and seed give the same bytes.

    Attributes:
        model: whose similarities these are.
        subjects: how many were in the gallery of a mated search.
        others: how many a non-mated search was compared with.
        mated_searches: their number, `mated_subjects` of how many people.
        non_mated_searches: their number, `non_mated_subjects` of how many people.
        failures: mated searches in which no face was found; they count as not returned.
        seed: of the bootstrap, with `replicates`.
        measured: both error rates over the thresholds, rising: the DET curve.
        settings: the wanted FPIRs of `WANTED` at the evaluated size.
        ranks: FNIR by rank.
        groups: error rates at the thresholds of `settings`, by the steward's labels; none of small groups.
        growth: the model of FPIR at other sizes; None where too little was measured.
        drawn: that model for drawn samples, for its interval.
        checks: that model beside measurement at three sizes.
        calibration: likelihood ratios; None where too little was measured.
        rejected: FNIR when the probes of lowest quality are turned away; empty if not measured.
    """

    model: str
    subjects: int
    others: int
    mated_searches: int
    mated_subjects: int
    non_mated_searches: int
    non_mated_subjects: int
    failures: int
    seed: int
    replicates: int
    measured: tuple[At, ...]
    settings: tuple[Setting, ...]
    ranks: tuple[RankRate, ...]
    histogram: Histogram
    groups: tuple[GroupRates, ...]
    growth: Growth | None
    drawn: tuple[Growth, ...]
    checks: tuple[Checked, ...]
    calibration: Calibration | None
    rejected: tuple[Rejected, ...]

    def setting(self, wanted_fpir: float, subjects: int) -> Setting:
        """Return the threshold for a wanted FPIR in a gallery of this size, and what it costs.

        Raises:
            InputError: too few non-mated searches were measured, or the wanted FPIR is not between 0 and 1.
        """
        if self.growth is None:
            raise InputError("Too few non-mated searches to say how FPIR grows.")
        threshold = self.growth.threshold_for(wanted_fpir, subjects)
        return Setting(
            wanted_fpir=wanted_fpir,
            subjects=subjects,
            threshold=threshold,
            fpir=expect(self.growth, self.drawn, threshold, subjects),
            fnir=self.fnir_at(threshold),
        )

    def fnir_at(self, threshold: float) -> Rate | None:
        """Return the FNIR at the lowest measured threshold that is not below this one; None without any.

        So it is never told too low, and too high by what one step of the curve holds at most. Above
        all similarities everybody is missed.
        """
        found = next((at.fnir for at in self.measured if at.threshold >= threshold), None)
        if found is not None or not self.mated_searches:
            return found
        low, high = wilson(self.mated_subjects, self.mated_subjects)
        searches = self.mated_searches
        return Rate(value=1.0, low=settled(low), high=high, errors=searches, of=searches)

    def as_json(self) -> bytes:
        """Return the only spelling of this evaluation."""
        return written({"version": VERSION, **plain(self)})

    @classmethod
    def from_json(cls, data: bytes) -> Evaluation:
        """Return an evaluation that was written by `as_json`.

        Raises:
            InputError: this is none, or of another version.
        """
        stored = read(data)
        if stored.pop("version", None) != VERSION:
            raise InputError("This evaluation is of another version.")
        made: Evaluation = rebuilt(cls, stored)
        return made


def evaluate(trials: Trials, *, seed: int, replicates: int = REPLICATES) -> Evaluation:
    """Compute everything that these trials say.

    Args:
        trials: what was measured.
        seed: of the bootstrap over subjects; kept, so that the same numbers come out again.
        replicates: how often subjects are drawn.
    """
    model, drawn, checks = _grown(trials, seed)
    levels = _levels(
        trials, [] if model is None else [model.threshold_for(w, trials.others) for w in WANTED]
    )
    found = Evaluation(
        model=trials.model,
        subjects=trials.subjects,
        others=trials.others,
        mated_searches=len(trials.mated),
        mated_subjects=len(np.unique(trials.mated_subjects)),
        non_mated_searches=len(trials.non_mated),
        non_mated_subjects=len(np.unique(trials.non_mated_subjects)),
        failures=trials.failures,
        seed=seed,
        replicates=replicates,
        measured=_at(trials, levels, seed=seed, replicates=replicates),
        settings=(),
        ranks=_ranks(trials, seed=seed, replicates=replicates),
        histogram=_histogram(trials),
        groups=(),
        growth=model,
        drawn=drawn,
        checks=checks,
        calibration=_calibration(trials),
        rejected=(),
    )
    settings = () if model is None else tuple(found.setting(w, trials.others) for w in WANTED)
    thresholds = np.array([one.threshold for one in settings])
    return replace(
        found,
        settings=settings,
        groups=_groups(trials, thresholds, seed=seed, replicates=replicates),
        rejected=_rejected(trials, settings, seed=seed, replicates=replicates),
    )


def _grown(
    trials: Trials, seed: int
) -> tuple[Growth | None, tuple[Growth, ...], tuple[Checked, ...]]:
    try:
        model = grow(trials)
    except InputError:
        return None, (), ()
    drawn = drawn_models(trials, seed=seed, replicates=DRAWN)
    return model, tuple(drawn), tuple(check(trials, WANTED))


def _levels(trials: Trials, thresholds: list[float]) -> Similarities:
    """Return the thresholds to measure at: evenly over all similarities, and those of the settings."""
    seen = np.concatenate([trials.mated, trials.best])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return np.array(thresholds)
    even = np.linspace(seen.min(), seen.max(), POINTS)
    return np.unique(np.concatenate([even, thresholds]))


def _at(trials: Trials, thresholds: Similarities, *, seed: int, replicates: int) -> tuple[At, ...]:
    if not len(thresholds):
        return ()
    none = [None] * len(thresholds)
    missed = fnirs(trials, thresholds, seed=seed, replicates=replicates) or none
    others = fpirs(trials, thresholds, seed=seed, replicates=replicates) or none
    return tuple(
        At(threshold=float(threshold), fnir=fnir, fpir=fpir)
        for threshold, fnir, fpir in zip(thresholds, missed, others, strict=True)
    )


def _ranks(trials: Trials, *, seed: int, replicates: int) -> tuple[RankRate, ...]:
    ranks = np.array([rank for rank in RANKS if rank <= max(1, trials.subjects)])
    if not len(trials.mated):
        return ()
    missed = (trials.ranks[:, None] > ranks) | (trials.ranks[:, None] == 0)
    found = rates(missed, trials.mated_subjects, seed=seed, replicates=replicates)
    return tuple(RankRate(rank=int(r), fnir=f) for r, f in zip(ranks, found, strict=True))


def _histogram(trials: Trials) -> Histogram:
    sides = [side[np.isfinite(side)] for side in (trials.mated, trials.best)]
    seen = np.concatenate(sides)
    if not len(seen):
        return Histogram(edges=(), mated=(), non_mated=())
    low, high = math.floor(seen.min() * 20) / 20, math.ceil(seen.max() * 20) / 20
    edges = np.linspace(low, max(high, low + 0.05), BARS + 1)
    mated, other = (np.histogram(side, edges)[0] for side in sides)
    return Histogram(
        edges=tuple(edges.tolist()), mated=tuple(mated.tolist()), non_mated=tuple(other.tolist())
    )


def _groups(
    trials: Trials, thresholds: Similarities, *, seed: int, replicates: int
) -> tuple[GroupRates, ...]:
    found = []
    for name in trials.groups:
        part = trials.of_group(name)
        subjects = len(np.unique(np.concatenate([part.mated_subjects, part.non_mated_subjects])))
        if subjects < FEWEST:
            continue
        found.append(
            GroupRates(
                group=name,
                subjects=subjects,
                mated_searches=len(part.mated),
                non_mated_searches=len(part.non_mated),
                at=_at(part, thresholds, seed=seed, replicates=replicates),
            )
        )
    return tuple(found)


def _calibration(trials: Trials) -> Calibration | None:
    try:
        return calibrate(trials)
    except InputError:
        return None


def _rejected(
    trials: Trials, settings: tuple[Setting, ...], *, seed: int, replicates: int
) -> tuple[Rejected, ...]:
    """Return the curve at the threshold for an FPIR of 1 %."""
    if not len(trials.qualities) or not settings:
        return ()
    threshold = settings[1].threshold
    return tuple(error_versus_reject(trials, threshold, seed=seed, replicates=replicates))
