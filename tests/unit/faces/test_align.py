"""Faces are brought to the crop their embedder knows, exactly and without losing detail."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from countenance.faces.align import align, apply, inverse, shrink, similarity_transform, warp
from countenance.faces.card import ARCFACE_LANDMARKS

WANTED = np.array(ARCFACE_LANDMARKS)


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


@pytest.mark.parametrize("degrees", [0, 12, 90, 180, 271])
def test_a_turned_scaled_and_shifted_face_is_taken_back_exactly(degrees):
    landmarks = turned(WANTED, degrees, 3.7, (200.0, -40.0))
    matrix = similarity_transform(landmarks, WANTED)
    assert apply(matrix, landmarks) == pytest.approx(WANTED, abs=1e-9)
    assert apply(inverse(matrix), WANTED) == pytest.approx(landmarks, abs=1e-9)


def test_a_mirrored_face_is_never_mirrored_back():
    matrix = similarity_transform(WANTED * [-1, 1], WANTED)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_that_coincide_give_a_finite_matrix():
    assert np.isfinite(similarity_transform(np.zeros((5, 2)), WANTED)).all()


def test_an_untouched_crop_is_the_photo_itself():
    photo = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    crop = align(photo, WANTED, WANTED, 112)
    assert np.abs(crop.astype(int) - photo).max() <= 1


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 7, 8])
def test_a_dot_of_the_photo_lands_where_the_matrix_says(scale):
    photo = np.zeros((900, 900, 3), np.uint8)
    photo[400 - 4 * scale : 401 + 4 * scale, 500 - 4 * scale : 501 + 4 * scale] = 255
    to_photo = np.array([[scale, 0, 500 - 50 * scale], [0, scale, 400 - 60 * scale]], float)
    square = warp(photo, to_photo, 112)[..., 0].astype(float)
    y, x = np.indices(square.shape)
    assert (square * x).sum() / square.sum() == pytest.approx(50, abs=0.3)
    assert (square * y).sum() / square.sum() == pytest.approx(60, abs=0.3)


def test_fine_detail_is_averaged_not_dropped():
    checkers = np.indices((800, 800)).sum(axis=0) % 2 * 255
    photo = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    to_photo = np.array([[6.0, 0, 20], [0, 6.0, 20]])
    assert warp(photo, to_photo, 112)[8:-8, 8:-8].std() < 5


def test_outside_the_photo_is_filled():
    photo = np.full((50, 50, 3), 200, np.uint8)
    far = np.array([[1.0, 0, 4000], [0, 1.0, 4000]])
    assert (warp(photo, far, 64, (128, 128, 128)) == 128).all()
    edge = warp(photo, np.array([[1.0, 0, -32], [0, 1.0, 0]]), 48, (9, 9, 9))
    assert (edge[:, :30] == 9).all()
    assert (edge[:, 34:] == 200).all()


@pytest.mark.parametrize("shape", [(480, 640), (3000, 2001), (30000, 16), (641, 640), (20, 20)])
def test_a_shrunken_photo_keeps_its_form(shape):
    small = shrink(np.full((*shape, 3), 90, np.uint8), 640)
    assert max(small.shape) <= 640
    assert min(small.shape[:2]) >= 1
    if max(shape) <= 640:
        assert small.shape[:2] == shape
    else:
        assert max(small.shape[:2]) == 640
    assert (small == 90).all()


def test_a_wrong_shape_is_noticed_in_tests():
    with pytest.raises(TypeCheckError):
        shrink(np.zeros((40, 40), np.uint8), 20)
