"""How well a face can be compared, in plain units, and what it may be used for."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8

from countenance.faces.card import ARCFACE_LANDMARKS
from countenance.faces.types import Gate, Quality

CROP = 112
CROP_LANDMARKS = np.array(ARCFACE_LANDMARKS)

MIN_WIDTH, SMALL_WIDTH = 20.0, 32.0
"""Narrower faces give templates that are noise; and templates that miss more."""

MIN_EYES = 6.0
MAX_YAW, MAX_PITCH = 45.0, 40.0
MIN_SHARPNESS = 0.25
DARK, BRIGHT = 35.0, 225.0
MIN_CONTRAST = 1.0

MEAN_FACE = np.array(
    [
        [-32.0, -36.5, -28.0],
        [32.0, -36.5, -28.0],
        [0.0, 0.0, 0.0],
        [-26.6, 37.4, -20.0],
        [26.6, 37.4, -20.0],
    ]
)
"""Five landmarks of an average face in millimetres: x right, y down, z towards the camera."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLUR_TAPS = 9


def judge(
    width: float,
    landmarks: Float[np.ndarray, "5 2"],
    crop: UInt8[np.ndarray, "112 112 3"],
) -> Quality:
    """Return the quality of one face.

    Args:
        width: of its box, in pixels of the full upright photo.
        landmarks: in pixels of the full upright photo.
        crop: the face aligned to `CROP` px.
    """
    eyes = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    yaw, pitch, roll = pose(landmarks)
    luma = crop.astype(np.float32) @ LUMA
    # The corners of the crop may lie outside the photo, so only its middle is judged.
    middle = luma[16:104, 20:92]
    sharp, light, contrast = sharpness(middle), float(middle.mean()), float(middle.std())
    unusable = _unusable(width, eyes, contrast)
    limited = unusable or _limited(width, yaw, pitch, sharp, light)
    gate = Gate.UNUSABLE if unusable else Gate.LIMITED if limited else Gate.GOOD
    return Quality(
        eye_distance=round(eyes, 1),
        yaw=round(yaw, 1),
        pitch=round(pitch, 1),
        roll=round(roll, 1),
        sharpness=round(sharp, 3),
        brightness=round(light, 1),
        contrast=round(contrast, 1),
        gate=gate,
        reason=unusable or limited,
    )


def _unusable(width: float, eyes: float, contrast: float) -> str:
    """Return why no template can be made, or nothing."""
    if width < MIN_WIDTH:
        return f"The face is {width:.0f} px wide; at least {MIN_WIDTH:.0f} px are needed."
    if eyes < MIN_EYES:
        return f"The eyes are {eyes:.0f} px apart; at least {MIN_EYES:.0f} px are needed."
    if contrast < MIN_CONTRAST:
        return "The face has hardly any light and shade, so nothing can be told from it."
    return ""


def _limited(width: float, yaw: float, pitch: float, sharp: float, light: float) -> str:
    """Return the first reason why more misses are to be expected, or nothing."""
    way = "up" if pitch > 0 else "down"
    reasons = [
        (
            width < SMALL_WIDTH,
            f"The face is {width:.0f} px wide; {SMALL_WIDTH:.0f} px or more compare better.",
        ),
        (abs(yaw) > MAX_YAW, f"The head is turned sideways by about {abs(yaw):.0f} degrees."),
        (abs(pitch) > MAX_PITCH, f"The head is tilted {way} by about {abs(pitch):.0f} degrees."),
        (sharp < MIN_SHARPNESS, "The face is blurred."),
        (light < DARK, "The face is very dark."),
        (light > BRIGHT, "The face is very bright."),
    ]
    return next((words for holds, words in reasons if holds), "")


def pose(landmarks: Float[np.ndarray, "5 2"]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees, from the mean face seen from far away.

    Yaw is positive when the nose points to the right of the photo, pitch when it points up, roll
    when the head is turned clockwise. Five points say this within about ten degrees.
    """
    across = landmarks[1] - landmarks[0]
    roll = math.atan2(across[1], across[0])
    cos, sin = math.cos(-roll), math.sin(-roll)
    level = (landmarks - landmarks.mean(axis=0)) @ np.array([[cos, sin], [-sin, cos]])
    model = MEAN_FACE - MEAN_FACE.mean(axis=0)
    camera, *_ = np.linalg.lstsq(model, level, rcond=None)
    right, down = camera.T
    scale = (np.linalg.norm(right) + np.linalg.norm(down)) / 2
    if scale == 0:
        return 0.0, 0.0, math.degrees(roll)
    yaw = math.asin(float(np.clip(right[2] / scale, -1, 1)))
    pitch = -math.asin(float(np.clip(down[2] / scale, -1, 1)))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def sharpness(luma: Float[np.ndarray, "height width"]) -> float:
    """Return how much of the picture's fine change is lost by blurring it: 0 to 1.

    A picture that is blurred already loses little. It does not depend on contrast or brightness.

    Source: Crété et al., "The blur effect", SPIE 6492, 2007.
    """
    return min(_kept(luma), _kept(luma.T))


def _kept(luma: Float[np.ndarray, "height width"]) -> float:
    total = np.cumsum(np.pad(luma, ((BLUR_TAPS // 2 + 1, BLUR_TAPS // 2), (0, 0)), "edge"), axis=0)
    blurred = (total[BLUR_TAPS:] - total[:-BLUR_TAPS]) / BLUR_TAPS
    change, left = np.abs(np.diff(luma, axis=0)), np.abs(np.diff(blurred, axis=0))
    everything = float(change.sum())
    lost = float((change - left).clip(0).sum())
    return lost / everything if everything > 0 else 0.0
