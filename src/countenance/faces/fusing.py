"""One template for several photos of one person, probes and gallery photos alike.

Searches, controls and evaluations all fuse here, so that what is measured is what is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

EYES, SHARP = 60.0, 0.5
"""From this distance of the eyes, in pixels, and from this sharpness on, more is worth no more."""

LEAST_WEIGHT = 0.05
DIGITS = 4
MOST_FUSED = 50
"""So many photos of one subject make its template: those that were enrolled first."""

SHORTEST = 1e-6
"""A mean shorter than this has no direction of its own."""


def weigh(qualities: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how much each of several faces counts, together 1: larger, more frontal, sharper ones more.

    Rounded, so that what is recorded is what was used.

    Args:
        qualities: of each face, as `types.Quality` is kept: eye_distance, yaw, pitch, sharpness.
    """
    raw = [worth(one) for one in qualities]
    total = sum(raw) or 1.0
    return [round(one / total, DIGITS) for one in raw]


def fuse(
    templates: Float32[np.ndarray, "n d"], weights: Sequence[float]
) -> Float32[np.ndarray, " d"]:
    """Return the mean of templates by weight, of length 1 again; a single one as it is.

    Args:
        templates: unit vectors of one model, one or more, in an order that is the same each time.
        weights: of each, from `weigh`.
    """
    best: Float32[np.ndarray, " d"] = templates[int(np.argmax(weights))]
    if len(templates) == 1:
        return best
    mean = np.asarray(weights, np.float64) @ np.asarray(templates, np.float64)
    length = float(np.linalg.norm(mean))
    if length < SHORTEST:
        # They cancel each other out, so they cannot be of one person: the best one stands for itself.
        return best
    fused: Float32[np.ndarray, " d"] = (mean / length).astype(np.float32)
    return fused


def worth(quality: Mapping[str, Any]) -> float:
    """Return our one figure of a face's quality, up to 1: the larger, more frontal and sharper, the more."""
    pose = math.cos(math.radians(quality["yaw"])) * math.cos(math.radians(quality["pitch"]))
    size = min(float(quality["eye_distance"]) / EYES, 1.0)
    sharp = min(float(quality["sharpness"]) / SHARP, 1.0)
    return max(LEAST_WEIGHT, size * sharp * pose)
