"""What holds for any card, any bytes, any transform and any reply."""

import cbor2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from countenance.errors import ImageRejected, ModelCardInvalid
from countenance.faces import wire
from countenance.faces.align import apply, inverse, shrink, similarity_transform
from countenance.faces.card import ARCFACE_LANDMARKS, parse_card
from countenance.faces.decode import decode, turn_upright
from countenance.faces.detect import ROW, suppress, turn_back
from countenance.faces.limits import Limits
from countenance.faces.quality import judge, pose, sharpness
from countenance.faces.types import Gate
from countenance.testing import FakeEngine

WANTED = np.array(ARCFACE_LANDMARKS)
finite = st.floats(-5000, 5000, width=32)
STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP", b"II*\x00", b"BM"]


@given(st.sampled_from(STARTS), st.binary(max_size=2000))
def test_bytes_are_a_photo_or_are_rejected(start, rest):
    with pytest.raises(ImageRejected):
        decode(start + rest, Limits())


@given(st.floats(0, 360), st.floats(0.01, 100), finite, finite)
def test_any_similarity_is_found_and_undone(degrees, scale, x, y):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = WANTED @ turn.T * scale + [x, y]
    matrix = similarity_transform(marks, WANTED)
    assert apply(matrix, marks) == pytest.approx(WANTED, abs=1e-4)
    assert apply(inverse(matrix), apply(matrix, marks)) == pytest.approx(marks, abs=1e-3)


@given(arrays(np.float64, (5, 2), elements=finite))
def test_any_five_points_have_a_finite_pose_and_transform(marks):
    assert np.isfinite(pose(marks)).all()
    assert np.isfinite(similarity_transform(marks, WANTED)).all()


@given(st.integers(1, 3000), st.integers(1, 60), st.integers(1, 900))
def test_shrinking_never_passes_the_limit_nor_loses_a_side(width, height, side):
    small = shrink(np.zeros((height, width, 3), np.uint8), side)
    assert min(small.shape[:2]) >= 1
    assert max(small.shape[:2]) <= max(side, 1)


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9))
def test_orientations_only_move_pixels(orientation, width, height):
    pixels = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    turned = turn_upright(pixels, orientation)
    assert sorted(turned.reshape(-1, 3).tolist()) == sorted(pixels.reshape(-1, 3).tolist())
    shape = (width, height) if orientation >= 5 else (height, width)
    assert turned.shape[:2] == shape


@given(st.integers(0, 3), st.integers(40, 90), st.integers(40, 90), st.integers(0, 30))
def test_places_found_in_a_turned_view_are_turned_back(turn, width, height, at):
    photo = np.zeros((height, width))
    photo[at : at + 6, at + 2 : at + 10] = 1
    view = np.rot90(photo, turn)
    ys, xs = np.nonzero(view)
    box = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
    rows = np.array([[*box, *([xs.min(), ys.min()] * 5), 0.9]], float)
    back = turn_back(rows, turn, width, height)
    assert back[0, :4].tolist() == [at + 2, at, 8, 6]
    assert back[0, 14] == 0.9


@given(arrays(np.float64, st.tuples(st.integers(0, 12), st.just(ROW)), elements=st.floats(0, 99)))
def test_suppression_keeps_the_best_and_nothing_twice(rows):
    kept = suppress(rows)
    assert len(kept) <= len(rows)
    if len(rows):
        assert kept[0, 14] == rows[:, 14].max()
    assert np.array_equal(suppress(kept), kept)


@settings(max_examples=30)
@given(arrays(np.uint8, (112, 112, 3), elements=st.integers(0, 255)), st.floats(1, 500))
def test_any_crop_is_judged_in_its_units(crop, width):
    quality = judge(width, WANTED * width / 80, crop)
    assert 0 <= quality.sharpness <= 1
    assert 0 <= quality.brightness <= 255
    assert (quality.reason == "") == (quality.gate is Gate.GOOD)
    assert width >= 20 or quality.gate is Gate.UNUSABLE


@given(arrays(np.float32, (20, 30), elements=st.floats(0, 255, width=32)))
def test_sharpness_has_bounds(luma):
    assert 0 <= sharpness(luma) <= 1


@given(st.text(max_size=300))
def test_any_text_is_a_card_or_is_refused(text):
    with pytest.raises(ModelCardInvalid):
        parse_card(text.encode("utf-8", "surrogatepass"), "any")


@given(st.text("abc", min_size=1, max_size=5), st.integers(0, 4))
def test_an_analysis_survives_the_wire(person, faces):
    engine = FakeEngine()
    analysis = engine.analyse(FakeEngine.photo(person, faces=faces))
    frame = wire.pack(wire.from_analysis(analysis))
    back = wire.to_analysis(wire.unpack(frame[4:]), model=engine.model, dimensions=128)
    assert [face.face for face in back.faces] == [face.face for face in analysis.faces]
    assert [face.quality for face in back.faces] == [face.quality for face in analysis.faces]
    for one, other in zip(analysis.faces, back.faces, strict=True):
        assert one.template.vector.tobytes() == other.template.vector.tobytes()
        assert one.crop == other.crop


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(
    st.sampled_from(["box", "landmarks", "quality", "gate", "template", "crop", "score"]), anything
)
def test_a_reply_with_anything_in_it_is_read_or_refused(key, value):
    values = wire.from_analysis(FakeEngine().analyse(FakeEngine.photo("anna")))
    values["faces"][0][key] = value
    reply = wire.unpack(cbor2.dumps(values))
    try:
        analysis = wire.to_analysis(reply, model="fake/1", dimensions=128)
    except wire.BadFrame:
        return
    assert np.isfinite(analysis.faces[0].face.box).all()


@given(st.binary(max_size=200))
@example(cbor2.dumps({0: 0}))  # a map, though not of names
def test_bytes_are_a_frame_or_are_refused(body):
    try:
        assert isinstance(wire.unpack(body), dict)
    except wire.BadFrame:
        return
