"""Crops and rotations: pixels are left out or moved, and none is made."""

import io

import numpy as np
import pytest
from hostile import drawing, saved
from PIL import Image

from countenance.errors import ImageRejected
from countenance.faces.picture import cut_out, light_curve

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


@pytest.mark.parametrize(("brightness", "contrast"), [(3, 0), (-3, 0), (0, 3), (0, -3), (2, -1)])
def test_another_light_is_one_curve_that_swaps_no_two_values(pixels, brightness, contrast):
    curve = light_curve(brightness, contrast).astype(int)
    assert (curve[0], curve[255]) == (0, 255)
    assert (np.diff(curve) >= 0).all()
    made = opened(cut_out(pixels, None, 0, brightness=brightness, contrast=contrast))
    assert np.array_equal(made, curve[pixels])


def test_a_step_back_undoes_a_step_but_for_rounding(pixels):
    for wish in ({"brightness": 1}, {"contrast": 1}):
        there = light_curve(wish.get("brightness", 0), wish.get("contrast", 0))
        back = light_curve(-wish.get("brightness", 0), -wish.get("contrast", 0))
        off = np.abs(back[there].astype(int) - np.arange(256))
        assert off[4:252].max() <= 4


def test_brighter_is_brighter_and_more_contrast_is_more():
    value = np.arange(256)
    assert (light_curve(1, 0)[1:255] >= value[1:255]).all()
    assert (light_curve(-1, 0)[1:255] <= value[1:255]).all()
    steeper = light_curve(0, 1).astype(int)
    assert (steeper[1:128] <= value[1:128]).all()
    assert (steeper[128:] >= value[128:]).all()


def test_the_engine_changes_the_light_in_its_worker(engine):
    before, after = opened(engine.cut(PHOTO)), opened(engine.cut(PHOTO, brightness=2))
    assert np.array_equal(light_curve(2, 0)[before], after)
