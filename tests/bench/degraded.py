"""Worse photos made of good ones: smaller, blurred, turned, darker and compressed, in memory.

These are declared synthetic degradations. Several of one photo share its moment, light and expression,
so they are not independent photos: what fusing them gains is the least that fusing gains.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance, ImageFilter

if TYPE_CHECKING:
    import numpy as np

GREY = (128, 128, 128)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What is done to a photo, in this order; the defaults leave it as it is.

    Attributes:
        turned: degrees, anticlockwise; the corners turn grey.
        width: in pixels, to which the photo is scaled down; 0 leaves it.
        blur: radius in pixels of the scaled photo.
        light: 1 is as it was, 0 is black.
        noise: standard deviation of the pixels' noise, of 255.
        jpeg: quality of the compression.
    """

    turned: float = 0.0
    width: int = 0
    blur: float = 0.0
    light: float = 1.0
    noise: float = 0.0
    jpeg: int = 92


def damaged(photo: bytes, damage: Damage, random: np.random.Generator) -> bytes:
    """Return the photo, worse, as a JPEG."""
    with Image.open(io.BytesIO(photo)) as opened:
        picture = opened.convert("RGB")
    if damage.turned:
        picture = picture.rotate(damage.turned, Image.Resampling.BICUBIC, fillcolor=GREY)
    if damage.width:
        height = round(picture.height * damage.width / picture.width)
        picture = picture.resize((damage.width, height), Image.Resampling.LANCZOS)
    if damage.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(damage.blur))
    if damage.light != 1:
        picture = ImageEnhance.Brightness(picture).enhance(damage.light)
    if damage.noise:
        picture = _noisy(picture, damage.noise, random)
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=damage.jpeg)
    return held.getvalue()


def drawn(random: np.random.Generator) -> Damage:
    """Return some damage as footage and old copies have it; a third of the photos stay fair."""
    if random.random() < 1 / 3:
        return Damage(width=int(random.integers(110, 220)), jpeg=int(random.integers(60, 92)))
    return Damage(
        turned=float(random.uniform(-25, 25)),
        width=int(random.integers(60, 110)),
        blur=float(random.uniform(0, 1.2)),
        light=float(random.uniform(0.25, 1)),
        noise=float(random.uniform(0, 10)),
        jpeg=int(random.integers(35, 85)),
    )


def _noisy(picture: Image.Image, deviation: float, random: np.random.Generator) -> Image.Image:
    import numpy as np

    pixels = np.asarray(picture, np.float32)
    noise = random.standard_normal(pixels.shape, dtype=np.float32) * deviation
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
