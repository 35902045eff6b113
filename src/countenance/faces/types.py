"""What the pipeline hands from stage to stage; all of it frozen.

Pixels: origin at the top-left corner of the *upright* photo (EXIF orientation applied), x right,
y down. Boxes are (x, y, width, height) in those pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float32

CROP_SIDE = 192
"""Pixels of each side of the small JPEG of a head that is kept for lists."""


class Gate(StrEnum):
    """What a face may be used for."""

    GOOD = "good"  # enrol and search
    LIMITED = "limited"  # enrol and search, flagged: expect more misses
    UNUSABLE = "unusable"  # the box is kept, no template is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well one face can be compared, each figure in its own plain unit.

    Attributes:
        eye_distance: pixels between the eye landmarks in the upright photo.
        yaw, pitch, roll: degrees; 0 is frontal and level; estimated from five landmarks.
        sharpness: 0 (no edges left) to 1 (crisp), measured on the 112 px crop.
        brightness: mean luma of the crop, 0 (black) to 255 (white).
        contrast: standard deviation of the crop's luma.
        gate: the overall answer.
        reason: the answer in words, for a person; empty when the gate is GOOD.
    """

    eye_distance: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    brightness: float
    contrast: float
    gate: Gate
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One detected face.

    Attributes:
        box: x, y, width, height in pixels of the upright photo.
        landmarks: five (x, y): right eye, left eye, nose tip, right and left mouth corner, where right
            and left are the person's own.
        score: the detector's, 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """A unit vector made from one face by one model; comparable only within that model."""

    vector: Float32[np.ndarray, " d"]
    model: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysedFace:
    """A face with everything the product keeps of it.

    Attributes:
        template: None when the gate is UNUSABLE, or when templates were not asked for.
        crop: a small upright JPEG of the head (`CROP_SIDE` px), for lists.
    """

    face: Face
    quality: Quality
    template: Template | None
    crop: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysis:
    """One photo, analysed: its upright size, format and faces, largest first."""

    width: int
    height: int
    format: str
    faces: tuple[AnalysedFace, ...]
