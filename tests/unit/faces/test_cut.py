"""Crops and rotations: pixels are left out or moved, and none is made."""

import io

import numpy as np
import pytest
from hostile import drawing, saved
from PIL import Image

from countenance.errors import ImageRejected
from countenance.faces.picture import cut_out

PHOTO = saved(drawing(), "JPEG")


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def pixels():
    return np.random.default_rng(5).integers(0, 256, (30, 50, 3)).astype(np.uint8)


def test_a_part_is_exactly_that_part(pixels):
    made = opened(cut_out(pixels, (7, 4, 20, 11), 0))
    assert np.array_equal(made, pixels[4:15, 7:27])


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_rotation_only_moves_pixels(pixels, turns):
    made = opened(cut_out(pixels, None, turns))
    assert np.array_equal(np.rot90(made, turns), pixels)


def test_one_turn_is_clockwise(pixels):
    made = opened(cut_out(pixels, None, 1))
    # The upper left corner is the upper right one after a turn to the right.
    assert np.array_equal(made[0, -1], pixels[0, 0])


@pytest.mark.parametrize("box", [(40, 0, 20, 5), (-1, 0, 5, 5), (0, 0, 0, 5), (0, 28, 5, 3)])
def test_a_part_outside_of_the_photo_is_refused(pixels, box):
    with pytest.raises(ImageRejected, match="outside"):
        cut_out(pixels, box, 0)


def test_what_is_too_large_to_keep_without_loss_is_refused(pixels, monkeypatch):
    monkeypatch.setattr("countenance.faces.picture.CUT_PIXELS", 100)
    with pytest.raises(ImageRejected, match="smaller part"):
        cut_out(pixels, None, 1)


def test_the_engine_cuts_in_its_worker(engine):
    made = engine.cut(PHOTO, box=(10, 20, 100, 50), quarter_turns=1)
    assert opened(made).shape == (100, 50, 3)
    assert engine.analyse(made).format == "PNG"
    with pytest.raises(ImageRejected):
        engine.cut(b"no photo", quarter_turns=1)
    with pytest.raises(ImageRejected, match="outside"):
        engine.cut(PHOTO, box=(1000, 0, 10, 10))
