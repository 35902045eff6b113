"""Several photos of one person become one template: weighed by quality, of length 1, always the same."""

import numpy as np
import pytest

from countenance.faces.fusing import LEAST_WEIGHT, fuse, weigh

GOOD = {"eye_distance": 80.0, "yaw": 0.0, "pitch": 0.0, "sharpness": 0.7}


def drawn(count: int, seed: int = 1) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, 128)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_larger_sharper_more_frontal_face_counts_more() -> None:
    weights = weigh(
        [
            GOOD,
            GOOD | {"eye_distance": 20.0},
            GOOD | {"yaw": 60.0},
            GOOD | {"sharpness": 0.2},
            GOOD | {"eye_distance": 1.0},
        ]
    )
    assert weights[0] == max(weights)
    assert weights[4] == min(weights) > 0
    assert sum(weights) == pytest.approx(1, abs=1e-3)


def test_faces_of_equal_quality_count_the_same_and_more_than_enough_is_worth_no_more() -> None:
    assert weigh([GOOD, GOOD | {"eye_distance": 800.0, "sharpness": 1.0}]) == [0.5, 0.5]


def test_a_face_seen_from_behind_or_without_any_edge_still_counts_a_little() -> None:
    weights = weigh([GOOD, GOOD | {"yaw": 120.0}, GOOD | {"sharpness": 0.0}])
    assert (
        weights[1] == weights[2] == pytest.approx(LEAST_WEIGHT / (1 + 2 * LEAST_WEIGHT), abs=1e-4)
    )


def test_one_template_stays_as_it_is_to_the_last_bit() -> None:
    (one,) = drawn(1)
    assert fuse(one[np.newaxis], [1.0]).tobytes() == one.tobytes()


def test_the_mean_by_weight_has_length_one_and_agrees_with_plain_arithmetic() -> None:
    templates, weights = drawn(3), [0.2, 0.5, 0.3]
    mean = sum(w * t.astype(np.float64) for w, t in zip(weights, templates, strict=True))
    fused = fuse(templates, weights)
    assert fused.dtype == np.float32
    assert float(np.linalg.norm(fused)) == pytest.approx(1, abs=1e-6)
    assert fused == pytest.approx(mean / np.linalg.norm(mean), abs=1e-7)


def test_templates_that_cancel_each_other_out_give_the_one_that_counts_most() -> None:
    (one,) = drawn(1)
    assert (fuse(np.stack([one, -one]), [0.5, 0.5]) == one).all()
