"""The comparison viewer: two faces under one window, by mouse, touch and keyboard."""

from __future__ import annotations

import pytest
from browser.review_page import review_page
from drawn import draw_face

from countenance.examination.checklist import Checklist, Mark, Pin
from countenance.examination.components import Component
from countenance.ui.faceview import Pair


@pytest.fixture
def review(context):
    one = review_page(context)
    yield one
    assert one.desk.violations == []
    assert one.desk.faults == []


def drawn_pair(review, **made):
    probe = draw_face("anna", width=900, height=1100, eyes=150, degrees=7, back="#8f9aa4")
    return Pair.of(
        review.photo(probe, "Probe", "probe.svg"),
        review.photo(draw_face("anna", degrees=-2), "Candidate A", "a.svg"),
        **made,
    )


SAID = Checklist(
    marks={
        Component.OUTLINE: Mark("similar"),
        Component.HAIRLINE: Mark("similar"),
        Component.EYEBROWS: Mark("different", "Left brow ends lower."),
        Component.EYES: Mark("similar"),
        Component.EARS: Mark("cannot"),
        Component.MARKS: Mark("similar", "The same mole.", (Pin(0.62, 0.8),)),
    }
)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_sound_in_light_and_dark_and_on_a_phone(review, scheme, width):
    review.desk.dress(scheme, width)
    states = ("In review", "Not started", "Draft kept", "Recorded")
    people = ("anna", "ben", "cleo", "dora")
    strip = [
        {
            "letter": "ABCD"[i],
            "state": states[i],
            "href": "/",
            "current": i == 0,
            "photo": review.photo(draw_face(people[i]), "", f"{i}.svg"),
        }
        for i in range(4)
    ]
    review.open(drawn_pair(review), said=SAID, strip=strip)
    wrong = review.desk.look("pair", scheme, width)
    review.page.screenshot(path=f"test-results/view_{scheme}_{width}.png")
    for key in ("s", "f", "o"):
        review.page.locator("[data-stage]").press(key)
        review.page.screenshot(path=f"test-results/view_{key}_{scheme}_{width}.png")
        wrong += review.desk.axe()
    assert wrong == []
