"""Likelihood ratios: rising, never more than the people measured can show, smaller in larger galleries."""

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import calibrate


def test_the_ratio_is_that_of_the_two_shares_in_each_step():
    # Between 0.4 and 0.6 lie half of 40 mates and a quarter of 40 non-mates.
    mated = [0.5] * 20 + [0.8] * 20
    best = [0.2] * 30 + [0.5] * 10
    made = calibrate(labelled.made(mated=mated, best=best))
    assert made.at(0.5).value == pytest.approx(2.0)
    assert made.at(0.5).capped == ""


def test_the_ratio_rises_with_the_similarity():
    made = calibrate(labelled.searched(subjects=200))
    values = [made.at(one).value for one in np.linspace(-1, 1, 500)]
    assert values == sorted(values)
    assert values[0] < 1 < values[-1]


def test_no_ratio_goes_beyond_what_the_people_measured_can_show():
    mated, best = [0.9] * 300, [0.1] * 600
    people = {"mated": np.arange(300) % 50, "non_mated": np.arange(600) % 60}
    made = calibrate(labelled.made(mated=mated, best=best, people=people))
    high, low = made.at(0.95), made.at(0.05)
    assert (high.value, high.capped) == (61, "at least")
    assert (low.value, low.capped) == (pytest.approx(1 / 51), "at most")


def test_where_no_stranger_was_so_alike_the_ratio_is_at_least_what_was_seen():
    # As many people as searches: the one made-up stranger above all keeps it below the number of people.
    made = calibrate(labelled.made(mated=[0.3] * 12 + [0.9] * 48, best=[0.1] * 30 + [0.4] * 30))
    high, low = made.at(0.95), made.at(0.05)
    assert (high.value, high.capped) == (pytest.approx(48), "at least")
    assert (low.value, low.capped) == (pytest.approx(1 / 30), "at most")
    assert made.at(0.35).capped == ""


def test_in_a_larger_gallery_a_similarity_says_less():
    made = calibrate(labelled.searched(subjects=200))
    here, larger, smaller = (made.at(0.9, subjects=n).value for n in (199, 1_990, 19))
    assert larger == pytest.approx(here / 10)
    assert smaller == here  # never more than was measured


@pytest.mark.parametrize("similarity", [-1.0, 0.05, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("subjects", [200, 300, 2_000, 200_000])
def test_a_larger_gallery_is_never_evidence_against_a_candidate_nor_beyond_what_was_measured(
    similarity, subjects
):
    made = calibrate(labelled.searched(subjects=200))
    here, there = made.at(similarity), made.at(similarity, subjects=subjects)
    if there.value is None:
        assert there.capped == ""
        assert here.value < subjects / made.others
        return
    assert made.least <= there.value <= here.value
    assert (there.value >= 1) == (here.value >= 1)
    if subjects > 2 * made.others:
        assert there.value >= 1


def test_in_a_gallery_a_thousand_times_as_large_nothing_is_said_of_low_and_high_similarities():
    made = calibrate(labelled.made(mated=[0.3] * 12 + [0.9] * 48, best=[0.1] * 30 + [0.4] * 30))
    assert [made.at(one, subjects=100_000).value for one in (0.05, 0.35, 0.95)] == [None] * 3
    assert made.at(0.95, subjects=1_000).value == pytest.approx(4.8)


def test_searches_without_a_face_have_no_candidate_and_take_no_part():
    some = calibrate(labelled.made(mated=[0.5, 0.9], best=[0.1, 0.5]))
    more = calibrate(labelled.made(mated=[0.5, 0.9, -np.inf, -np.inf], best=[0.1, 0.5, -np.inf]))
    assert some == more


@pytest.mark.parametrize(("mated", "best"), [([], [0.1]), ([0.1], []), ([-np.inf], [0.1])])
def test_without_both_kinds_of_searches_there_is_no_ratio(mated, best):
    with pytest.raises(InputError):
        calibrate(labelled.made(mated=mated, best=best))


def test_a_similarity_that_says_nothing_has_a_ratio_of_one():
    alike = np.random.default_rng(1).random(4_000)
    made = calibrate(labelled.made(mated=alike[:2_000], best=alike[2_000:]))
    inner = [made.at(one).value for one in np.linspace(0.1, 0.9, 50)]
    assert np.exp(np.mean(np.log(inner))) == pytest.approx(1, abs=0.15)
