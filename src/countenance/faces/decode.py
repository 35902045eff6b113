"""Bytes of a photo to upright RGB pixels, within limits; nothing else of the file is kept.

Pillow reads the header of every file first: format, size and mode are known, and checked against
the limits, before a pixel is decoded. Plain JPEG then goes to TurboJPEG in strict mode (Pillow and
others decode damaged JPEG to garbage without a word), everything else stays with Pillow.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
import pi_heif
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from countenance.errors import ImageRejected
from countenance.faces.limits import Limits

Pixels = UInt8[np.ndarray, "_ _ 3"]

pi_heif.register_heif_opener(thumbnails=False)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "HEIF", "AVIF", "BMP")
READABLE = "JPEG, PNG, WebP, TIFF, GIF, HEIC, AVIF or BMP"
DECODE_SIDE = 1280
"""The long side stays at least this long when a large photo is decoded at 1/2, 1/4 or 1/8."""

ORIENTATION = 0x0112
SIDEWAYS = range(5, 9)
JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
WEBP_HEADER = 10
MAX_BYTE = 255


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """An upright photo.

    Attributes:
        pixels: RGB, perhaps at a smaller scale.
        width, height: of the full upright photo.
        factor: how many pixels of the photo one pixel here stands for: 1, 2, 4 or 8.
        format: what the content is, whatever the file was called.
    """

    pixels: Pixels
    width: int
    height: int
    factor: int
    format: str


def decode(data: bytes, limits: Limits, long_side: int = DECODE_SIDE) -> Decoded:
    """Return the first frame of a photo, upright, at least `long_side` long if it has that much.

    Raises:
        ImageRejected: not a photo of a known format, over a limit, or damaged.
    """
    _check_bytes(data, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decode(data, limits, long_side)
    except ImageRejected:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        msg = "The photo has too many pixels."
        raise ImageRejected(msg) from error
    except MemoryError as error:
        msg = "Decoding the photo needs more memory than is allowed."
        raise ImageRejected(msg) from error
    except UnidentifiedImageError as error:
        raise ImageRejected(_unknown()) from error
    except Exception as error:
        # Decoders answer hostile bytes with all kinds of exceptions; each means the same here.
        msg = "The photo is damaged or incomplete: it cannot be decoded to the end."
        raise ImageRejected(msg) from error


def _unknown() -> str:
    return f"This is not a photo in a format that is read here ({READABLE})."


def _check_bytes(data: bytes, limits: Limits) -> None:
    if not data:
        msg = "The file is empty."
        raise ImageRejected(msg)
    if len(data) > limits.file_bytes:
        msg = (
            f"The file has {len(data) / 1e6:.0f} MB; "
            f"at most {limits.file_bytes / 1e6:.0f} MB are read."
        )
        raise ImageRejected(msg)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        # Pillow's reader allocates the whole canvas on opening, so the size is read here first.
        _check_size(*_webp_size(data), limits.pixels, limits)
    if data.startswith(PNG_START):
        _check_png(data)


def _check_png(data: bytes) -> None:
    """Check the sums of the parts that hold pixels, which Pillow passes over."""
    at = len(PNG_START)
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        end = at + 8 + length
        if name == b"IDAT" and data[end : end + 4] != zlib.crc32(
            memoryview(data)[at + 4 : end]
        ).to_bytes(4, "big"):
            msg = "The photo is damaged or incomplete: a check sum in it is wrong."
            raise ImageRejected(msg)
        at = end + 4


def _webp_size(data: bytes) -> tuple[int, int]:
    kind, body = data[12:16], data[20:30]
    if len(body) < WEBP_HEADER:
        msg = "The photo is damaged or incomplete: its header ends early."
        raise ImageRejected(msg)
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _check_size(width: int, height: int, pixels: int, limits: Limits) -> None:
    if max(width, height) > limits.side:
        msg = f"The photo is {width} x {height} px; at most {limits.side} px a side are read."
        raise ImageRejected(msg)
    if width * height > pixels:
        msg = (
            f"The photo has {width * height / 1e6:.0f} megapixels; "
            f"at most {pixels / 1e6:.0f} are read in this format."
        )
        raise ImageRejected(msg)
    if min(width, height) < limits.min_side:
        msg = (
            f"The photo is {width} x {height} px; at least {limits.min_side} px a side are needed."
        )
        raise ImageRejected(msg)


def _decode(data: bytes, limits: Limits, long_side: int) -> Decoded:
    Image.MAX_IMAGE_PIXELS = max(limits.jpeg_pixels, limits.pixels)
    with Image.open(io.BytesIO(data), formats=FORMATS) as photo:
        jpeg = photo.format in ("JPEG", "MPO")
        _check_size(*photo.size, limits.jpeg_pixels if jpeg else limits.pixels, limits)
        name = "JPEG" if jpeg else photo.format or ""
        factor = _factor(max(photo.size), long_side)
        if jpeg and photo.mode in ("RGB", "L") and data.startswith(JPEG_START):
            width, height = photo.size
            orientation = _orientation(photo)
            pixels = _turbo(data, width, height, factor)
        else:
            width, height = photo.size
            if jpeg:
                # Pillow's own way to decode a JPEG (here CMYK) at 1 / factor.
                photo.draft(None, (-(-width // factor), -(-height // factor)))
            photo.load()
            if not jpeg:
                # TIFF turns itself upright on loading.
                width, height = photo.size
            orientation = _orientation(photo)
            pixels = _rgb(photo, 1 if jpeg else factor)
    upright = turn_upright(pixels, orientation)
    if orientation in SIDEWAYS:
        width, height = height, width
    return Decoded(pixels=upright, width=width, height=height, factor=factor, format=name)


def _factor(side: int, long_side: int) -> int:
    """Return the largest of 1, 2, 4 and 8 that leaves `long_side`; other scales cost more."""
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or side >= long_side * factor)


def _orientation(photo: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; a broken EXIF block says nothing.

    In HEIC it is for information only: the turn is a property of the image there, and applied.
    """
    try:
        value = photo.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow raises many kinds here, and none matters.
        return 1
    return value if value in range(1, 9) else 1


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels with EXIF's orientation (1 to 8) applied."""
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation](pixels)
    return np.ascontiguousarray(turned)


def _turbo(data: bytes, width: int, height: int, factor: int) -> Pixels:
    """Return a JPEG's pixels at 1 / factor; any doubt of the decoder is an error."""
    pixels: Pixels = simplejpeg.decode_jpeg(
        data,
        "RGB",
        min_height=-(-height // factor),
        min_width=-(-width // factor),
        min_factor=factor,
        strict=True,
    )
    return pixels


def _rgb(photo: Image.Image, factor: int) -> Pixels:
    """Return a loaded photo as RGB: reduced, transparency on white, deep greys scaled down."""
    if photo.mode == "F":
        msg = "The photo's pixels are fractions, which no camera writes; save it as 8 or 16 bit."
        raise ImageRejected(msg)
    if photo.mode.startswith("I"):
        deep = np.asarray(photo)
        shift = 8 if photo.mode != "I" or int(deep.max(initial=0)) > MAX_BYTE else 0
        photo = Image.fromarray((deep >> shift).clip(0, 255).astype(np.uint8))
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
    elif photo.mode in ("1", "P", "LA", "La", "PA", "RGBa"):
        photo = photo.convert("RGB")
    if factor > 1:
        photo = photo.reduce(factor)
    if photo.mode == "RGBA":
        ground = Image.new("RGBA", photo.size, "white")
        ground.alpha_composite(photo)
        photo = ground
    return np.asarray(photo.convert("RGB"))
