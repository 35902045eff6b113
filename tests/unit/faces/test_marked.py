"""Faces that one look misses are found where somebody marks them; where there is none, none is made up."""

import io

import numpy as np
import pytest
from PIL import Image

from countenance.errors import ImageRejected
from countenance.faces.types import Gate

GREY = (130, 125, 120)
PLACE = (2700, 1900)


def scene(path, side, roll=0):
    """Return a large photo with a small head in it, and the box that somebody would draw around its face."""
    head = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    head = head.rotate(-roll, expand=True, fillcolor=GREY)
    photo = Image.new("RGB", (4000, 3000), GREY)
    photo.paste(head, PLACE)
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=92)
    width, height = head.size
    box = (PLACE[0] + width * 0.2, PLACE[1] + height * 0.2, width * 0.6, height * 0.6)
    return buffer.getvalue(), box


@pytest.mark.parametrize(("side", "roll", "least"), [(120, 0, 0.8), (120, 180, 0.8), (90, 35, 0.3)])
def test_a_small_or_turned_face_is_found_where_it_is_marked(pipeline, portraits, side, roll, least):
    for path in portraits[::25]:
        photo, box = scene(path, side, roll)
        assert pipeline.analyse(photo, templates=False).faces == ()
        (found,) = pipeline.analyse_part(photo, box).faces
        (known,) = pipeline.analyse(path.read_bytes()).faces
        assert found.template.vector @ known.template.vector > least
        x, y, width, height = found.face.box
        assert box[0] < x + width / 2 < box[0] + box[2]
        assert box[1] < y + height / 2 < box[1] + box[3]


def test_the_gates_hold_for_a_face_that_is_marked(pipeline, portraits):
    photo, box = scene(portraits[0], 44)
    for found in pipeline.analyse_part(photo, box).faces:
        assert found.quality.gate is Gate.UNUSABLE
        assert found.template is None


def test_nothing_is_found_where_there_is_no_face(pipeline, portraits):
    photo, _ = scene(portraits[0], 120)
    for box in ((200, 200, 150, 150), (0, 0, 4000, 3000), (3990, 2990, 10, 10)):
        assert pipeline.analyse_part(photo, box).faces == ()


def test_a_neighbour_outside_of_the_box_is_not_taken(pipeline, portraits):
    photo, box = scene(portraits[0], 240)
    beside = (box[0] - 1.5 * box[2], box[1], box[2], box[3])
    assert pipeline.analyse_part(photo, beside).faces == ()


def test_the_engine_looks_in_its_worker_and_makes_no_template_unasked(engine, portraits):
    photo, box = scene(portraits[0], 120)
    (found,) = engine.analyse_part(photo, box=box, templates=False).faces
    assert found.template is None
    (found,) = engine.analyse_part(photo, box=box).faces
    assert np.linalg.norm(found.template.vector) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ImageRejected):
        engine.analyse_part(b"no photo", box=box)
