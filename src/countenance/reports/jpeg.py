"""A photo's bytes as they go onto paper: a JPEG of known size that carries nothing but its picture."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.errors import ImageRejected
from countenance.reports.paper import Photo

FIRST, SOI, EOI, SOS = 0xFF, 0xD8, 0xD9, 0xDA
STUFFED, FIRST_RESTART, LAST_RESTART = 0x00, 0xD0, 0xD7
# All kinds of frames; C4, C8 and CC are tables and an extension.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Where cameras and programs put places, names and thumbnails. JFIF (E0) and Adobe's colours (EE) stay.
DROPPED = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))
# More costs seconds and shows nothing more on a page of this size.
MOST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg:
    """A JPEG without metadata, and its size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A photo, its size in pixels, and x, y, side and side of the square that is shown large."""

    jpeg: bytes
    width: int
    height: int
    square: tuple[float, float, float, float] | None


def frame(photo: Photo) -> Framed:
    """Return a photo with the square around its crop, so that all faces are shown alike.

    Raises:
        ImageRejected: as `read_jpeg`, or the crop lies outside of the photo.
    """
    jpeg, square = read_jpeg(photo.jpeg), None
    if photo.crop is not None:
        x, y, width, height = photo.crop
        inside = -width < x < jpeg.width and -height < y < jpeg.height
        if not (inside and width >= 1 and height >= 1):
            raise ImageRejected("The part of a photo that is shown large lies in the photo.")
        side = max(width, height)
        square = (x + (width - side) / 2, y + (height - side) / 2, side, side)
    return Framed(jpeg=jpeg.data, width=jpeg.width, height=jpeg.height, square=square)


def read_jpeg(data: bytes) -> Jpeg:
    """Return a JPEG without what was written into it or behind it, and its size.

    No pixel is decoded here.

    Raises:
        ImageRejected: it is no JPEG, is not whole, or is too large for a report.
    """
    if len(data) > MOST_BYTES:
        raise ImageRejected("A photo on a report has at most 2 MB; render it smaller.")
    if not data.startswith(bytes((FIRST, SOI))):
        raise ImageRejected("A photo on a report is a JPEG.")
    kept, size, at = [data[:2]], (0, 0), 2
    try:
        while _marker(data, at) != EOI:
            marker, end = data[at + 1], _end_of_segment(data, at)
            if marker in FRAMES:
                size = (_number(data, at + 7), _number(data, at + 5))
            if marker not in DROPPED:
                kept.append(data[at:end])
            at = end
    except IndexError:
        raise _broken() from None
    if min(size) < 1:
        raise _broken()
    return Jpeg(data=b"".join((*kept, data[at : at + 2])), width=size[0], height=size[1])


def _marker(data: bytes, at: int) -> int:
    if data[at] != FIRST:
        raise _broken()
    return data[at + 1]


def _end_of_segment(data: bytes, at: int) -> int:
    """Return where a segment ends, its coded pixels included."""
    end = at + 2 + _number(data, at + 2)
    if end < at + 4 or end > len(data):
        raise _broken()
    return _end_of_scan(data, end) if data[at + 1] == SOS else end


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker stands that ends coded pixels."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise _broken()
        following = data[at + 1]
        if following == STUFFED or FIRST_RESTART <= following <= LAST_RESTART:
            at += 2
        elif following == FIRST:
            at += 1
        else:
            return at


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _broken() -> ImageRejected:
    return ImageRejected("A photo on a report cannot be read: its file is not whole.")
