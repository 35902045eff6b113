"""The tail of a distribution: how fast what exceeds a start becomes rare."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Float64

_FLAT: Final = 8.0
_STEEP: Final = 25.0
_STEEPEST: Final = 200.0


def fit_tail(
    beyond: Float64[np.ndarray, " m"], weights: Float64[np.ndarray, " m"], *, careful: bool = True
) -> tuple[float, float]:
    """Return slope and bend of the tail of greatest likelihood for what exceeds the start.

    Args:
        beyond: by how much each comparison exceeds it.
        weights: how often each counts.
        careful: believe the bend only as far as it stands out from chance, so that a tail continued far
            beyond the data falls too slowly rather than too fast.
    """
    mean = float(np.average(beyond, weights=weights))
    square = float(np.average(beyond**2, weights=weights))
    # The ratio of the moments says how much the tail bends: it is 2 for an exponential tail and
    # falls towards 1.57, that of half a normal distribution, and below, as it bends.
    if square >= 2 * mean * mean:
        return 1 / mean, 0.0
    wanted = square / (mean * mean)
    z = _solved(lambda z: _moments(z)[1] / _moments(z)[0] ** 2 < wanted, _STEEP)
    width = mean / _moments(z)[0]
    bend = 1 / (2 * width * width)
    if careful:
        found, chance = bend * mean * mean, 1 / math.sqrt(4 * float(weights.sum()))
        bend *= found * found / (found * found + chance * chance)
        width = 1 / math.sqrt(2 * bend)
        if mean / width < 1 / _STEEPEST:
            return 1 / mean, 0.0
        z = _solved(lambda z: _moments(z)[0] * width > mean, _STEEPEST)
    return z / width, bend


def _solved(is_below: Callable[[float], bool], high: float) -> float:
    """Return where a normal tail begins, in standard deviations above its middle, by halving."""
    low = -_FLAT
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def _moments(z: float) -> tuple[float, float]:
    """Return the first two moments of what a standard normal variable exceeds z by, given it does."""
    if z > _STEEP:
        return 1 / z - 2 / z**3, 2 / z**2 - 10 / z**4
    hazard = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / _upper(z)
    return hazard - z, 1 + z * z - z * hazard


def _upper(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


def tail(beyond: float, slope: float, bend: float) -> float:
    """Return the share of what exceeds the start that exceeds it by this much."""
    if bend <= 0:
        return math.exp(-slope * beyond)
    width = 1 / math.sqrt(2 * bend)
    z = slope * width
    if z > _STEEP:  # Mills' ratio of both, where each of them is too small to be divided
        return math.exp(-slope * beyond - bend * beyond * beyond) * z / (z + beyond / width)
    return _upper(z + beyond / width) / _upper(z)
