"""What a point says in words, and what a similarity weighs at it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import measuring as made
import pytest

from countenance.apps.evaluations import points
from countenance.apps.evaluations.points import (
    Point,
    distributions_of,
    in_words,
    point_of,
    ratios_of,
)
from countenance.errors import InputError
from countenance.evaluation.growth import Growth


def test_a_point_says_what_it_means_and_comes_back_from_where_it_was_frozen(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30))
    made.pointed(deployment, gallery, wanted=0.003)
    point = point_of([gallery], tools=deployment.tools)
    assert point is not None
    assert Point.from_json(json.loads(json.dumps(point.as_json()))) == point
    for wrong in ({}, {**point.as_json(), "fpir": ["1"]}, {**point.as_json(), "threshold": "x"}):
        with pytest.raises(InputError):
            Point.from_json(wrong)
    said = in_words(point)
    assert said.startswith(
        "At this setting about 3 in 1,000 searches for people who are not in this gallery of 30 return somebody"
    )
    assert "a labelled sample of 60 people, searched among 59:" in said
    assert "all of them with several photos" in said
    assert "predicted" not in said
    assert "predicted for 61 from that" in in_words(replace(point, subjects=61))
    assert "out of reach" not in said
    assert "out of reach at this size" in in_words(replace(point, threshold=1.0))
    assert "%" not in said


def test_a_likelihood_ratio_rises_with_similarity_and_is_capped_by_what_was_measured(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30))
    made.pointed(deployment, gallery)
    point = point_of([gallery], tools=deployment.tools)
    assert point is not None
    low, high = ratios_of(point, [0.0, 0.9])
    assert low is not None
    assert high is not None
    assert low.value < 1 < high.value
    # Sixty people were searched for and sixty strangers beside them: more than that nobody can show.
    assert high.value <= 61
    assert low.value >= 1 / 61
    assert "times as often between two photos of one person" in high.words
    assert "times less often between two photos of one person" in low.words
    for capped, value, said in (
        ("at least", 61.0, "at least 61 times as often"),
        ("at most", 0.01, "at least 100 times less often"),
    ):
        words = points._ratio_in_words(value, capped, 0.5, point)
        assert said in words
        assert "too small to say more" in words
    far = replace(point, subjects=1_000_000)
    for similarity in (0.0, 0.9):
        (nothing,) = ratios_of(far, [similarity])
        assert nothing is not None
        assert nothing.value is None
        assert "cannot be said: it was measured among 59" in nothing.words
    shown = distributions_of(point)
    assert sum(shown.mated) == sum(shown.non_mated) == 60


def test_a_wish_that_no_similarity_is_high_enough_for_is_refused(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 60)
    monkeypatch.setattr(Growth, "fpir", lambda *_: 0.9)
    with pytest.raises(InputError, match="out of reach"):
        made.asked(deployment, gallery, evaluation, 1e-6)
