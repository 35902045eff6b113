"""Small videos that are drawn for a test: coloured squares for faces, and eyes that see them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from countenance.faces.grouping import Seen
from countenance.faces.reel import Sighting
from countenance.faces.types import Face, Gate, Quality

WIDTH, HEIGHT, RATE = 160, 120, 10
GREY = (90, 90, 90)
SIDE = 24
COLOURS = {"red": (230, 40, 40), "green": (40, 220, 40), "blue": (40, 40, 230)}

Where = Callable[[float], dict[str, tuple[int, int]]]
"""From the second to who is where: the upper left corner of each square."""


def clip(
    folder,
    seconds: float,
    where: Where,
    *,
    codec: str = "mp4v",
    suffix: str = "mp4",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rate: int = RATE,
) -> bytes:
    """Return a video in which squares move."""
    path = folder / f"clip.{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, size)
    assert writer.isOpened()
    for number in range(round(seconds * rate)):
        frame = np.full((size[1], size[0], 3), GREY, np.uint8)
        for name, (x, y) in where(number / rate).items():
            frame[y : y + SIDE, x : x + SIDE] = COLOURS[name][::-1]
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def quality(**figures: object) -> Quality:
    """Return a good quality."""
    usual: dict = {
        "eye_distance": 40.0,
        "yaw": 0.0,
        "pitch": 0.0,
        "roll": 0.0,
        "sharpness": 0.5,
        "brightness": 120.0,
        "contrast": 50.0,
        "gate": Gate.GOOD,
        "reason": "",
    }
    return Quality(**usual | figures)


class SquareEyes:
    """Finds the coloured squares, and tells them apart by their colour."""

    def __init__(self) -> None:
        self.embedded = 0

    def find(self, frame):
        place, seen = frame.place, []
        for colour in COLOURS.values():
            near = np.abs(frame.pixels.astype(int) - colour).sum(axis=2) < 150
            rows, columns = np.nonzero(near)
            if len(rows) < SIDE:
                continue
            box = (
                float(columns.min()),
                float(rows.min()),
                float(np.ptp(columns) + 1),
                float(np.ptp(rows) + 1),
            )
            face = Face(box=box, landmarks=((0.0, 0.0),) * 5, score=0.9)
            sighting = Sighting(
                place=place, face=face, quality=quality(eye_distance=place.seconds), crop=b"a head"
            )
            crop = np.full((4, 4, 3), colour, np.uint8)
            seen.append(Seen(sighting=sighting, crop=crop))
        return seen, 0

    def embed(self, crops):
        self.embedded += len(crops)
        vectors = np.stack([crop[0, 0].astype(float) for crop in crops])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
