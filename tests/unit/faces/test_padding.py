"""Pictures of one length: the same pixels, filled up with comments."""

import gzip
import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from countenance.faces.padding import HEAD, LONGEST, padded
from countenance.faces.picture import LAID_BYTES, laid, to_jpeg


def noise(side, seed=5):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


@pytest.fixture
def jpeg():
    return to_jpeg(noise(64))


@pytest.mark.parametrize("size", [10_000, 65_537, 70_000, 524_288])
def test_a_padded_picture_has_that_length_and_the_same_pixels(jpeg, size):
    made = padded(jpeg, size)
    assert len(made) == size
    for read in (lambda one: np.asarray(Image.open(io.BytesIO(one))), simplejpeg.decode_jpeg):
        assert (read(made) == read(jpeg)).all()


@pytest.mark.parametrize(
    "missing", [HEAD, HEAD + 1, LONGEST - 1, LONGEST, LONGEST + 1, LONGEST + 2]
)
def test_any_length_can_be_filled_up(jpeg, missing):
    made = padded(jpeg, len(jpeg) + missing)
    assert len(made) == len(jpeg) + missing
    assert (simplejpeg.decode_jpeg(made) == simplejpeg.decode_jpeg(jpeg)).all()


def test_what_a_comment_is_too_long_for_takes_one_size_more(jpeg):
    for missing in range(1, HEAD):
        size = len(jpeg) + missing
        assert len(padded(jpeg, size)) == 2 * size


def test_a_picture_of_that_length_stays_as_it_is(jpeg):
    assert padded(jpeg, len(jpeg)) == jpeg


def test_a_longer_picture_takes_a_multiple(jpeg):
    size = len(jpeg) * 2 // 3
    made = padded(jpeg, size)
    assert len(made) == 2 * size
    assert (simplejpeg.decode_jpeg(made) == simplejpeg.decode_jpeg(jpeg)).all()


def test_comments_stand_behind_the_header_or_first_where_there_is_none(jpeg):
    assert padded(jpeg, 20_000)[:20] == jpeg[:20]
    length = int.from_bytes(jpeg[4:6], "big")
    bare = jpeg[:2] + jpeg[4 + length :]
    made = padded(bare, 20_000)
    assert made[2:4] == b"\xff\xfe"
    assert (simplejpeg.decode_jpeg(made) == simplejpeg.decode_jpeg(bare)).all()


def test_the_same_picture_is_padded_alike_and_nothing_compresses_it(jpeg):
    made = padded(jpeg, 100_000)
    assert made == padded(jpeg, 100_000)
    assert len(gzip.compress(made)) > 0.99 * len(made)


def test_what_takes_many_bytes_is_laid_with_less_quality_until_it_takes_no_more_than_all_others():
    pixels, size = noise(1600), (1600, 2000)
    assert len(to_jpeg(pixels)) > LAID_BYTES
    soft = np.asarray(Image.fromarray(noise(520)).resize((1600, 1600)))
    assert len(to_jpeg(soft)) > LAID_BYTES
    assert len(laid(soft, (1.0, 1.0), (1, 0, 0, 1, 0, 0), size, ())) <= LAID_BYTES


def test_a_picture_within_the_length_keeps_its_quality():
    pixels = noise(64)
    assert laid(pixels, (1.0, 1.0), (1, 0, 0, 1, 0, 0), (64, 64), ()) == to_jpeg(pixels)
