"""Intervals hold the truth as often as they say, also where searches of one person are alike."""

from statistics import NormalDist

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import rate, wilson
from countenance.evaluation.intervals import fnirs, fpirs
from countenance.evaluation.measures import returned

EVALUATIONS = 500


@pytest.mark.parametrize(
    ("errors", "of", "low", "high"),
    [
        # Wilson (1927), as in Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_intervals(errors, of, low, high):
    assert wilson(errors, of) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_everything_is_possible_and_more_errors_than_searches_are_refused():
    assert wilson(0, 0) == (0, 1)
    assert wilson(5, 5)[1] == 1
    with pytest.raises(InputError):
        wilson(3, 2)


@pytest.mark.parametrize("share", [0.3, 0.05, 0.01])
@pytest.mark.parametrize("alike", [0.0, 0.6, 0.95])
def test_the_interval_holds_the_truth_in_500_simulated_evaluations(share, alike):
    """Each person has a level of their own, shared by their searches; 1 to 6 searches a person."""
    random = np.random.default_rng(20261123)
    threshold = NormalDist().inv_cdf(share)
    held = 0
    for number in range(EVALUATIONS):
        subjects = np.repeat(np.arange(80), random.integers(1, 7, 80))
        level = np.sqrt(alike) * random.standard_normal(80)[subjects]
        similarity = level + np.sqrt(1 - alike) * random.standard_normal(len(subjects))
        found = rate(similarity < threshold, subjects, seed=number, replicates=300)
        held += found.low <= share <= found.high
    assert held / EVALUATIONS >= 0.93


@pytest.fixture(scope="module")
def simulated():
    """Return 500 evaluations of new people each, and so of a new gallery each."""
    return [labelled.searched(subjects=50, photos=4, seed=n) for n in range(EVALUATIONS)]


@pytest.mark.parametrize("wanted", [0.3, 0.05, 0.01])
def test_the_intervals_hold_where_each_evaluation_has_a_gallery_of_its_own(simulated, wanted):
    best = np.concatenate([one.best for one in simulated])
    mated = np.concatenate([one.mated for one in simulated])
    threshold = np.quantile(best, 1 - wanted)
    true_fpir, true_fnir = np.mean(best >= threshold), np.mean(mated < threshold)
    held = np.zeros(2)
    for number, trials in enumerate(simulated):
        at = {"thresholds": np.array([threshold]), "seed": number, "replicates": 300}
        (fpir,), (fnir,) = fpirs(trials, **at), fnirs(trials, **at)
        held += fpir.low <= true_fpir <= fpir.high, fnir.low <= true_fnir <= fnir.high
    assert (held / EVALUATIONS >= 0.93).all()


def test_searches_of_one_person_are_not_taken_for_independent():
    random = np.random.default_rng(1)
    people = np.repeat(np.arange(100), 5)
    errors = np.repeat(random.random(100) < 0.3, 5)  # all or none of a person's searches
    alike = rate(errors, people, seed=1)
    apart = rate(errors, np.arange(500), seed=1)
    assert alike.value == apart.value
    assert (alike.high - alike.low) > 1.8 * (apart.high - apart.low)


def test_no_error_at_all_is_not_certainty():
    found = rate(np.zeros(400, dtype=bool), np.repeat(np.arange(100), 4), seed=1)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(wilson(0, 100)[1])  # as many as there are people
    every = rate(np.ones(400, dtype=bool), np.repeat(np.arange(100), 4), seed=1)
    assert (every.value, every.high) == (1, 1)
    assert every.low == pytest.approx(wilson(100, 100)[0])


def test_one_person_is_one_search_however_many_there_were():
    found = rate(np.array([True, False] * 50), np.zeros(100, dtype=np.int64), seed=1)
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 1))


def test_without_a_search_there_is_no_rate():
    nobody = np.empty(0, dtype=np.int64)
    assert rate(np.empty(0, dtype=bool), nobody, seed=1) is None
    assert fnirs(labelled.made(), np.array([0.5]), seed=1) is None
    assert fpirs(labelled.made(), np.array([0.5]), seed=1) is None


def test_who_is_in_the_gallery_counts_too():
    """One person of the gallery is like everybody: with another gallery there were no error."""
    best = np.concatenate([np.full(30, 0.9), np.full(170, 0.1)])
    plain = labelled.made(best=best)
    near = np.concatenate([np.full(30, 500), np.arange(300, 470)])[:, None]
    known = labelled.made(best=best, nearest=near)
    (without,), (withit,) = (fpirs(one, np.array([0.5]), seed=1) for one in (plain, known))
    assert without.value == withit.value == 0.15
    assert (withit.high - withit.low) > 2 * (without.high - without.low)


def test_the_same_seed_draws_the_same():
    trials = labelled.searched()
    at = np.array([0.4, 0.5])
    assert fpirs(trials, at, seed=3) == fpirs(trials, at, seed=3)
    assert fpirs(trials, at, seed=3) != fpirs(trials, at, seed=4)


def test_the_column_of_each_threshold_is_its_own():
    trials = labelled.searched()
    together = fnirs(trials, np.array([0.3, 0.6]), seed=1)
    apart = [fnirs(trials, np.array([one]), seed=1)[0] for one in (0.3, 0.6)]
    for one, other in zip(together, apart, strict=True):
        assert one.value == other.value
        assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert together[1].errors == int((~returned(trials.mated, 0.6)).sum())
