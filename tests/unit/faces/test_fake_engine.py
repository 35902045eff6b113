"""The fake engine behaves as the services' tests rely on."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from countenance.errors import ImageRejected, WorkerUnavailable
from countenance.faces.types import CROP_SIDE, Gate, Template
from countenance.testing import FakeEngine
from countenance.tools import PhotoEngine


def template(data: bytes) -> Template:
    made = FakeEngine().analyse(data).faces[0].template
    assert made is not None
    return made


def test_two_shots_of_one_person_are_near_and_not_equal() -> None:
    first, second = template(FakeEngine.photo("anna", 1)), template(FakeEngine.photo("anna", 2))
    assert 0.7 < float(first.vector @ second.vector) < 0.9
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-6)


def test_a_hundred_people_are_far_from_each_other() -> None:
    rows = np.stack([template(FakeEngine.photo(f"person {i}")).vector for i in range(100)])
    similarity = rows @ rows.T - np.eye(100)
    assert similarity.max() < 0.5


def test_same_photo_gives_same_bytes_and_template() -> None:
    assert FakeEngine.photo("anna", 3) == FakeEngine.photo("anna", 3)
    assert FakeEngine.photo("anna", 3) != FakeEngine.photo("anna", 4)
    assert (
        template(FakeEngine.photo("anna")).vector.tobytes()
        == FakeEngine().template("anna").vector.tobytes()
    )


def test_several_faces_none_low_quality_and_rejected() -> None:
    engine = FakeEngine()
    several = engine.analyse(FakeEngine.photo("anna", others=["ben"], faces=3))
    assert len(several.faces) == 3
    areas = [face.face.box[2] * face.face.box[3] for face in several.faces]
    assert areas == sorted(areas, reverse=True)
    ben = several.faces[1].template
    assert ben is not None
    assert ben.vector @ engine.template("ben").vector > 0.99
    assert engine.analyse(FakeEngine.photo("anna", faces=0)).faces == ()
    low = engine.analyse(FakeEngine.photo("anna", gate=Gate.UNUSABLE)).faces[0]
    assert low.template is None
    assert low.quality.reason
    with pytest.raises(ImageRejected, match="too big"):
        engine.analyse(FakeEngine.photo(rejected="too big"))
    with pytest.raises(ImageRejected):
        engine.analyse(b"\xff\xd8 whatever")
    assert engine.analysed == 4


def test_templates_are_made_only_for_whom_they_are_asked() -> None:
    engine, data = FakeEngine(), FakeEngine.photo("anna", others=["ben", "cem"])
    assert [f.template is None for f in engine.analyse(data, only=1).faces] == [True, False, True]
    assert all(f.template is None for f in engine.analyse(data, templates=False).faces)


def test_many_yields_errors_as_values_and_pictures_are_real_jpegs() -> None:
    engine: PhotoEngine = FakeEngine()
    done = dict(engine.analyse_many([("a", FakeEngine.photo("anna")), ("b", b"text")]))
    assert isinstance(done["b"], ImageRejected)
    data = FakeEngine.photo("anna")
    crop = Image.open(io.BytesIO(engine.analyse(data).faces[0].crop))
    assert crop.size == (CROP_SIDE, CROP_SIDE)
    picture = Image.open(io.BytesIO(engine.render(data, long_side=200, blur=[(0, 0, 99, 99)])))
    assert picture.format == "JPEG"
    assert max(picture.size) <= 200
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    engine.close()
    with pytest.raises(WorkerUnavailable):
        engine.analyse(data)
