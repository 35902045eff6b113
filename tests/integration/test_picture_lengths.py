"""The length of a picture does not tell a still of a surveillance camera from an enrolled portrait.

Lengths are compared of those people whose portraits take most bytes: theirs come nearest to what a picture is
filled up to. They are 20, and 80 in `make attack`, which sets PICTURE_PEOPLE.
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from telling import auc

from countenance.apps.examinations.image_views import CANVAS_BYTES, SMALL_BYTES
from countenance.faces.card import Kind
from countenance.faces.padding import padded
from countenance.faces.pipeline import Pipeline
from countenance.faces.types import CROP_SIDE
from countenance.faces.zoo import make_ready
from countenance.ui import faceview

PEOPLE = int(os.environ.get("PICTURE_PEOPLE", "20"))
STILL = 96
"""Pixels of a side of what the camera saw of a portrait."""


def still(portrait: bytes, noise: np.random.Generator) -> bytes:
    """Return a portrait as a surveillance camera would keep it: small, soft, and much compressed."""
    seen = Image.open(io.BytesIO(portrait)).convert("RGB").resize((STILL, STILL))
    seen = seen.filter(ImageFilter.GaussianBlur(0.7))
    grains = np.asarray(seen) + noise.normal(0, 2, (STILL, STILL, 1))
    kept = io.BytesIO()
    Image.fromarray(grains.clip(0, 255).astype(np.uint8)).save(kept, "JPEG", quality=70)
    return kept.getvalue()


def pictures(pipeline: Pipeline, photo: bytes) -> list[tuple[bytes, int]]:
    """Return all pictures that an examination sends of a photo, and to how many bytes each is filled up."""
    found = pipeline.analyse(photo, templates=False)
    landmarks, small = found.faces[0].face.landmarks, (CROP_SIDE, CROP_SIDE)
    views = [
        (faceview.laid(landmarks), faceview.SIZE, CANVAS_BYTES),
        (faceview.as_taken(found.width, found.height), faceview.SIZE, CANVAS_BYTES),
        (faceview.laid(landmarks, window=faceview.SMALL, size=small), small, SMALL_BYTES),
    ]
    side = max(found.width, found.height)
    return [
        (
            pipeline.lay(
                photo,
                to_photo=to_photo.figures,
                size=size,
                long_side=math.ceil(side / max(to_photo.scale, 1.0)),
            ),
            whole,
        )
        for to_photo, size, whole in views
    ]


@pytest.mark.slow
@pytest.mark.timeout(580)
def test_no_length_tells_a_still_from_a_portrait(shared_data: Path, tmp_path: Path) -> None:
    pipeline: Any = Pipeline(*(make_ready(None, kind, tmp_path) for kind in Kind))
    noise = np.random.default_rng(20261123)
    portraits = sorted((shared_data / "frl-london-512").glob("*/neutral.jpg"))
    people = sorted(portraits, key=lambda one: -one.stat().st_size)[:PEOPLE]
    bare, sent, truth = [], [], []
    for path in people:
        probe = still(path.with_name("smiling.jpg").read_bytes(), noise)
        for photo, is_control in ((path.read_bytes(), True), (probe, False)):
            made = pictures(pipeline, photo)
            bare.append([len(one) for one, _ in made])
            sent.append([len(padded(one, whole)) for one, whole in made])
            truth.append(is_control)
    before, after = (
        [auc(lengths, np.array(truth)) for lengths in np.array(rows, float).T]
        for rows in (bare, sent)
    )
    print(f"AUC of the lengths before {before}, after {after}; most {np.max(bare, axis=0)}")
    assert max(abs(one - 0.5) for one in before) > 0.3  # so that this is about something
    assert after == [0.5, 0.5, 0.5]
    assert set(map(tuple, sent)) == {(CANVAS_BYTES, CANVAS_BYTES, SMALL_BYTES)}
