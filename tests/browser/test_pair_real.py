"""Real faces under one window: the eyes of two photos of one person lie on one spot of the screen.

The photos are shared ones: nothing of them is kept, also no screenshot.
"""

from __future__ import annotations

import io
import math
from statistics import median
from types import SimpleNamespace

import numpy as np
import pytest
from browser.review_page import review_page
from PIL import Image

from countenance.faces import Engine
from countenance.faces.card import Kind
from countenance.faces.limits import Limits
from countenance.faces.zoo import make_ready
from countenance.ui.faceview import Pair

PAIRS = 50
NEAR = 2.0  # CSS pixels
DOT = (255, 0, 255)  # a colour that no face has
SIDES = (("left", "neutral.jpg"), ("right", "smiling.jpg"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_ready(None, Kind.DETECTOR, folder)
    make_ready(None, Kind.EMBEDDER, folder)
    with Engine.open(folder, workers=1, limits=Limits(seconds=60)) as opened:
        yield opened


@pytest.fixture
def review(shared_data, context):
    one = review_page(context)
    one.desk.dress("light", 1440)
    yield one
    assert one.desk.violations == []
    assert one.desk.faults == []


def dotted(data, eyes):
    """Paint a soft dot on each eye into the photo itself, to a fraction of a pixel."""
    photo = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    rows, columns = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]] + 0.5
    for x, y in eyes:
        far = np.hypot(columns - x, rows - y)
        cover = np.exp(-((far / 2.0) ** 4))[..., None]
        photo = photo * (1 - cover) + np.array(DOT) * cover
    buffer = io.BytesIO()
    Image.fromarray(photo.round().astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def dots(review, box):
    """Find the dots in what the browser painted: the left one and the right one, from the window's corner."""
    shot = Image.open(io.BytesIO(review.page.screenshot(clip=box))).convert("RGB")
    pixels = np.asarray(shot).astype(float)
    weight = (np.minimum(pixels[..., 0], pixels[..., 2]) - pixels[..., 1] - 60).clip(0)
    rows, columns = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    middle = float((columns * weight).sum() / weight.sum())
    halves = [weight * (columns < middle), weight * (columns >= middle)]
    return [
        ((columns * half).sum() / half.sum(), (rows * half).sum() / half.sum()) for half in halves
    ]


def laid(review, pair_eyes):
    """Return where the eyes' pixels lie by the browser's own geometry, from each window's corner."""
    for ctm, box, eyes in zip(review.ctms("image"), review.boxes(), pair_eyes, strict=True):
        a, b, c, d, e, f = ctm
        yield [(a * x + c * y + e - box["x"], b * x + d * y + f - box["y"]) for x, y in eyes]


def apart(one, other):
    return [math.dist(*both) for both in zip(one, other, strict=True)]


@pytest.mark.slow
@pytest.mark.timeout(570)
def test_eyes_of_fifty_pairs_lie_within_two_pixels_of_one_spot(review, engine, shared_data):
    people = sorted(shared_data.glob("frl-london-512/*/smiling.jpg"))[:PAIRS]
    by_geometry, by_paint = [], []
    for path in people:
        photos, eyes = [], []
        for label, name in SIDES:
            data = path.with_name(name).read_bytes()
            found = engine.analyse(data, templates=False)
            marks = found.faces[0].face.landmarks
            seen = SimpleNamespace(
                svg=dotted(data, marks[:2]),
                width=found.width,
                height=found.height,
                landmarks=marks,
            )
            photos.append(review.photo(seen, label, f"{path.parent.name}-{label}.png"))
            eyes.append(marks[:2])
        review.open(Pair.of(*photos), checklist=False)
        review.page.locator("[data-guides]").uncheck()
        by_geometry += apart(*laid(review, eyes))
        by_paint += apart(*(dots(review, box) for box in review.boxes()))
    print(f"paint: median {median(by_paint):.2f} px, most {max(by_paint):.2f} px")
    assert len(by_geometry) == 2 * PAIRS
    assert max(by_geometry) <= 0.01
    assert max(by_paint) <= NEAR
