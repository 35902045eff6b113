"""On real faces: found at every turn and size, recognised, and judged in plain words.

Accuracy is measured elsewhere; these hold the pipeline to what its models are known to reach.
"""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from countenance.faces import Engine
from countenance.faces.card import Kind
from countenance.faces.decode import decode
from countenance.faces.limits import Limits
from countenance.faces.types import CROP_SIDE, Gate
from countenance.faces.zoo import ReadyModel, make_ready

WHITE = (255, 255, 255)


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def vector(pipeline, data: bytes) -> np.ndarray:
    (found,) = pipeline.analyse(data).faces
    return found.template.vector


@pytest.mark.slow
def test_everyone_is_found_first_by_another_photo(models, portraits):
    photos = [(path, path.read_bytes()) for path in portraits]
    photos += [
        (p.with_name("smiling.jpg"), p.with_name("smiling.jpg").read_bytes()) for p in portraits
    ]
    with Engine.open(models, workers=2) as engine:
        done = dict(engine.analyse_many(photos))
    neutral = np.stack([done[path].faces[0].template.vector for path in portraits])
    smiling = np.stack(
        [done[p.with_name("smiling.jpg")].faces[0].template.vector for p in portraits]
    )
    similarity = smiling @ neutral.T
    assert len(portraits) == 102
    assert (similarity.argmax(axis=1) == np.arange(102)).all()
    assert np.diag(similarity).min() > 0.8
    assert np.sort((similarity - 2 * np.eye(102)).ravel())[-3] < 0.5


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_on_its_side_or_head_gives_the_same_template(pipeline, portraits, degrees):
    for path in portraits[::17]:
        photo = Image.open(path)
        turned = jpeg(photo.rotate(-degrees, expand=True))
        (found,) = pipeline.analyse(turned).faces
        upright = vector(pipeline, path.read_bytes())
        assert found.template.vector @ upright > 0.8
        assert abs((found.quality.roll - degrees + 180) % 360 - 180) < 15


def test_boxes_and_landmarks_follow_a_turned_photo(pipeline, portraits):
    photo = Image.open(portraits[0])
    (upright,) = pipeline.analyse(jpeg(photo)).faces
    (turned,) = pipeline.analyse(jpeg(photo.transpose(Image.Transpose.ROTATE_180))).faces
    marks = photo.width - np.array(turned.face.landmarks)
    assert np.abs(marks - np.array(upright.face.landmarks)).max() < 6
    x, y, width, height = upright.face.box
    assert turned.face.box == pytest.approx(
        (512 - x - width, 512 - y - height, width, height), abs=9
    )


def test_a_rolled_face_is_levelled(pipeline, portraits):
    similar = []
    for path in portraits[::17]:
        rolled = Image.open(path).rotate(-30, expand=True, fillcolor=WHITE)
        similar.append(vector(pipeline, jpeg(rolled)) @ vector(pipeline, path.read_bytes()))
    assert min(similar) > 0.8


def test_places_are_in_pixels_of_the_full_photo_at_any_scale(pipeline, portraits):
    photo = Image.open(portraits[1])
    (small,) = pipeline.analyse(jpeg(photo)).faces
    big = pipeline.analyse(jpeg(photo.resize((4096, 4096), Image.Resampling.BICUBIC)))
    assert (big.width, big.height) == (4096, 4096)
    (found,) = big.faces
    assert np.array(found.face.box) / 8 == pytest.approx(np.array(small.face.box), abs=9)
    assert found.quality.eye_distance == pytest.approx(8 * small.quality.eye_distance, rel=0.1)
    assert found.template.vector @ small.template.vector > 0.9


def test_exif_orientation_moves_the_places_with_the_photo(pipeline, portraits):
    photo = Image.open(portraits[2])
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = photo.transpose(Image.Transpose.ROTATE_90)
    (wanted,) = pipeline.analyse(jpeg(photo)).faces
    (found,) = pipeline.analyse(jpeg(stored, exif=exif)).faces
    assert found.face.box == pytest.approx(wanted.face.box, abs=4)


def test_a_small_face_in_a_large_photo_is_taken_from_finer_pixels(pipeline, portraits, monkeypatch):
    similar = {64.0: [], 0.0: []}
    for path in portraits[::16]:
        scene = Image.new("RGB", (3000, 2000), (150, 160, 170))
        scene.paste(Image.open(path).resize((280, 280), Image.Resampling.LANCZOS), (900, 700))
        assert decode(jpeg(scene), Limits()).factor == 2
        wanted = vector(pipeline, path.read_bytes())
        for width, values in similar.items():
            monkeypatch.setattr("countenance.faces.pipeline.FINE_WIDTH", width)
            values.append(vector(pipeline, jpeg(scene)) @ wanted)
    assert np.mean(similar[64.0]) > np.mean(similar[0.0])
    assert min(similar[64.0]) > 0.75


def test_a_frame_filling_face_is_found(pipeline, portraits):
    for path in portraits[4:40:9]:
        (found,) = pipeline.analyse(path.read_bytes()).faces
        x, y, width, height = found.face.box
        box = tuple(round(v) for v in (x, y, x + width, y + height))
        close = Image.open(path).crop(box).resize((1400, 1900), Image.Resampling.BICUBIC)
        assert len(pipeline.analyse(jpeg(close)).faces) == 1


@pytest.mark.parametrize(
    ("side", "gate"), [(40, Gate.UNUSABLE), (76, Gate.LIMITED), (256, Gate.GOOD)]
)
def test_the_gate_follows_the_size_and_says_why(pipeline, portraits, side, gate):
    photo = Image.open(portraits[5]).resize((side, side), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (300, 300), (200, 200, 200))
    canvas.paste(photo, (20, 20))
    (found,) = pipeline.analyse(jpeg(canvas)).faces
    assert found.quality.gate is gate
    assert ("px wide" in found.quality.reason) == (gate is not Gate.GOOD)
    assert (found.template is None) == (gate is Gate.UNUSABLE)


def test_blur_and_darkness_are_named(pipeline, portraits):
    photo = Image.open(portraits[6])
    dark = pipeline.analyse(jpeg(photo.point(lambda value: value * 0.12))).faces[0]
    assert dark.quality.reason == "The face is very dark."
    assert dark.quality.gate is Gate.LIMITED
    plain = pipeline.analyse(jpeg(photo)).faces[0].quality
    soft = pipeline.analyse(jpeg(photo.filter(ImageFilter.GaussianBlur(5)))).faces[0].quality
    assert soft.sharpness < 0.7 * plain.sharpness


def test_several_faces_largest_first_and_templates_only_as_asked(pipeline, portraits):
    scene = Image.new("RGB", (1100, 520), (180, 180, 180))
    scene.paste(Image.open(portraits[7]).resize((300, 300)), (10, 100))
    scene.paste(Image.open(portraits[8]), (500, 4))
    data = jpeg(scene)
    faces = pipeline.analyse(data).faces
    assert [face.face.box[0] > 500 for face in faces] == [True, False]
    assert all(abs(np.linalg.norm(face.template.vector) - 1) < 1e-5 for face in faces)
    only = pipeline.analyse(data, only=1).faces
    assert [face.template is None for face in only] == [True, False]
    assert np.array_equal(only[1].template.vector, faces[1].template.vector)
    assert all(face.template is None for face in pipeline.analyse(data, templates=False).faces)
    for face in faces:
        assert Image.open(io.BytesIO(face.crop)).size == (CROP_SIDE, CROP_SIDE)


def test_a_blurred_bystander_is_nobody_any_more(pipeline, portraits):
    data = portraits[9].read_bytes()
    (found,) = pipeline.analyse(data).faces
    after = pipeline.analyse(pipeline.render(data, long_side=512, blur=[found.face.box]))
    for face in after.faces:
        assert face.template is None or face.template.vector @ found.template.vector < 0.3


def test_flip_averaging_is_another_model_and_near_the_first(models, pipeline, portraits):
    data = portraits[10].read_bytes()
    with Engine.open(models, workers=1, flip=True) as engine:
        (found,) = engine.analyse(data).faces
    assert found.template.model == engine.model != pipeline.model
    assert 0.9 < found.template.vector @ vector(pipeline, data) < 0.9999


CARD = """
name = "other"
kind = "{kind}"
family = "{family}"
licence = "see its source"
source = "test data"
file = "{file}"
sha256 = "{sha256}"
[input]
channels = "BGR"
mean = [0.0, 0.0, 0.0]
{rest}
"""
DETECTOR = "scale = 1.0\n[detector]\nlong_side = 640\nmin_score = 0.7"


def side_loaded(folder, source, kind, rest) -> ReadyModel:
    (folder / source.name).write_bytes(source.read_bytes())
    family = "yunet" if kind is Kind.DETECTOR else "generic"
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    text = CARD.format(kind=kind, family=family, file=source.name, sha256=sha256, rest=rest)
    (folder / "other.toml").write_text(text, encoding="utf-8")
    return make_ready("other", kind, folder)


@pytest.mark.parametrize("name", ["yunet_2023mar_fp32.onnx", "yunet_n_dynamic.onnx"])
def test_another_detector_is_side_loaded(engine, portraits, shared_data, tmp_path, name):
    side_loaded(tmp_path, shared_data / "models" / name, Kind.DETECTOR, DETECTOR)
    data = portraits[11].read_bytes()
    wanted = engine.analyse(data).faces[0].face.box
    with Engine.open(tmp_path, workers=1, detector="other") as other:
        (found,) = other.analyse(data).faces
        assert found.face.box == pytest.approx(wanted, rel=0.1)
        assert other.model != engine.model


def test_another_embedder_is_side_loaded(models, portraits, shared_data, tmp_path):
    file = shared_data / "models" / "face-reidentification-retail-0095" / "face_reid_0095.onnx"
    rest = "size = 128\nscale = 1.0\n[embedder]\ndimensions = 256\nlandmarks = " + str(
        [[40.4, 59.1], [87.5, 59.2], [64.0, 86.7], [45.3, 109.1], [83.9, 109.2]]
    )
    side_loaded(tmp_path, file, Kind.EMBEDDER, rest)
    with Engine.open(models, workers=1, embedder=tmp_path / "other.toml") as engine:
        pairs = [
            [
                engine.analyse(p.read_bytes()).faces[0].template.vector
                for p in (a, a.with_name("smiling.jpg"))
            ]
            for a in portraits[::20]
        ]
    first, second = (np.stack([pair[n] for pair in pairs]) for n in (0, 1))
    assert first.shape[1] == 256
    assert ((second @ first.T).argmax(axis=1) == np.arange(len(pairs))).all()
