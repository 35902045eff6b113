"""From a face in a photo to the square crop that an embedder was trained on."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "_ _ 3"]
Points = Float[np.ndarray, "_ 2"]
Matrix = Float[np.ndarray, "2 3"]

BLACK = (0, 0, 0)


def similarity_transform(source: Points, target: Points) -> Matrix:
    """Return the 2 x 3 matrix that takes `source` nearest to `target` by turn, scale and shift.

    Least squares; never a reflection. The screens use the same matrix to lay two faces over
    each other.

    Source: Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - source_mean, target - target_mean
    left, strength, right = np.linalg.svd(wanted.T @ centred / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = (left * signs) @ right
    variance = centred.var(axis=0).sum()
    scale = float(strength @ signs) / variance if variance > 0 else 1.0
    linear = scale * rotation
    return np.column_stack([linear, target_mean - linear @ source_mean])


def inverse(matrix: Matrix) -> Matrix:
    """Return the matrix that undoes `matrix`."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def apply(matrix: Matrix, points: Points) -> Points:
    """Return the points moved by the matrix."""
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def warp(
    pixels: Pixels,
    to_photo: Matrix,
    size: int | tuple[int, int],
    outside: tuple[int, int, int] = BLACK,
) -> Pixels:
    """Return a picture whose point p shows the photo at `to_photo` of p.

    `size` is its width and height in pixels, or the side of a square.

    Bilinear. Where the picture would skip photo pixels the photo is halved first, by area, as often
    as needed, so that fine detail is averaged instead of dropped. Coordinates are of pixel centres.
    """
    width, height = (size, size) if isinstance(size, int) else size
    linear = to_photo[:, :2]
    # Pillow counts from the corner of a pixel instead of its centre.
    shift = to_photo[:, 2] + 0.5 - linear @ np.array([0.5, 0.5])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T + shift
    scale = math.sqrt(abs(float(np.linalg.det(linear))))
    halvings = max(0, int(math.log2(scale))) if scale > 0 else 0
    margin = 2 << halvings
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + margin
    region = pixels[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
    if region.size == 0:
        return np.full((height, width, 3), outside, np.uint8)
    image = Image.fromarray(np.ascontiguousarray(region))
    factor = 1 << halvings
    if factor > 1:
        image = image.reduce(factor)
    a, b, c = (float(v) / factor for v in (*linear[0], shift[0] - low[0]))
    d, e, f = (float(v) / factor for v in (*linear[1], shift[1] - low[1]))
    square = image.transform(
        (width, height),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        resample=Image.Resampling.BILINEAR,
        fillcolor=outside,
    )
    return np.asarray(square)


def align(pixels: Pixels, landmarks: Points, wanted: Points, size: int) -> Pixels:
    """Return one face as the square crop in which its landmarks lie nearest to `wanted`."""
    return warp(pixels, inverse(similarity_transform(landmarks, wanted)), size)


def shrink(pixels: Pixels, long_side: int) -> Pixels:
    """Return the pixels at most `long_side` long: halved by area while far, then bilinear."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= long_side:
        return pixels
    image = Image.fromarray(pixels)
    halvings = int(math.log2(longest / long_side))
    if halvings:
        image = image.reduce(1 << halvings)
    ratio = long_side / longest
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
