"""FPIR in galleries of another size: what the model says, beside what is measured there."""

import math
from dataclasses import replace

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import Trials, expected, fpir, grow, measured_at
from countenance.evaluation.growth import (
    check,
    drawn_models,
    is_out_of_reach,
    is_predicted,
)
from countenance.evaluation.tails import fit_tail, tail

SMALL, PROBES = 2_000, 6_000
TIMES = (10, 100)


@pytest.fixture(scope="module")
def strangers():
    """Return trials of a small gallery, and the best similarities in those 10 and 100 times as large.

    What a stranger's comparisons are like is drawn, not computed from templates: sums of eight small
    parts, of which one is the probe's own, so that some probes have more look-alikes than others.
    """
    random = np.random.default_rng(2026)
    own = 0.2 * random.standard_normal(PROBES)
    best = {SMALL: np.empty((PROBES, 20))} | {n * SMALL: np.empty(PROBES) for n in TIMES}
    for probe in range(PROBES):
        # Only the highest matter: those above the level that 1 in 400 comparisons reaches.
        drawn = highest(random, SMALL * max(TIMES), 0.0025)
        size = random.integers(SMALL * max(TIMES), size=len(drawn))
        similar = (drawn + own[probe]) / 12
        near = np.sort(similar[size < SMALL])[::-1]
        best[SMALL][probe] = np.pad(near, (0, 20), constant_values=-np.inf)[:20]
        for times in TIMES:
            best[times * SMALL][probe] = similar[size < times * SMALL].max(initial=-np.inf)
    trials = Trials(
        model="m",
        subjects=SMALL,
        others=SMALL,
        non_mated=best[SMALL],
        non_mated_subjects=np.arange(PROBES),
    )
    return trials, {times: best[times * SMALL] for times in TIMES}


def highest(random, count, share):
    """Return the standard normal variables of `count` that exceed what this share of them does."""
    from statistics import NormalDist

    start = NormalDist().inv_cdf(1 - share)
    many = random.binomial(count, share)
    # The tail of a normal variable, by Marsaglia's method: reject from a shifted Rayleigh variable.
    drawn = np.sqrt(start * start - 2 * np.log(random.random(2 * many + 50)))
    return drawn[random.random(len(drawn)) * drawn < start][:many]


@pytest.mark.parametrize(
    ("times", "wanted"),
    # At 100 times the size, an FPIR of 0.03 is that of a comparison of which these trials have none.
    [(10, 0.3), (10, 0.1), (10, 0.03), (100, 0.3), (100, 0.1)],
)
def test_the_expected_fpir_is_within_half_of_that_measured_in_larger_galleries(
    strangers, times, wanted
):
    trials, larger = strangers
    threshold = grow(trials).threshold_for(wanted, times * SMALL)
    measured = np.mean(larger[times] >= threshold)
    assert 1 / 1.5 <= measured / wanted <= 1.5
    told = expected(trials, threshold, times * SMALL, seed=1, replicates=100)
    assert told.low <= measured * 1.1
    assert told.high >= measured * 0.9


def test_at_the_evaluated_size_and_below_it_agrees_with_what_was_measured(strangers):
    trials, _ = strangers
    for one in check(trials, (0.2, 0.05, 0.02)):
        assert one.expected == pytest.approx(one.measured, rel=0.2)
    assert {one.subjects for one in check(trials, (0.1,))} == {SMALL // 16, SMALL // 4, SMALL}


def test_the_measured_fpir_of_a_part_is_the_mean_over_all_parts():
    trials = labelled.searched(subjects=40, photos=np.full(40, 2))
    random = np.random.default_rng(1)
    threshold = float(np.quantile(trials.best, 0.6))
    found = []
    for _ in range(600):
        part = random.choice(40, 13, replace=False)
        inside = np.isin(trials.nearest, part)
        found.append(((trials.non_mated >= threshold) & inside).any(axis=1).mean())
    # Of the 40 one is the probe's own subject, who is not among the others.
    assert measured_at(trials, threshold, 13) == pytest.approx(np.mean(found), rel=0.05)
    assert measured_at(trials, threshold, trials.others) == fpir(trials, threshold)
    with pytest.raises(InputError):
        measured_at(trials, threshold, trials.others + 1)


def test_fpir_rises_with_the_gallery_and_falls_with_the_threshold(strangers):
    model = grow(strangers[0])
    sizes = [1, 10, 1_000, 10**6, 10**9]
    rising = [model.fpir(0.6, n) for n in sizes]
    assert rising == sorted(rising)
    falling = [model.fpir(t, 10_000) for t in np.linspace(-1, 1.2, 200)]
    assert falling == sorted(falling, reverse=True)
    assert all(0 <= one <= 1 for one in [*rising, *falling])


@pytest.mark.parametrize("subjects", [1, 500, 10**5, 3 * 10**9])
@pytest.mark.parametrize("wanted", [0.5, 0.01, 1e-6])
def test_the_threshold_keeps_the_wanted_fpir_at_any_size(strangers, subjects, wanted):
    model = grow(strangers[0])
    threshold = model.threshold_for(wanted, subjects)
    assert model.fpir(threshold, subjects) <= wanted
    assert model.fpir(threshold - 2e-6, subjects) > wanted or threshold <= -0.99


def test_no_threshold_lies_beyond_all_similarities(strangers):
    far = replace(grow(strangers[0]), slope=1.0, bend=0.0)
    threshold = far.threshold_for(1e-6, 10**6)
    assert threshold == 1
    assert is_out_of_reach(threshold)
    assert not is_out_of_reach(grow(strangers[0]).threshold_for(0.01, 1_000))


def test_a_gallery_is_measured_up_to_the_evaluated_size_and_whoever_was_searched_for():
    assert [is_predicted(n, 199) for n in (10, 199, 200, 201)] == [False, False, False, True]


def test_what_was_not_measured_is_called_extrapolated(strangers):
    model = grow(strangers[0])
    assert not model.is_extrapolated(model.start, SMALL)
    assert not model.is_extrapolated(model.start, 10 * SMALL)
    assert model.is_extrapolated(model.start, 10 * SMALL + 1)
    assert model.is_extrapolated(model.highest + 1e-6, SMALL)


def test_the_interval_widens_beyond_the_data(strangers):
    trials, _ = strangers
    model = grow(trials)
    inside, outside = (
        expected(trials, model.threshold_for(0.05, n), n, seed=1, replicates=100)
        for n in (SMALL, 100 * SMALL)
    )
    assert inside.high / inside.low < outside.high / outside.low
    assert not inside.extrapolated
    assert outside.extrapolated


def test_models_are_drawn_alike_from_one_seed(strangers):
    trials, _ = strangers
    one, two, other = (drawn_models(trials, seed=s, replicates=5) for s in (1, 1, 2))
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    "best",
    [
        [],
        [0.1, 0.2],
        [0.5] * 100,  # all alike
        [-np.inf] * 100,  # nobody had a face
    ],
)
def test_too_little_says_nothing_about_growth(best):
    with pytest.raises(InputError):
        grow(labelled.made(best=best))


def test_searches_of_a_few_people_say_nothing_about_growth():
    best = np.random.default_rng(1).random(100)
    with pytest.raises(InputError):
        grow(labelled.made(best=best, people={"non_mated": np.arange(100) % 9}))


@pytest.mark.parametrize("wanted", [0, 1, -0.1])
def test_an_fpir_that_cannot_be_wanted_is_refused(strangers, wanted):
    with pytest.raises(InputError):
        grow(strangers[0]).threshold_for(wanted, 100)


def test_a_tail_that_falls_slowly_is_taken_for_exponential():
    random = np.random.default_rng(1)
    slow = random.pareto(3, 2_000)
    slope, bend = fit_tail(slow, np.ones(2_000))
    assert bend == 0
    assert slope == pytest.approx(1 / slow.mean())


@pytest.mark.parametrize(("slope", "bend"), [(20.0, 0.0), (20.0, 60.0), (5.0, 200.0)])
def test_the_fit_finds_the_tail_it_was_drawn_from(slope, bend):
    levels = np.linspace(0, 1.0, 20_001)
    shares = np.array([tail(one, slope, bend) for one in levels])
    drawn = np.interp(np.random.default_rng(1).random(50_000), shares[::-1], levels[::-1])
    found = fit_tail(drawn, np.ones(len(drawn)))
    for beyond in (0.05, 0.1, 0.2):
        assert tail(beyond, *found) == pytest.approx(tail(beyond, slope, bend), rel=0.25, abs=1e-6)


def test_a_steep_tail_joins_its_limit():
    for slope in (24.9, 25.1, 60.0):
        assert tail(0.05, slope, 0.5) == pytest.approx(tail(0.05, slope, 0.499999), rel=1e-2)
    assert tail(0.1, 500.0, 1e-3) == pytest.approx(math.exp(-50), rel=1e-2)
