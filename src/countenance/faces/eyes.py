"""Where the irises are: finer than a detector's landmarks, so that two faces can be laid over each other.

A detector puts its eye landmarks some hundredths of the eyes' distance beside them, which is plain to see when
two photos flicker. Here each iris is found as what it is: a dark disc whose edge all around points away from
its middle. Templates are made from the detector's landmarks as before; this is for looking only.

Source of the idea: Timm and Barth, "Accurate eye centre localisation by means of gradients", VISAPP 2011.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int, UInt8

from countenance.faces.align import apply, inverse, warp

Pixels = UInt8[np.ndarray, "_ _ 3"]
Grey = Float[np.ndarray, "_ _"]
Places = Int[np.ndarray, "_ _"]
Matrix = Float[np.ndarray, "2 3"]
Point = Float[np.ndarray, " 2"]
Points = Float[np.ndarray, "_ 2"]

# All lengths are shares of the distance between the eyes.
WINDOW = 0.62
RIM = (0.05, 0.125)
"""How far from its middle the edge of an iris may lie: it is about 0.09, less where lids cover it."""
ROOMS = ((0.16, 0.12), (0.08, 0.08))
"""How far beside the landmark an iris is looked for, across and down: first far, then near."""
DISC = 0.06
PEAK = 0.035

SIDE = 64
LEAST_APART = 24.0
"""Pixels between the eyes below which an iris has too few pixels to be found."""
MOST_TURNED = 0.3
"""How far from the middle between the eyes a nose may lie; beyond, the far eye is not round."""

LUMA = np.array([0.299, 0.587, 0.114])
SMOOTH = np.array([1, 4, 6, 4, 1]) / 16


def irises(pixels: Pixels, landmarks: Points) -> Points:
    """Return the landmarks with both eyes moved to the middles of their irises.

    They are returned as they are where no iris can be told: small faces, and heads that are turned away.
    Coordinates are as in `types`, counted from the corner of the first pixel.
    """
    first, second = landmarks[:2]
    if math.dist(first, second) < LEAST_APART:
        return landmarks
    nose = apply(inverse(_from_units(first, second)), landmarks[2:3])[0]
    if abs(nose[0]) > MOST_TURNED:
        return landmarks
    moved = landmarks.copy()
    for room in ROOMS:
        to_photo = _from_units(*moved[:2])
        moved[:2] = [_iris(pixels, to_photo, side, room) for side in (-0.5, 0.5)]
    return moved


def _from_units(first: Point, second: Point) -> Matrix:
    """Return the matrix from face units to the photo's pixels."""
    across, down = second - first
    return np.column_stack([np.array([[across, -down], [down, across]]), (first + second) / 2])


def _iris(pixels: Pixels, to_photo: Matrix, side: float, room: tuple[float, float]) -> Point:
    """Return the middle of the iris that is nearest to being a dark disc, in the photo's pixels."""
    scale = WINDOW / SIDE
    linear = to_photo[:, :2] * scale
    corner = to_photo[:, :2] @ np.array([side - WINDOW / 2, -WINDOW / 2]) + to_photo[:, 2]
    # `warp` counts from the middles of pixels.
    half = np.array([0.5, 0.5])
    centred = np.column_stack([linear, corner + linear @ half - half])
    grey = _smoothed(warp(pixels, centred, SIDE) @ LUMA)
    across, down = (round(share * SIDE / WINDOW) for share in room)
    middle = SIDE // 2
    columns, rows = np.meshgrid(
        np.arange(middle - across, middle + across + 1),
        np.arange(middle - down, middle + down + 1),
    )
    votes = _votes(grey, columns, rows) * _darkness(grey)[rows, columns] ** 2
    if not votes.any():
        return _moved(to_photo[:, :2], np.array([side, 0.0]), to_photo[:, 2])
    best = int(votes.argmax())
    near = np.hypot(columns - columns.flat[best], rows - rows.flat[best]) <= PEAK / scale
    weight = np.where(near, votes - votes[near].min(), 0.0) + near * 1e-9 * votes.max()
    found = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    return _moved(linear, found + half, corner)


def _moved(linear: Float[np.ndarray, "2 2"], point: Point, shift: Point) -> Point:
    moved: Point = linear @ point + shift
    return moved


def _votes(grey: Grey, columns: Places, rows: Places) -> Grey:
    """Return for each place how much of the edges around it point away from it, to the lighter side.

    Edges that stand upright count most: those of the lids lie.
    """
    down, across = np.gradient(grey)
    steep = np.hypot(across, down)
    strong = steep > steep.mean() + 0.3 * steep.std()
    y, x = np.nonzero(strong)
    a, b = across[strong] / steep[strong], down[strong] / steep[strong]
    dx, dy = x - columns[..., None], y - rows[..., None]
    far = np.hypot(dx, dy) + 1e-9
    outward = np.maximum((dx * a + dy * b) / far, 0.0) ** 2 * np.abs(a)
    least, most = (share * SIDE / WINDOW for share in RIM)
    votes: Grey = np.where((far > least) & (far < most), outward, 0.0).sum(axis=-1)
    return votes


def _darkness(grey: Grey) -> Grey:
    """Return for each place how dark the disc around it is."""
    reach = int(DISC * SIDE / WINDOW)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.argwhere(rows**2 + columns**2 <= reach**2)
    framed = np.pad(grey, reach, mode="edge")
    total = np.zeros_like(grey)
    for y, x in disc:
        total += framed[y : y + grey.shape[0], x : x + grey.shape[1]]
    return 255.0 - total / len(disc)


def _smoothed(grey: Grey) -> Grey:
    for axis in (0, 1):
        room = [(2, 2) if axis == one else (0, 0) for one in (0, 1)]
        framed = np.pad(grey, room, mode="edge")
        size = grey.shape[axis]
        grey = np.zeros_like(grey)
        for at, weight in enumerate(SMOOTH):
            grey += weight * np.take(framed, range(at, at + size), axis=axis)
    return grey
