"""What holds for any face in any photo: its eyes land where all eyes land, and nothing is mirrored."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from countenance.errors import InputError
from countenance.ui.faceview import HOME, Matrix, Pair, aligned, face_photo, whole

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


@given(faces, point, st.integers(1, 9000), st.integers(1, 9000))
def test_undone_a_photo_is_seen_as_it_was_taken_and_whole(landmarks, anywhere, width, height):
    assume(apart(landmarks) > 1)
    photo = face_photo("/p/", label="Probe", width=width, height=height, landmarks=landmarks)
    both = photo.undo.after(photo.matrix)
    assert both.at(*anywhere) == pytest.approx(whole(width, height).at(*anywhere), abs=1e-3)
    left, top, wide, high = HOME
    for x, y in ((0, 0), (width, height)):
        across, down = both.at(x, y)
        assert left - 1e-3 <= across <= left + wide + 1e-3
        assert top - 1e-3 <= down <= top + high + 1e-3


@given(faces)
def test_what_is_written_into_the_page_is_as_exact_as_what_was_reckoned(landmarks):
    assume(apart(landmarks) > 1)
    matrix = aligned(landmarks)
    written = str(matrix)
    assert written.startswith("matrix(")
    read = Matrix(*map(float, written[7:-1].split()))
    for eye, wanted in zip(landmarks, ((-0.5, 0), (0.5, 0)), strict=False):
        # A tenth of a pixel of a screen on which the face is enlarged to fill it.
        assert read.at(*eye) == pytest.approx(wanted, abs=1e-4)


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
        face_photo("/p/", label="", width=9, height=9, landmarks=marks) for marks in (one, other)
    )
    pair = Pair.of(probe, candidate)
    heights = {guide.name: guide.y for guide in pair.guides}
    assert heights["eyes"] == 0
    assert heights["nose"] == pytest.approx(aligned(one).at(*one[2])[1], abs=1e-3)
    assert pair.guides == Pair.of(probe).guides
