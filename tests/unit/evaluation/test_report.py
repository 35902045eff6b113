"""One evaluation as a whole: the same from stored trials, complete, and honest about what is missing."""

import json

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import Evaluation, Trials, evaluate, fnir, fpir, leave_one_out
from countenance.evaluation.report import WANTED


@pytest.fixture(scope="module")
def trials():
    templates, labels = labelled.album(300, 4, 32)
    templates[7] = np.nan
    groups = ["north" if one < 180 else "south" if one < 285 else "islands" for one in labels]
    qualities = np.random.default_rng(1).random(len(labels))
    return leave_one_out(templates, labels, model="m", groups=groups, qualities=qualities.tolist())


@pytest.fixture(scope="module")
def evaluation(trials):
    return evaluate(trials, seed=7, replicates=200)


def test_an_evaluation_is_computed_again_from_its_stored_trials_to_the_last_digit(
    trials, evaluation
):
    stored = trials.as_json()
    again = evaluate(Trials.from_json(stored), seed=7, replicates=200)
    assert again.as_json() == evaluation.as_json()
    assert evaluate(trials, seed=8, replicates=200).as_json() != evaluation.as_json()


def test_an_evaluation_comes_back_from_its_text(evaluation):
    again = Evaluation.from_json(evaluation.as_json())
    assert again == evaluation
    assert again.as_json() == evaluation.as_json()


def test_its_rates_are_those_of_the_trials(trials, evaluation):
    for at in evaluation.measured:
        assert at.fnir.value == fnir(trials, at.threshold)
        assert at.fpir.value == fpir(trials, at.threshold)
        assert at.fnir.low <= at.fnir.value <= at.fnir.high


def test_each_wanted_fpir_has_its_threshold_and_what_it_costs(trials, evaluation):
    assert tuple(one.wanted_fpir for one in evaluation.settings) == WANTED
    thresholds = [one.threshold for one in evaluation.settings]
    assert thresholds == sorted(thresholds)
    for setting in evaluation.settings:
        assert setting.fnir.value == fnir(trials, setting.threshold)
        assert setting.fpir.low <= setting.fpir.value <= setting.fpir.high
        assert setting.fpir.value == pytest.approx(setting.wanted_fpir, rel=1e-3)


def test_the_threshold_follows_the_gallery(evaluation):
    here, larger = (evaluation.setting(0.05, n) for n in (299, 29_900))
    assert larger.threshold > here.threshold
    assert larger.fnir.value >= here.fnir.value
    assert not here.fpir.extrapolated
    assert larger.fpir.extrapolated


def test_fnir_between_two_measured_thresholds_is_never_told_too_low(trials, evaluation):
    for threshold in np.linspace(0.2, 0.7, 40):
        assert evaluation.fnir_at(threshold).value >= fnir(trials, threshold)
    beyond = evaluation.fnir_at(2.0)
    assert (beyond.value, beyond.high) == (1, 1)
    assert 0.97 < beyond.low < 1


def test_of_a_group_of_few_people_nothing_is_told(evaluation):
    told = {one.group: one for one in evaluation.groups}
    assert set(told) == {"north", "south"}
    assert b"islands" not in evaluation.as_json()
    assert [at.threshold for at in told["north"].at] == [s.threshold for s in evaluation.settings]


def test_everything_else_is_there(trials, evaluation):
    assert evaluation.failures >= 1
    assert sum(evaluation.histogram.mated) == np.isfinite(trials.mated).sum()
    assert sum(evaluation.histogram.non_mated) == np.isfinite(trials.best).sum()
    assert [one.rank for one in evaluation.ranks][:3] == [1, 2, 3]
    assert {one.subjects for one in evaluation.checks} == {18, 74, 299}
    assert evaluation.calibration.at(0.9).value > 10
    assert evaluation.rejected[0].fnir == evaluation.settings[1].fnir  # nobody turned away


def test_too_little_is_said_instead_of_guessed():
    few = evaluate(labelled.made(mated=[0.5, 0.9], best=[0.2]), seed=1)
    assert few.growth is None
    assert few.settings == ()
    with pytest.raises(InputError):
        few.setting(0.01, 100)
    assert Evaluation.from_json(few.as_json()) == few


@pytest.mark.parametrize("searches", [{}, {"mated": [0.5]}, {"best": [0.5]}, {"mated": [-np.inf]}])
def test_trials_of_one_kind_only_are_evaluated_as_far_as_they_go(searches):
    found = evaluate(labelled.made(**searches), seed=1)
    assert Evaluation.from_json(found.as_json()) == found
    assert found.calibration is None


def test_text_that_is_no_evaluation_is_refused(evaluation):
    stored = json.loads(evaluation.as_json())
    for wrong in (
        {},
        stored | {"version": 2},
        stored | {"more": 1},
        stored | {"subjects": "many"},
        stored | {"histogram": {}},
    ):
        with pytest.raises(InputError):
            Evaluation.from_json(json.dumps(wrong).encode())
