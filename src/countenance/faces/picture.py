"""Pictures for people: crops of heads, and photos with bystanders blurred."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, ImageFilter

from countenance.errors import ImageRejected
from countenance.faces.align import shrink, warp
from countenance.faces.types import CROP_SIDE

Pixels = UInt8[np.ndarray, "_ _ 3"]
Curve = UInt8[np.ndarray, " 256"]
Box = tuple[float, float, float, float]

CROP_ROOM = 1.6
GREY = (128, 128, 128)
QUALITY = 85
LAID_BYTES = 500_000
"""No more bytes than this take pictures of faces on a canvas, so that one length fits all (`padding`)."""
LESS = (75, 65, 55, 45, 35, 25)
"""Qualities that are tried in turn where a picture takes more, as with much noise."""
PNG_EFFORT = 1
CUT_PIXELS = 20_000_000
MIDDLE = 0.5
STEP = math.sqrt(2)
"""How much one step of brightness or contrast is, in the exponent of its curve."""

EYE_ROOM = 0.3
"""So much of the distance of the eyes is kept clear around eyes and mouth: both eyes whole, no neighbour."""
BLUR_ROOM = 1.3
BLUR_CELLS = 5
"""A blurred face keeps this many averages a side: too few to tell one person from another."""


def head_crop(pixels: Pixels, box: Box, roll: float) -> bytes:
    """Return a loose square JPEG of a head, turned upright by quarters; grey outside the photo."""
    x, y, width, height = box
    scale = CROP_ROOM * max(width, height) / CROP_SIDE
    turn = round(roll / 90) % 4
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
    linear = scale * np.array([[cos, -sin], [sin, cos]], float)
    centre = np.array([x + width / 2, y + height / 2])
    shift = centre - linear @ np.full(2, CROP_SIDE / 2)
    return to_jpeg(warp(pixels, np.column_stack([linear, shift]), CROP_SIDE, GREY))


def eyes_to_mouth(landmarks: Sequence[Sequence[float]]) -> Box | None:
    """Return the box of a face from its eyes to its mouth, the eyes whole; None without landmarks."""
    if not landmarks:
        return None
    points = np.asarray(landmarks, np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    room = EYE_ROOM * float(np.linalg.norm(points[1] - points[0]))
    x, y = low - room
    across, down = high - low + 2 * room
    return float(x), float(y), float(across), float(down)


def blurred(pixels: Pixels, boxes: Iterable[Box], *, keep: Box | None = None) -> Pixels:
    """Return the photo with each box replaced by a few averages, smoothed.

    What is left of a face is `BLUR_CELLS` squared colours, so no sharpening brings it back.

    Args:
        pixels: the photo.
        boxes: of faces that nobody is to see.
        keep: what stays clear whatever lies over it: the face that is looked at, from its eyes to its
            mouth. Around that the boxes of the others count.
    """
    image = Image.fromarray(pixels)
    for x, y, width, height in boxes:
        centre_x, centre_y = x + width / 2, y + height / 2
        half_x, half_y = BLUR_ROOM * width / 2, BLUR_ROOM * height / 2
        left, top = max(0, int(centre_x - half_x)), max(0, int(centre_y - half_y))
        right = min(image.width, int(centre_x + half_x) + 1)
        bottom = min(image.height, int(centre_y + half_y) + 1)
        if right <= left or bottom <= top:
            continue
        region = image.crop((left, top, right, bottom))
        cells = region.resize((BLUR_CELLS, BLUR_CELLS), Image.Resampling.BOX)
        large = cells.resize(region.size, Image.Resampling.NEAREST)
        radius = max(region.size) / BLUR_CELLS / 2
        image.paste(large.filter(ImageFilter.GaussianBlur(radius)), (left, top))
    shown = np.array(image)
    if keep is not None:
        x, y, width, height = keep
        left, top = max(0, math.floor(x)), max(0, math.floor(y))
        right, bottom = max(0, math.ceil(x + width)), max(0, math.ceil(y + height))
        shown[top:bottom, left:right] = pixels[top:bottom, left:right]
    return shown


def rendered(
    pixels: Pixels,
    scale: tuple[float, float],
    long_side: int,
    boxes: Iterable[Box],
    *,
    keep: Box | None = None,
) -> bytes:
    """Return a photo for the screen: at most `long_side` px, boxes blurred, no metadata.

    Args:
        pixels: the upright photo, perhaps already at a smaller scale.
        scale: photo pixels per pixel of `pixels`, across and down.
        long_side: of the result.
        boxes: in pixels of the full upright photo, like `keep`.
        keep: stays clear, as in `blurred`.
    """
    small = shrink(pixels, long_side)
    across = small.shape[1] / (pixels.shape[1] * scale[0])
    down = small.shape[0] / (pixels.shape[0] * scale[1])
    placed = _scaled(boxes, across, down)
    clear = None if keep is None else _scaled([keep], across, down)[0]
    return to_jpeg(blurred(small, placed, keep=clear) if placed else small)


def _scaled(boxes: Iterable[Box], across: float, down: float) -> list[Box]:
    return [(x * across, y * down, w * across, h * down) for x, y, w, h in boxes]


def laid(
    pixels: Pixels,
    scale: tuple[float, float],
    to_photo: Sequence[float],
    size: tuple[int, int],
    boxes: Iterable[Box],
    *,
    keep: Box | None = None,
) -> bytes:
    """Return a JPEG of `size` whose point p shows the photo where `to_photo` takes p, grey outside of it.

    Its quality is lowered in steps until it takes no more than `LAID_BYTES`, if that helps.

    Args:
        pixels: the upright photo, perhaps already at a smaller scale.
        scale: photo pixels per pixel of `pixels`, across and down.
        to_photo: a, b, c, d, e, f as in SVG, from the picture to the full upright photo; both are counted
            from the corner of the first pixel.
        size: width and height of the picture.
        boxes: in pixels of the full upright photo; blurred.
        keep: likewise; stays clear, as in `blurred`.
    """
    a, b, c, d, e, f = to_photo
    across, down = scale
    linear = np.array([[a / across, c / across], [b / down, d / down]])
    # `warp` counts from the middles of pixels.
    half = np.array([0.5, 0.5])
    shift = np.array([e / across, f / down]) + linear @ half - half
    placed = _scaled(boxes, 1 / across, 1 / down)
    clear = None if keep is None else _scaled([keep], 1 / across, 1 / down)[0]
    shown = blurred(pixels, placed, keep=clear) if placed else pixels
    canvas = warp(shown, np.column_stack([linear, shift]), size, GREY)
    found = to_jpeg(canvas)
    for quality in LESS:
        if len(found) <= LAID_BYTES:
            break
        found = to_jpeg(canvas, quality)
    return found


def cut_out(
    pixels: Pixels,
    box: tuple[int, int, int, int] | None,
    quarter_turns: int,
    *,
    brightness: int = 0,
    contrast: int = 0,
) -> bytes:
    """Return a part of a photo, turned clockwise by quarters, as a PNG; every pixel is the photo's own.

    With `brightness` or `contrast`, in steps, each value of each channel goes through one curve, the same
    for the whole photo: which of two pixels is the lighter one stays as it was.

    Raises:
        ImageRejected: the box lies outside of the photo, or holds too much of it.
    """
    if box is not None:
        x, y, width, height = box
        inside = 0 <= x < x + width <= pixels.shape[1] and 0 <= y < y + height <= pixels.shape[0]
        if not inside:
            detail = "The part lies outside of the photo."
            raise ImageRejected(detail)
        pixels = pixels[y : y + height, x : x + width]
    if pixels.shape[0] * pixels.shape[1] > CUT_PIXELS:
        detail = f"At most {CUT_PIXELS / 1e6:.0f} megapixels are kept without loss; choose a smaller part."
        raise ImageRejected(detail)
    if brightness or contrast:
        pixels = light_curve(brightness, contrast)[pixels]
    turned = np.ascontiguousarray(np.rot90(pixels, -quarter_turns))
    target = io.BytesIO()
    Image.fromarray(turned).save(target, "PNG", compress_level=PNG_EFFORT)
    return target.getvalue()


def turned_box(box: Box, part: Box, quarter_turns: int) -> Box:
    """Return where a box of a photo lies in what `cut_out` makes of it, also if that is outside."""
    x, y, width, height = box[0] - part[0], box[1] - part[1], box[2], box[3]
    across, down = part[2:]
    for _ in range(quarter_turns % 4):
        x, y, width, height = down - y - height, x, height, width
        across, down = down, across
    return x, y, width, height


def light_curve(brightness: int, contrast: int) -> Curve:
    """Return what becomes of each value from 0 to 255; black stays black, white stays white.

    Brightness is a gamma curve, contrast one that is steeper (or flatter) in the middle; each step is the
    square root of two in the exponent, so that a step back is the opposite curve.
    """
    value = (np.arange(256) / 255) ** STEP**-brightness
    power = STEP**contrast
    # Two halves of one curve that meet in the middle: dark values, and light ones upside down.
    dark = (2 * np.minimum(value, MIDDLE)) ** power / 2
    light = (2 * (1 - np.maximum(value, MIDDLE))) ** power / 2
    return np.round(255 * np.where(value < MIDDLE, dark, 1 - light)).astype(np.uint8)


def to_jpeg(pixels: Pixels, quality: int = QUALITY) -> bytes:
    """Return the pixels as a JPEG without metadata."""
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
        )
    )
