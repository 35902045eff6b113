"""The pictures of a video file, one after the other, within limits; nothing else of it is read.

Only a worker that was started for one video imports this: it opens FFmpeg, which OpenCV brings along.
Which containers and codecs FFmpeg may open, and that it may follow no address in a file, is said by
the worker's environment (`process.ENVIRONMENT`).
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from countenance.errors import VideoRejected
from countenance.faces.picture import PNG_EFFORT
from countenance.faces.reel import Place, VideoLimits, check_bytes

Pixels = UInt8[np.ndarray, "_ _ 3"]

USUAL_RATE = 25.0
FASTEST, SLOWEST = 1000.0, 0.1
SHORTER = 0.9
"""A video of which less than this share could be decoded is called incomplete."""

SEEK_BACK = 5.0
SEEK_FRAMES = 2000
ENCRYPTED = re.compile(rb"stsd.{12}enc[va]", re.DOTALL)
NOTHING = "No picture of this video can be decoded: it is only sound, or damaged, or cut off."
TOO_NEW = frozenset({"AV01", "av01"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One decoded picture: upright RGB, and where it stands."""

    number: int
    seconds: float
    stamp: int
    pixels: Pixels

    @property
    def place(self) -> Place:
        """Return what it takes to find this picture again."""
        return Place(
            number=self.number,
            seconds=round(self.seconds, 3),
            stamp=self.stamp,
            sha256=digest(self.pixels),
        )


def digest(pixels: Pixels) -> str:
    """Return the hash of a picture's pixels and size."""
    hashed = hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode())
    hashed.update(np.ascontiguousarray(pixels).data)
    return hashed.hexdigest()


class Video:
    """A video file in memory, opened at its first picture."""

    def __init__(self, data: bytes, limits: VideoLimits) -> None:
        """Open the file and check what it says of itself.

        Raises:
            VideoRejected: it is no video that can be read, or over a limit.
        """
        self._data, self._limits = data, limits
        self._sources: list[io.BytesIO] = []
        check_bytes(data, limits)
        if ENCRYPTED.search(data):
            raise VideoRejected(
                "The video is encrypted. Ask whoever gave it to you for a copy that is not."
            )
        self._capture = self._open()
        self.codec = self._codec()
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.rate = self._rate()
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.said = count / self.rate if math.isfinite(count) and count > 0 else 0.0
        self.decoded, self.seconds = 0, 0.0
        self._check()

    @property
    def complete(self) -> bool:
        """Say whether about as much was decoded as the file says that it has."""
        return self.seconds + 1 >= SHORTER * self.said

    def frames(self) -> Iterator[Frame]:
        """Yield pictures that are `apart`, from the first one on; everything between is decoded too.

        Raises:
            VideoRejected: it goes on beyond a limit, or no picture can be decoded at all.
        """
        due = 0.0
        for seconds in self._decode():
            if seconds < due:
                continue
            yield self._frame(seconds)
            due = seconds + self._limits.apart
        if not self.decoded:
            raise VideoRejected(NOTHING)

    def find(self, place: Place) -> Frame:
        """Return the very picture that stood at a place.

        Raises:
            VideoRejected: the file has no such picture.
        """
        # A jump costs a second where the whole way costs a minute, and the hash tells if it led astray.
        found = self._jump(place) or self._walk(place)
        if found is None:
            raise VideoRejected("The video has no such picture any more.")
        return found

    def _open(self) -> cv2.VideoCapture:
        # What OpenCV wants is said too narrowly in its stubs. It reads from it until the very end, without
        # holding on to it, so that is done here.
        source: Any = io.BytesIO(self._data)
        self._sources.append(source)
        try:
            capture: cv2.VideoCapture = cv2.VideoCapture(
                source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]
            )
        except cv2.error as error:
            raise VideoRejected(NOTHING) from error
        if not capture.isOpened():
            raise VideoRejected(NOTHING)
        return capture

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        name = code.to_bytes(4, "little").decode("latin-1")
        return name if name.isascii() and name.isprintable() else ""

    def _rate(self) -> float:
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if math.isfinite(rate) and SLOWEST <= rate <= FASTEST else USUAL_RATE

    def _check(self) -> None:
        if self.codec in TOO_NEW:
            raise VideoRejected(
                "The video is in AV1, which is not read here. Convert it to H.264 first."
            )
        if min(self.width, self.height) <= 0:
            raise VideoRejected(NOTHING)
        self._check_size(self.width, self.height)
        self._check_length(self.said)

    def _check_size(self, width: int, height: int) -> None:
        limits = self._limits
        if max(width, height) > limits.side or width * height > limits.pixels:
            raise VideoRejected(
                f"The video's pictures are {width} x {height} px; at most {limits.side} px a side and "
                f"{limits.pixels / 1e6:.0f} megapixels are read."
            )

    def _check_length(self, seconds: float) -> None:
        most = self._limits.seconds
        if seconds > most:
            raise VideoRejected(
                f"The video is longer than {most / 60:.0f} minutes. Cut out the part that matters, keep "
                "the original, and add the part."
            )

    def _decode(self) -> Iterator[float]:
        """Decode picture after picture; yield the seconds of each, which only grow."""
        limits = self._limits
        first: float | None = None
        last = -1.0 / self.rate
        while self._capture.grab():
            if self.decoded >= limits.frames:
                raise VideoRejected(
                    f"The video has more than {limits.frames} pictures. Cut out a part."
                )
            if self.decoded * self.width * self.height > limits.decoded:
                raise VideoRejected("The video has too many pixels in all. Cut out a part.")
            told = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            first = told if first is None and math.isfinite(told) else first
            at = told - (first or 0.0)
            # Clocks in files stand still, run back or are no numbers; then the usual step is taken.
            last = at if math.isfinite(at) and at > last else last + 1 / self.rate
            self._check_length(last)
            self.decoded += 1
            self.seconds = last
            yield last

    def _frame(self, seconds: float) -> Frame:
        stamp = self._capture.get(cv2.CAP_PROP_PTS)
        return Frame(
            number=self.decoded - 1,
            seconds=seconds,
            stamp=int(stamp) if math.isfinite(stamp) else 0,
            pixels=self._pixels(),
        )

    def _pixels(self) -> Pixels:
        read, pixels = self._capture.retrieve()
        if not read or pixels.ndim != 3:  # noqa: PLR2004 # rows, columns, colours
            raise VideoRejected(NOTHING)
        height, width = pixels.shape[:2]
        self._check_size(width, height)
        self.width, self.height = width, height
        upright: Pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        return upright

    def _jump(self, place: Place) -> Frame | None:
        """Return the picture if it is found from shortly before its time on."""
        if place.seconds <= SEEK_BACK:
            return None
        start = (place.seconds - SEEK_BACK) * 1000
        if not self._capture.set(cv2.CAP_PROP_POS_MSEC, start):
            return None
        for _ in range(SEEK_FRAMES):
            if not self._capture.grab():
                return None
            stamp = self._capture.get(cv2.CAP_PROP_PTS)
            if not math.isfinite(stamp) or stamp < place.stamp:
                continue
            if stamp > place.stamp:
                return None
            return self._known(place)
        return None

    def _walk(self, place: Place) -> Frame | None:
        """Return the picture by its number, from the beginning."""
        self._capture = self._open()
        self.decoded = 0
        for _ in self._decode():
            if self.decoded - 1 == place.number:
                return self._known(place)
        return None

    def _known(self, place: Place) -> Frame | None:
        pixels = self._pixels()
        if digest(pixels) != place.sha256:
            return None
        return Frame(number=place.number, seconds=place.seconds, stamp=place.stamp, pixels=pixels)


def to_png(pixels: Pixels) -> bytes:
    """Return a picture as a PNG: every pixel as it was decoded, and nothing else of the video."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", compress_level=PNG_EFFORT)
    return target.getvalue()
