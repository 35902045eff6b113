"""JPEGs of one length, so that the bytes on the wire do not say how much there is to see in a photo."""

from __future__ import annotations

import hashlib

APP0 = b"\xff\xe0"
COMMENT = b"\xff\xfe"
START = 2
"""Bytes of the marker that every JPEG begins with."""
HEAD = 4
"""Bytes of a segment before its content: its marker, and its length."""
LONGEST = 2 + 0xFFFF
"""Bytes of the longest segment: its length is written in two bytes, which count themselves."""


def padded(jpeg: bytes, size: int) -> bytes:
    """Return a JPEG of the same pixels that takes `size` bytes, or a multiple of that if it takes more.

    Comments fill it up, which every decoder leaves out. What stands in them is drawn from the picture itself:
    nothing makes it shorter on the way, and the same picture is the same bytes whenever it is sent.
    """
    missing = -len(jpeg) % size
    if 0 < missing < HEAD:
        missing += size
    count = -(-missing // LONGEST)
    filling = hashlib.shake_256(jpeg).digest(missing)
    segments = []
    for number in range(count):
        begin, end = (missing * edge // count for edge in (number, number + 1))
        length = (end - begin - len(COMMENT)).to_bytes(2, "big")
        segments.append(COMMENT + length + filling[begin + HEAD : end])
    place = _after_header(jpeg)
    return jpeg[:place] + b"".join(segments) + jpeg[place:]


def _after_header(jpeg: bytes) -> int:
    """Return where comments may stand: behind the JFIF header, which has to be the first segment."""
    if jpeg[START : START + len(APP0)] != APP0:
        return START
    length = START + len(APP0)
    return length + int.from_bytes(jpeg[length : length + 2], "big")
