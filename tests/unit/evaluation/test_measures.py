"""FNIR and FPIR agree with a plain count, also where similarities and thresholds are equal."""

from itertools import pairwise

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import det, fnir, fnir_by_rank, fpir, threshold_at


def test_the_rates_agree_with_an_independent_computation():
    templates, labels = labelled.album(80, 4)
    trials = labelled.searched(subjects=80, photos=4)
    ready = templates.astype(np.float64)
    ready /= np.linalg.norm(ready, axis=1, keepdims=True)
    labels = np.array(labels)
    alike = np.round((ready @ ready.T).astype(np.float64), 6)
    several = np.flatnonzero(np.bincount(labels)[labels] > 1)
    same = labels[:, None] == labels
    mate = np.where(same & ~np.eye(len(labels), dtype=bool), alike, -np.inf).max(axis=1)[several]
    other = np.where(same, -np.inf, alike).max(axis=1)[several]
    for threshold in np.linspace(-0.2, 1, 400) + 3e-7:  # between the six decimals of a similarity
        assert abs(fnir(trials, threshold) - np.mean(mate < threshold)) < 1e-9
        assert abs(fpir(trials, threshold) - np.mean(other >= threshold)) < 1e-9
    for rank in (1, 2, 5):
        worst = [
            sum(
                np.where(same[i], -np.inf, alike[i])[labels == s].max() >= m
                for s in set(labels) - {labels[i]}
            )
            for i, m in zip(several, mate, strict=True)
        ]
        assert abs(fnir_by_rank(trials, rank) - np.mean(np.array(worst) >= rank)) < 1e-9


def test_a_similarity_equal_to_the_threshold_is_returned():
    trials = labelled.made(mated=[0.5, 0.5, 0.7], best=[0.5, 0.4])
    assert fnir(trials, 0.5) == 0
    assert fnir(trials, np.nextafter(0.5, 1)) == pytest.approx(2 / 3)
    assert fpir(trials, 0.5) == 0.5
    assert fpir(trials, np.nextafter(0.5, 1)) == 0


def test_above_all_similarities_nobody_is_returned_and_below_all_everybody():
    trials = labelled.made(mated=[0.5, 0.9], best=[0.1, 0.3])
    assert (fnir(trials, 1.1), fpir(trials, 1.1)) == (1, 0)
    assert (fnir(trials, -1.1), fpir(trials, -1.1)) == (0, 1)


def test_without_searches_nothing_is_said():
    with pytest.raises(InputError):
        fnir(labelled.made(best=[0.1]), 0.5)
    with pytest.raises(InputError):
        fpir(labelled.made(mated=[0.1]), 0.5)
    with pytest.raises(InputError):
        det(labelled.made(best=[0.1]))


@pytest.mark.parametrize("wanted", [0, 0.001, 0.01, 0.05, 0.5, 1])
def test_the_threshold_for_an_fpir_is_the_lowest_that_keeps_it(wanted):
    random = np.random.default_rng(1)
    trials = labelled.made(best=np.round(random.standard_normal(300), 1))  # with many ties
    threshold = threshold_at(trials, wanted)
    assert fpir(trials, threshold) <= wanted
    if threshold > -np.inf:
        assert fpir(trials, np.nextafter(threshold, -np.inf)) > wanted


def test_the_det_curve_falls_from_one_end_to_the_other():
    points = det(labelled.searched(subjects=300), points=50)
    assert len(points) <= 51
    assert [one.threshold for one in points] == sorted(one.threshold for one in points)
    assert all(a.fpir >= b.fpir and a.fnir <= b.fnir for a, b in pairwise(points))
    assert points[0].fpir > 0.9
    assert points[-1].fpir == 0


def test_ranks_count_from_one_and_a_threshold_may_be_set_as_well():
    trials = labelled.made(mated=[0.9, 0.6, 0.5, -np.inf], best=[0.1], ranks=np.array([1, 2, 1, 0]))
    assert fnir_by_rank(trials, 1) == 0.5
    assert fnir_by_rank(trials, 2) == 0.25
    assert fnir_by_rank(trials, 2, threshold=0.6) == 0.5
    with pytest.raises(InputError):
        fnir_by_rank(trials, 0)
