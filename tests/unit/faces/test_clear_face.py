"""The face that is looked at stays clear from its eyes to its mouth; and where a box is once a photo is cut."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from countenance.faces.picture import blurred, cut_out, eyes_to_mouth, turned_box

LANDMARKS = [[80, 70], [120, 70], [100, 90], [84, 110], [116, 110]]


def _noise() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (200, 240, 3)).astype(np.uint8)


def test_eyes_to_mouth_stay_clear_and_around_them_the_bystander_is_blurred() -> None:
    photo = _noise()
    keep = eyes_to_mouth(LANDMARKS)
    assert keep == (68.0, 58.0, 64.0, 64.0)
    shown = blurred(photo, [(60, 50, 120, 100)], keep=keep)
    assert (shown[58:122, 68:132] == photo[58:122, 68:132]).all()
    assert (shown[60:140, 140:170] != photo[60:140, 140:170]).mean() > 0.9
    assert (
        blurred(photo, [(60, 50, 120, 100)])[58:122, 68:132] != photo[58:122, 68:132]
    ).mean() > 0.9


def test_without_landmarks_nothing_is_kept_clear() -> None:
    assert eyes_to_mouth([]) is None


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_box_lies_in_a_copy_where_its_pixels_are(turns: int) -> None:
    photo = np.zeros((200, 240, 3), np.uint8)
    photo[50:80, 60:100] = 255
    copy = np.asarray(Image.open(io.BytesIO(cut_out(photo, (20, 10, 150, 120), turns))))
    x, y, width, height = (
        round(side) for side in turned_box((60, 50, 40, 30), (20, 10, 150, 120), turns)
    )
    assert copy[y : y + height, x : x + width].min() == 255
    assert copy.sum() == photo.sum()
