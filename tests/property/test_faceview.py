"""What holds for any face in any photo: its eyes land where all eyes land, and nothing is mirrored."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from countenance.errors import InputError
from countenance.ui.faceview import (
    CANVAS,
    HOME,
    SIZE,
    Pair,
    SeenPin,
    aligned,
    as_taken,
    face_photo,
    laid,
)

pixel = st.floats(-200, 6000, width=32)
point = st.tuples(pixel, pixel)
faces = st.lists(point, min_size=5, max_size=5)


def apart(landmarks):
    return math.dist(*landmarks[:2])


@given(faces)
def test_eyes_land_level_and_one_apart(landmarks):
    assume(apart(landmarks) > 1)
    matrix = aligned(landmarks)
    assert matrix.at(*landmarks[0]) == pytest.approx((-0.5, 0), abs=1e-5)
    assert matrix.at(*landmarks[1]) == pytest.approx((0.5, 0), abs=1e-5)


@given(faces)
def test_a_photo_is_turned_scaled_and_shifted_but_never_mirrored_nor_stretched(landmarks):
    assume(apart(landmarks) > 1)
    matrix = aligned(landmarks)
    assert matrix.a * matrix.d - matrix.b * matrix.c > 0
    assert (matrix.a, matrix.b) == (matrix.d, -matrix.c)
    assert math.hypot(matrix.a, matrix.b) == pytest.approx(1 / apart(landmarks))


@given(faces, point)
def test_the_inverse_brings_every_point_back(landmarks, anywhere):
    assume(apart(landmarks) > 1)
    matrix = aligned(landmarks)
    assert matrix.inverse.at(*matrix.at(*anywhere)) == pytest.approx(anywhere, abs=1e-3)
    assert matrix.at(*matrix.inverse.at(0.3, 1.1)) == pytest.approx((0.3, 1.1), abs=1e-5)


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_a_photo_as_it_was_taken_lies_whole_and_unturned_on_the_canvas(width, height):
    on_canvas = as_taken(width, height).inverse
    assert (on_canvas.b, on_canvas.c) == (0, 0)
    assert on_canvas.a == pytest.approx(on_canvas.d)
    for x, y in ((0, 0), (width, height)):
        across, down = on_canvas.at(x, y)
        assert -0.01 <= across <= SIZE[0] + 0.01
        assert -0.01 <= down <= SIZE[1] + 0.01


@given(faces)
def test_on_the_canvas_every_face_has_its_eyes_in_one_place(landmarks):
    assume(apart(landmarks) > 1)
    on_canvas = laid(landmarks).inverse
    left, top, wide, high = CANVAS
    for eye, wanted in zip(landmarks, ((-0.5, 0), (0.5, 0)), strict=False):
        x, y = on_canvas.at(*eye)
        # A tenth of a pixel of a screen on which the face is enlarged to fill it.
        shown = left + x / SIZE[0] * wide, top + y / SIZE[1] * high
        assert shown == pytest.approx(wanted, abs=1e-4)


def test_the_canvas_is_not_stretched_and_holds_what_is_shown_first():
    left, top, wide, high = CANVAS
    assert wide / SIZE[0] == pytest.approx(high / SIZE[1])
    assert wide / high == pytest.approx(HOME[2] / HOME[3])
    assert left < HOME[0]
    assert top < HOME[1]
    assert left + wide > HOME[0] + HOME[2]
    assert top + high > HOME[1] + HOME[3]


@given(faces, faces)
def test_the_page_knows_of_a_face_only_how_low_its_nose_and_mouth_are(one, other):
    assume(apart(one) > 1)
    assume(apart(other) > 1)
    first, second = (
        face_photo("/p/", "/o/", label="Probe", landmarks=marks) for marks in (one, other)
    )
    assert replace(first, nose=0, mouth=0) == replace(second, nose=0, mouth=0)


def test_a_pin_is_drawn_on_the_photos_that_it_was_put_on():
    marks = [(100, 100), (200, 100), (150, 170), (110, 220), (190, 220)]
    probe = face_photo("/p/", "/o/", label="Probe", landmarks=marks, number=2)
    candidate = face_photo("/p/", "/o/", label="Candidate A", landmarks=marks)
    put = [
        SeenPin(number=number, name="nose", x=0, y=0, probe=first, photo=second)
        for number, (first, second) in enumerate([(2, 1), (1, 1), (2, 3)])
    ]
    left, right = Pair.of(probe, candidate, put).photos
    assert [pin.number for pin in left.pins] == [0, 2]
    assert [pin.number for pin in right.pins] == [0, 1]


@given(point, st.lists(point, min_size=3, max_size=3))
def test_eyes_on_one_point_are_refused_in_words(eye, others):
    with pytest.raises(InputError, match="one point"):
        aligned([eye, eye, *others])


@given(st.lists(point, max_size=4))
def test_a_face_without_landmarks_is_refused_in_words(landmarks):
    with pytest.raises(InputError, match="not found"):
        aligned(landmarks)


@given(faces, faces)
def test_guides_lie_on_the_probe(one, other):
    assume(min(apart(one), apart(other)) > 1)
    probe, candidate = (
        face_photo("/p/", "/o/", label="", landmarks=marks) for marks in (one, other)
    )
    pair = Pair.of(probe, candidate)
    heights = {guide.name: guide.y for guide in pair.guides}
    assert heights["eyes"] == 0
    assert heights["nose"] == pytest.approx(aligned(one).at(*one[2])[1], abs=1e-3)
    assert pair.guides == Pair.of(probe).guides
