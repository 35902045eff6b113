"""What the tests of the comparison viewer share: a pair, where its faces lie, and how it is looked at."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from browser.review_page import review_page
from drawn import draw_face
from PIL import Image

from countenance.ui.faceview import Pair

STAGE = "[data-stage]"


def guarded(context):
    one = review_page(context)
    one.desk.dress("light", 1440)
    yield one
    assert one.desk.violations == []
    assert one.desk.faults == []


def show(review, *, other="anna", checklist=True, originals=False):
    """Show one person twice, drawn at another size and turn; or two people."""
    probe = draw_face("anna", width=900, height=1100, eyes=150, degrees=9, at=(0.45, 0.4))
    candidate = draw_face(other, eyes=96, degrees=-6)
    review.open(
        Pair.of(
            review.photo(probe, "Probe", "probe.svg"),
            review.photo(candidate, "Candidate A", "a.svg"),
            originals=originals,
        ),
        checklist=checklist,
    )


def press(review, *keys):
    for key in keys:
        review.page.locator(STAGE).press(key)


def picture(review, box):
    shot = Image.open(io.BytesIO(review.page.screenshot(clip=box))).convert("L")
    return np.asarray(shot).astype(float)


def window(review):
    return [
        float(n) for n in review.page.locator(f"{STAGE} svg").first.get_attribute("viewBox").split()
    ]


def from_window(review):
    """Return the matrix of each photo with the shift counted from its own window's corner."""
    return [
        [*ctm[:4], ctm[4] - box["x"], ctm[5] - box["y"]]
        for ctm, box in zip(review.ctms(), review.boxes(), strict=True)
    ]


def together(review):
    """Both photos show the same part of their faces: by geometry, and by what is painted."""
    probe, candidate = from_window(review)
    assert probe == pytest.approx(candidate, abs=0.001)
    guides = review.page.locator("[data-guides]")
    guides.uncheck()
    review.page.mouse.move(2, 2)
    one, other = (picture(review, box) for box in review.boxes())
    guides.check()
    middle = np.s_[110:-60, 60:-60]  # below the labels
    shifts = list(itertools.product(range(-2, 3), repeat=2))
    unlike = [
        np.abs(one[middle] - np.roll(other, shift, (0, 1))[middle]).mean() for shift in shifts
    ]
    assert shifts[int(np.argmin(unlike))] == (0, 0)
    assert min(unlike) < 1.5


def in_the_middle(review, box_number=0, x=0.5, y=0.5):
    box = review.boxes()[box_number]
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def face_point(review, number, x, y):
    """Return which point of a face is at a point of the page."""
    return review.page.evaluate(
        """([number, x, y]) => {
          const face = document.querySelectorAll("[data-face]")[number];
          const p = new DOMPoint(x, y).matrixTransform(face.getScreenCTM().inverse());
          return [p.x, p.y]; }""",
        [number, x, y],
    )
