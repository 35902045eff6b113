"""What holds of any labelled similarities."""

import math

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from countenance.errors import InputError
from countenance.evaluation import Trials, calibrate, fnir, fpir, grow, rate, threshold_at, wilson
from countenance.evaluation.growth import is_out_of_reach

similarity = st.one_of(
    st.just(-math.inf),
    st.integers(-10, 10).map(lambda n: n / 10),
    st.floats(-1, 1, allow_nan=False, width=32),
)
searches = st.lists(similarity, min_size=1, max_size=40)


def trials_of(mated, best):
    return Trials(
        model="m",
        subjects=50,
        others=50,
        mated=np.array(mated, dtype=np.float64),
        ranks=np.array([0 if one == -math.inf else 1 for one in mated], dtype=np.int64),
        mated_subjects=np.arange(len(mated)) // 2,
        non_mated=np.array(best, dtype=np.float64)[:, None],
        non_mated_subjects=np.arange(len(best)) // 3,
    )


@given(searches, searches)
def test_any_trials_come_back_from_their_text(mated, best):
    trials = trials_of(mated, best)
    text = trials.as_json()
    assert Trials.from_json(text).as_json() == text


@given(searches, searches, similarity, similarity)
def test_a_higher_threshold_misses_more_and_returns_fewer(mated, best, one, other):
    trials, (low, high) = trials_of(mated, best), sorted((one, other))
    assert fnir(trials, low) <= fnir(trials, high)
    assert fpir(trials, low) >= fpir(trials, high)


@given(searches, st.floats(0, 1))
def test_the_threshold_for_an_fpir_keeps_it(best, wanted):
    trials = trials_of([0.5], best)
    assert fpir(trials, threshold_at(trials, wanted)) <= wanted + 1e-9


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60))
@settings(max_examples=50)
def test_a_rate_lies_in_its_interval(searched):
    errors = np.array([error for error, _ in searched])
    found = rate(errors, np.array([who for _, who in searched]), seed=1, replicates=50)
    assert 0 <= found.low <= found.value <= found.high <= 1
    # Never narrower than that of as many independent searches.
    low, high = wilson(found.errors, found.of)
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9


@given(searches, searches, similarity, similarity)
def test_a_higher_similarity_never_weighs_less(mated, best, one, other):
    assume(any(map(math.isfinite, mated)) and any(map(math.isfinite, best)))
    made, (low, high) = calibrate(trials_of(mated, best)), sorted((one, other))
    assert made.least <= made.at(low).value <= made.at(high).value <= made.most


@given(st.integers(0, 2**32), st.integers(30, 120), st.floats(1e-5, 0.9), st.integers(1, 10**9))
@example(0, 40, 0.5, 387)
@settings(max_examples=50)
def test_the_model_keeps_what_it_promises_at_any_size(seed, count, wanted, subjects):
    best = np.round(np.random.default_rng(seed).standard_normal(count), 2)
    try:
        model = grow(trials_of([0.5], best))
    except InputError:
        return
    threshold = model.threshold_for(wanted, subjects)
    # At 1, which no similarity exceeds, more may be expected than was wanted; that is said of it.
    assert threshold <= 1
    assert model.fpir(threshold, subjects) <= wanted or is_out_of_reach(threshold)
    assert model.threshold_for(wanted, subjects + 1) >= threshold
