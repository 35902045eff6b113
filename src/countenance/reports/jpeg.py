"""A photo's bytes as they go onto paper: a JPEG that our own engine has just made, and its size.

Nothing is taken out of it here: the engine writes pixels and no metadata, and no other photo gets here.
"""

from __future__ import annotations

from dataclasses import dataclass

import simplejpeg

from countenance.errors import ImageRejected
from countenance.reports.paper import Photo

# More costs seconds and shows nothing more on a page of this size.
MOST_BYTES = 2_000_000


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
        ImageRejected: as `size_of`, or the crop lies outside of the photo.
    """
    (wide, high), square = size_of(photo.jpeg), None
    if photo.crop is not None:
        x, y, width, height = photo.crop
        inside = -width < x < wide and -height < y < high
        if not (inside and width >= 1 and height >= 1):
            raise ImageRejected("The part of a photo that is shown large lies in the photo.")
        side = max(width, height)
        square = (x + (width - side) / 2, y + (height - side) / 2, side, side)
    return Framed(jpeg=photo.jpeg, width=wide, height=high, square=square)


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and height of a JPEG in pixels; none is decoded here.

    Raises:
        ImageRejected: it is no JPEG, or is too large for a report.
    """
    if len(data) > MOST_BYTES:
        raise ImageRejected("A photo on a report has at most 2 MB; render it smaller.")
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        raise ImageRejected("A photo on a report is a JPEG that can be read.") from None
    return int(width), int(height)
