"""Photos laid on one canvas: of one size, whatever the photo's, and every point where it belongs."""

import io

import numpy as np
import pytest
from PIL import Image

from countenance.errors import ImageRejected
from countenance.faces.picture import laid
from countenance.testing import HEIGHT, WIDTH, FakeEngine

SIZE = (320, 400)


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def spotted(width=300, height=200, at=(120.5, 80.5)):
    """Return a dark photo with one soft light spot."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    light = 220 * np.exp(-(np.hypot(columns - at[0], rows - at[1]) ** 2) / 40)
    return np.repeat(light[..., None], 3, axis=2).round().astype(np.uint8)


def middle_of_spot(canvas):
    weight = (canvas.mean(axis=2) - 170).clip(0)
    rows, columns = np.mgrid[0 : canvas.shape[0], 0 : canvas.shape[1]] + 0.5
    return (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()


@pytest.mark.parametrize(
    "to_photo",
    [
        (1, 0, 0, 1, 0, 0),
        (0.5, 0, 0, 0.5, 60, 30),
        (0.4, 0.1, -0.1, 0.4, 90, 0),
        (0, 0.5, -0.5, 0, 200, 20),
    ],
)
def test_each_point_of_the_canvas_shows_its_point_of_the_photo(to_photo):
    a, b, c, d, e, f = to_photo
    canvas = opened(laid(spotted(), (1.0, 1.0), to_photo, SIZE, ()))
    assert canvas.shape == (SIZE[1], SIZE[0], 3)
    x, y = middle_of_spot(canvas)
    assert (a * x + c * y + e, b * x + d * y + f) == pytest.approx((120.5, 80.5), abs=0.25)


def test_a_photo_decoded_at_a_smaller_scale_lies_where_it_would_lie_whole():
    whole = spotted(600, 400, at=(241, 161))
    half = whole.reshape(200, 2, 300, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    to_photo = (1.6, 0.2, -0.2, 1.6, 20, 5)
    one = middle_of_spot(opened(laid(whole, (1.0, 1.0), to_photo, SIZE, ())))
    other = middle_of_spot(opened(laid(half, (2.0, 2.0), to_photo, SIZE, ())))
    assert one == pytest.approx(other, abs=0.3)


def test_what_lies_outside_of_the_photo_is_grey():
    canvas = opened(laid(spotted(), (1.0, 1.0), (1, 0, 0, 1, -100, 0), SIZE, ()))
    assert abs(canvas[:190, :90] - 128).max() < 4
    assert canvas[100, 150].mean() < 100


def test_bystanders_are_blurred_on_it():
    noise = np.random.default_rng(3).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    canvas = opened(laid(noise, (1.0, 1.0), (1, 0, 0, 1, 0, 0), (300, 200), [(100, 60, 80, 80)]))
    assert canvas[80:120, 120:160].std() < canvas[:40, :40].std() / 4


def test_the_engine_lays_any_photo_on_a_canvas_of_one_size_in_its_worker(engine, portraits):
    for path in portraits[:2]:
        data = path.read_bytes()
        made = engine.lay(data, to_photo=(0.5, 0, 0, 0.5, 10, 10), size=SIZE, long_side=400)
        shown = Image.open(io.BytesIO(made))
        assert (shown.size, shown.format, dict(shown.getexif())) == (SIZE, "JPEG", {})
    with pytest.raises(ImageRejected):
        engine.lay(b"no photo", to_photo=(1, 0, 0, 1, 0, 0), size=SIZE, long_side=9)


def test_the_fake_lays_its_photos_too():
    made = FakeEngine().lay(
        FakeEngine.photo("anna"), to_photo=(2, 0, 0, 2, 0, 0), size=SIZE, long_side=WIDTH
    )
    canvas = opened(made)
    assert canvas.shape == (SIZE[1], SIZE[0], 3)
    assert abs(canvas[HEIGHT // 2 + 20 :] - 128).max() < 4
