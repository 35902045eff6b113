"""The engine moves landmarks to the irises in a worker, at any size of a photo, and trusts no reply."""

import io

import numpy as np
import pytest
from PIL import Image

from countenance.errors import ImageRejected
from countenance.testing import FakeEngine


@pytest.fixture(scope="module")
def portrait(portraits):
    return portraits[0].read_bytes()


def enlarged(data, times):
    photo = Image.open(io.BytesIO(data)).convert("RGB")
    larger = photo.resize((photo.width * times, photo.height * times), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    larger.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def test_eyes_are_moved_a_little_and_nothing_else(engine, portrait):
    given = engine.analyse(portrait, templates=False).faces[0].face.landmarks
    found = engine.irises(portrait, landmarks=given)
    assert found[2:] == given[2:]
    apart = np.hypot(*np.subtract(given[1], given[0]))
    moved = np.hypot(*np.subtract(found, given)[:2].T) / apart
    assert 0 < moved.max() < 0.3


def test_a_large_photo_is_read_as_finely_as_it_takes(engine, portrait):
    small = engine.analyse(portrait, templates=False).faces[0].face.landmarks
    found = np.array(engine.irises(portrait, landmarks=small))
    large = engine.irises(enlarged(portrait, 6), landmarks=(np.array(small) * 6).tolist())
    apart = np.hypot(*(found[1] - found[0]))
    assert np.abs(np.array(large)[:2] / 6 - found[:2]).max() / apart < 0.02


def test_what_is_no_photo_is_refused(engine):
    marks = [(10, 10), (90, 10), (50, 50), (30, 80), (70, 80)]
    with pytest.raises(ImageRejected):
        engine.irises(b"no photo", landmarks=marks)


@pytest.mark.parametrize(
    "reply", [{}, {"landmarks": None}, {"landmarks": [[1, 2]]}, {"landmarks": [[np.nan, 1]] * 5}]
)
def test_nonsense_of_a_worker_is_refused(engine, monkeypatch, reply):
    monkeypatch.setattr(engine, "_ask", lambda _: reply)
    with pytest.raises(ImageRejected, match="nonsense"):
        engine.irises(b"", landmarks=[(0, 0)] * 5)


def test_the_fake_leaves_landmarks_as_they_are():
    fake = FakeEngine()
    photo = fake.photo("anna")
    marks = fake.analyse(photo).faces[0].face.landmarks
    assert fake.irises(photo, landmarks=marks) == marks
