"""Photos for benchmarks: made in memory from the shared people, in the mix that collections have.

The 82 photos of the design measurements are not available. Of twenty photos here, 14 are portraits
of 512 px, 3 show four people at 1024 px, 2 are portraits of up to 1.8 megapixels, and one has 8 megapixels:
1.45 faces a photo, which is close to the 1.5 of the design measurements. Each is cropped and encoded
anew, so no two are equal.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

MIX = 20
CAMERA = (2448, 3264)
SIDE = 512


def photos(shared: Path, count: int, *, seed: int = 2026) -> list[bytes]:
    """Return JPEGs, no two alike."""
    random = np.random.default_rng(seed)
    people = sorted(shared.glob("frl-london-512/*/*.jpg"))
    large = sorted(shared.glob("webmorph-*/*/*.jpg"))
    made = []
    for number in range(count):
        kind = number % MIX
        if kind < 14:
            picture = _cropped(_open(random, people), random)
        elif kind < 17:
            picture = _four(random, people)
        elif kind < 19:
            picture = _cropped(_open(random, large), random)
        else:
            picture = _cropped(_open(random, large), random).resize(CAMERA)
        made.append(_jpeg(picture, int(random.integers(75, 96))))
    return made


def empty(count: int, *, size: tuple[int, int], seed: int = 2026) -> list[bytes]:
    """Return JPEGs of this size that show nobody, no two alike."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        colours = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        made.append(_jpeg(Image.fromarray(colours).resize(size, Image.Resampling.BILINEAR), 80))
    return made


def unlike(photo: bytes, number: int) -> bytes:
    """Return the same picture as another file: a numbered comment is put into it."""
    comment = f"bench {number}".encode()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def _open(random: np.random.Generator, paths: list[Path]) -> Image.Image:
    with Image.open(paths[int(random.integers(len(paths)))]) as picture:
        return picture.convert("RGB")


def _cropped(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = random.uniform(0, 0.06, 4)
    return picture.crop(
        (
            int(left * width),
            int(top * height),
            int((1 - right) * width),
            int((1 - bottom) * height),
        )
    )


def _four(random: np.random.Generator, paths: list[Path]) -> Image.Image:
    canvas = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for place in range(4):
        one = _open(random, paths).resize((SIDE, SIDE))
        canvas.paste(one, (place % 2 * SIDE, place // 2 * SIDE))
    return canvas


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=quality)
    return held.getvalue()
