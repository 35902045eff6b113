"""Trials: what is measured once, kept as text, and read again to the last digit."""

import json

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import Trials, fnir, fpir, leave_one_out


def test_trials_come_back_from_their_text_to_the_last_digit():
    trials = labelled.searched()
    text = trials.as_json()
    again = Trials.from_json(text)
    assert again.as_json() == text
    for name in ("mated", "non_mated", "nearest", "ranks", "mated_subjects", "non_mated_subjects"):
        one, other = getattr(trials, name), getattr(again, name)
        assert one.tobytes() == other.tobytes()
        assert one.dtype == other.dtype


def test_a_search_without_a_face_is_written_as_null_and_stays_a_miss():
    trials = labelled.made(mated=[0.8, -np.inf], best=[0.2, -np.inf])
    stored = json.loads(trials.as_json())
    assert stored["mated"] == [0.8, None]
    again = Trials.from_json(trials.as_json())
    assert again.failures == 1
    assert fnir(again, -np.inf) == 0.5
    assert fpir(again, -np.inf) == 0.5


def test_trials_without_any_search_come_back_too():
    trials = labelled.made()
    assert Trials.from_json(trials.as_json()).as_json() == trials.as_json()


def test_text_of_trials_names_nobody():
    templates, _ = labelled.album(3, 2)
    trials = leave_one_out(
        templates, ["Anna", "Anna", "Ben", "Ben", "Cleo"][: len(templates)], model="m"
    )
    assert b"Anna" not in trials.as_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mated": np.array([np.nan])},
        {"mated": np.array([np.inf])},
        {"mated": np.array([0.1, 0.2])},  # one rank, one subject
        {"ranks": np.array([-1])},
        {"ranks": np.array([101])},
        {"model": ""},
        {"non_mated": np.array([[0.1, 0.2]]), "non_mated_subjects": np.array([1])},  # rising
        {"mated_groups": ("a", "b")},
        {"qualities": np.array([np.nan])},
        {"nearest": np.array([[1, 2]])},
    ],
)
def test_what_no_evaluation_can_have_measured_is_refused(wrong):
    given = {
        "model": "m",
        "subjects": 100,
        "others": 100,
        "mated": np.array([0.5]),
        "ranks": np.array([1]),
        "mated_subjects": np.array([0]),
    }
    Trials(**given)
    with pytest.raises(InputError):
        Trials(**(given | wrong))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version":2}',
        b'{"version":1,"model":"m"}',
    ],
)
def test_text_that_is_no_trials_is_refused(text):
    with pytest.raises(InputError):
        Trials.from_json(text)


def test_text_with_a_part_of_another_kind_is_refused():
    stored = json.loads(labelled.made(mated=[0.5]).as_json())
    for name, value in (
        ("mated", ["x"]),
        ("ranks", [None]),
        ("mated", 3),
        ("non_mated", [[1], [1, 2]]),
    ):
        with pytest.raises(InputError):
            Trials.from_json(json.dumps(stored | {name: value}).encode())


def test_a_group_has_its_own_searches_against_the_same_gallery():
    templates, labels = labelled.album(20, 3)
    groups = ["even" if one % 2 == 0 else "odd" for one in labels]
    trials = leave_one_out(templates, labels, model="m", groups=groups)
    parts = [trials.of_group(name) for name in trials.groups]
    assert trials.groups == ("even", "odd")
    assert sum(len(one.mated) for one in parts) == len(trials.mated)
    assert {one.others for one in parts} == {trials.others}
    assert (parts[0].mated_subjects % 2 == 0).all()
