"""An engine for whose made-up photos there are drawings: what a browser shows are faces, and nobody's."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from drawn import PEOPLE, Drawn, draw_face
from PIL import Image

from countenance.faces.picture import blurred, head_crop, laid, to_jpeg
from countenance.faces.reel import Place, Reel
from countenance.faces.types import Analysis, Face
from countenance.testing import FakeEngine

SHOTS = {
    1: {"eyes": 108.0, "degrees": 1.0, "back": "#c9cdd2"},
    2: {"eyes": 92.0, "degrees": -5.0, "at": (0.53, 0.4), "back": "#b7bfc6"},
    3: {"eyes": 118.0, "degrees": 3.0, "back": "#d6d2ca"},
    9: {"eyes": 80.0, "degrees": 8.0, "at": (0.46, 0.46), "back": "#9aa09f"},
}
"""How the camera stood for each shot of a person; 9 is the probe's."""
WIDTH, HEIGHT = 600, 720
WIDE, HIGH, DOWN = 2.5, 3.1, 0.5
"""The box of a face, from the hairline to the chin, and its middle below the eyes; in face units."""
SEEN = (9, 3)
"""How each person of a video is seen, best first."""


class DrawnEngine(FakeEngine):
    """Understands the same made-up photos as its parent, and renders who is in them as they are drawn."""

    def __init__(self, page: Any) -> None:
        """Draw everybody from every side.

        Args:
            page: of a browser, which turns drawings into pixels. It is needed here only: a browser answers
                one thread, and servers have several.
        """
        super().__init__()
        self._drawn: dict[tuple[str, int], Drawn] = {}
        self._pixels: dict[tuple[str, int], Any] = {}
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        for person in PEOPLE:
            for shot, how in SHOTS.items():
                drawn = draw_face(person, width=WIDTH, height=HEIGHT, **how)
                page.set_content(f"<body style='margin:0'>{drawn.svg.decode()}</body>")
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                self._drawn[person, shot], self._pixels[person, shot] = drawn, np.asarray(picture)

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Analysis:
        """Say where the drawn faces are: people stand beside each other, each on a sheet of their own."""
        found = super().analyse(data, only=only, templates=templates)
        note = self._read(data)
        pixels = self._photo(note)
        faces = []
        for number, one in enumerate(found.faces):
            drawn = self._drawn[note["people"][number], note["shot"]]
            marks = tuple((x + number * WIDTH, y) for x, y in drawn.landmarks)
            face = Face(box=_box(marks), landmarks=marks, score=one.face.score)
            across, rise = np.subtract(marks[1], marks[0])
            roll = float(np.degrees(np.arctan2(rise, across)))
            quality = replace(one.quality, eye_distance=float(np.hypot(across, rise)), roll=roll)
            crop = head_crop(pixels, face.box, roll)
            faces.append(replace(one, face=face, quality=quality, crop=crop))
        height, width = pixels.shape[:2]
        return replace(found, width=width, height=height, faces=tuple(faces))

    def render(
        self,
        data: bytes,
        *,
        long_side: int,
        blur: Iterable[tuple[float, ...]] = (),
        keep: Any = None,
    ) -> bytes:
        """Return the drawing as a JPEG, bystanders blurred as the product does it."""
        pixels = blurred(self._photo(self._read(data)), _boxes(blur), keep=keep)
        picture = Image.fromarray(pixels)
        picture.thumbnail((long_side, long_side))
        return to_jpeg(np.asarray(picture))

    def lay(
        self,
        data: bytes,
        *,
        to_photo: Any,
        size: tuple[int, int],
        long_side: int,  # a drawing is small enough as it is
        blur: Iterable[tuple[float, ...]] = (),
        keep: Any = None,
    ) -> bytes:
        """Return the drawing on a canvas, as the product lays a photo."""
        pixels = self._photo(self._read(data))
        return laid(pixels, (1.0, 1.0), to_photo, size, _boxes(blur), keep=keep)

    def look_through(self, data: bytes, *, notify: Callable[[float], None]) -> Reel:
        """Say who is seen in a video, each with two heads as they are drawn."""
        reel = super().look_through(data, notify=notify)
        groups = []
        for who, group in zip(self._read_video(data)["people"], reel.groups, strict=True):
            best = tuple(
                replace(one, crop=self._head(who, shot))
                for one, shot in zip(group.best, SEEN, strict=True)
            )
            groups.append(replace(group, best=best))
        return replace(reel, groups=tuple(groups))

    def frame_of(self, data: bytes, place: Place) -> bytes:
        """Return a photo of the person who is seen at a place, for which there is a drawing."""
        who = self._read_video(data)["people"][place.number // len(SEEN)]
        return self.photo(who, SEEN[place.number % len(SEEN)])

    def _head(self, who: str, shot: int) -> bytes:
        return head_crop(self._pixels[who, shot], _box(self._drawn[who, shot].landmarks), 0.0)

    def _photo(self, note: Any) -> Any:
        return np.hstack([self._pixels[person, note["shot"]] for person in note["people"]])


def _boxes(blur: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    return [tuple(float(edge) for edge in box) for box in blur]


def _box(landmarks: tuple[tuple[float, float], ...]) -> tuple[float, float, float, float]:
    eyes = np.array(landmarks[:2])
    unit = float(np.hypot(*(eyes[1] - eyes[0])))
    down = np.subtract(np.mean(landmarks[3:], axis=0), eyes.mean(axis=0))
    x, y = eyes.mean(axis=0) + down / np.hypot(*down) * DOWN * unit
    wide, high = WIDE * unit, HIGH * unit
    return float(x - wide / 2), float(y - high / 2), wide, high
