"""Geometry of drawn photos, and the words of the template tags."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from countenance.ui import drawing
from countenance.ui.templatetags import ui


def test_frames_are_scaled_to_the_drawing_and_numbered_from_one():
    drawn = drawing.draw("/p/", width=3000, height=2000, boxes=[(300, 200, 600, 800)])
    assert (drawn.width, drawn.height) == (1500, 1000)
    (frame,) = drawn.frames
    assert (frame.x, frame.y, frame.width, frame.height) == (150, 100, 300, 400)
    assert (frame.index, frame.number) == (0, 1)


def test_a_frame_that_leaves_the_photo_is_clipped():
    drawn = drawing.draw("/p/", width=1500, height=1000, boxes=[(-50, 900, 200, 400)])
    (frame,) = drawn.frames
    assert (frame.x, frame.y, frame.width, frame.height) == (0, 900, 150, 100)


def test_a_frame_outside_the_photo_still_has_a_size():
    (frame,) = drawing.draw("/p/", width=100, height=100, boxes=[(200, 200, 10, 10)]).frames
    assert frame.width >= 1
    assert frame.height >= 1


def test_a_crop_is_a_square_around_the_middle_of_the_box():
    cut = drawing.crop("/p/", width=100, height=100, box=(40, 30, 20, 40), margin=0.25)
    assert cut.view_box == "20.0 20.0 60.0 60.0"


def test_the_strip_keeps_similarities_on_its_axis_and_says_their_range():
    strip = drawing.strip([1.2, 0.5, -0.3], width=100)
    assert strip.ticks == (100, 64, 7)
    assert [text for _, text in strip.marks] == [
        "−0.4", "−0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0",
    ]  # fmt: skip
    assert drawing.strip([0.5], width=100).ticks == (50,)
    assert strip.label == "3 candidates, similarity from -0.300 to 1.200."
    assert drawing.strip([]).label == "No candidates."


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.63449, "0.634"), (-0.05, "−0.050"), (1, "1.000")],  # the true minus
)
def test_a_similarity_has_three_decimals_and_a_true_minus(value, text):
    assert ui.similarity(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2019-05-01", "1 May 2019"),
        (date(2026, 11, 22), "22 Nov 2026"),
        ("spring 1972", "spring 1972"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_day_is_read_from_dates_and_from_text(value, text):
    assert ui.day(value) == text


def test_a_moment_is_said_in_utc():
    assert ui.moment(datetime(2026, 11, 22, 21, 4, tzinfo=UTC)) == "22 Nov 2026, 21:04 UTC"


@pytest.mark.parametrize(
    ("yaw", "words"), [(0, "Frontal"), (-20, "Turned"), (46, "Far turned"), (15, "Turned")]
)
def test_the_pose_is_said_in_words(yaw, words):
    assert ui.pose_words({"yaw": yaw, "pitch": 0}) == words


def test_counts_are_said_with_their_noun():
    assert ui.plural(1, "face,faces") == "1 face"
    assert ui.plural(1200, "face,faces") == "1\N{NARROW NO-BREAK SPACE}200 faces"


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("ivo@example.org", ["ivo@", "example.", "org"]),
        ("a.b@c.example", ["a.", "b@", "c.", "example"]),
        ("k@two-words.org", ["k@", '<span class="whole">two-words.</span>', "org"]),
        ("<b>&@x.org", ["&lt;b&gt;&amp;@", "x.", "org"]),
        ("ends.", ["ends."]),
        ("", [""]),
    ],
)
def test_an_address_breaks_after_its_at_and_its_dots(written, parts):
    assert ui.address(written) == f'<span class="address">{"<wbr>".join(parts)}</span>'


def test_letters_that_would_touch_stand_above_each_other_and_the_threshold_is_on_the_same_axis():
    made = drawing.plot([("A", 0.5, True), ("B", 0.49, False), ("C", 0.1, False)], threshold=-0.2)
    at = {one.letter: one for one in made.letters}
    assert at["C"].y == at["B"].y == 0
    assert at["A"].y < 0
    assert at["A"].strong is True
    assert at["A"].x > at["B"].x > at["C"].x > made.threshold == 0
    assert made.marks[0] == (0, "−0.2")
    assert made.label.endswith("from 0.100 to 0.500. The threshold lies at -0.200.")
    alone = drawing.plot([("A", 0.5, False)], threshold=None)
    assert (alone.threshold, alone.label[:12]) == (None, "1 candidate,")
