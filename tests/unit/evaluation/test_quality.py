"""A figure of quality that matters lowers FNIR when the worst probes are turned away."""

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import error_versus_reject


def test_a_quality_that_matters_lowers_fnir():
    random = np.random.default_rng(1)
    quality = random.random(2_000)
    similar = 0.3 + 0.4 * quality + 0.1 * random.standard_normal(2_000)
    useful = error_versus_reject(labelled.made(mated=similar, qualities=quality), 0.4, seed=1)
    fnirs = [one.fnir.value for one in useful]
    assert fnirs == sorted(fnirs, reverse=True)
    assert fnirs[-1] < fnirs[0] / 3
    noise = error_versus_reject(
        labelled.made(mated=similar, qualities=random.random(2_000)), 0.4, seed=1
    )
    assert noise[-1].fnir.value == pytest.approx(noise[0].fnir.value, rel=0.2)


def test_probes_of_one_quality_are_turned_away_together():
    trials = labelled.made(mated=[0.1, 0.2, 0.8, 0.9], qualities=np.array([0.5, 0.5, 0.5, 0.9]))
    found = error_versus_reject(trials, 0.5, seed=1, shares=(0, 0.25, 0.5, 0.9))
    assert [(one.share, one.fnir.of) for one in found] == [(0, 4), (0.75, 1)]


def test_a_probe_without_a_face_is_turned_away_first():
    trials = labelled.made(mated=[-np.inf, 0.8, 0.9, 0.7], qualities=np.array([0.0, 0.6, 0.7, 0.8]))
    all_of_them, rest = error_versus_reject(trials, 0.5, seed=1, shares=(0, 0.25))
    assert (all_of_them.fnir.value, rest.fnir.value) == (0.25, 0)


def test_without_qualities_there_is_no_curve():
    with pytest.raises(InputError):
        error_versus_reject(labelled.made(mated=[0.5]), 0.5, seed=1)
