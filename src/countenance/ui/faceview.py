"""Photos laid in face units, so that any two faces can be looked at through one window.

In face units the point between the eyes is at 0, 0, the eyes are level and one apart, x grows to the right
and y downwards. Where two photos are drawn with these matrices, one SVG `viewBox` shows the same part of
both faces: that is all that synchronised zoom and pan need. Everything is geometry in attributes, so that
the page needs no inline style.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from countenance.errors import InputError

HOME = (-1.75, -1.9, 3.5, 4.375)
"""What is shown first, the head from above the hair to below the chin: x, y, width, height."""

THUMBNAIL = (-1.4, -1.4, 2.8, 3.4)
"""The same for the small pictures in lists."""

BROW = -0.36
"""Where brows mostly lie; no landmark says it."""

LANDMARKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Matrix:
    """An SVG `matrix(a b c d e f)`: it takes x, y to ax + cy + e, bx + dy + f."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def __str__(self) -> str:
        """Return it as the value of a `transform` attribute."""
        figures = " ".join(
            f"{value:.9g}" for value in (self.a, self.b, self.c, self.d, self.e, self.f)
        )
        return f"matrix({figures})"

    def at(self, x: float, y: float) -> Point:
        """Return where this takes a point."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def after(self, first: Matrix) -> Matrix:
        """Return the matrix that does what `first` does, and then what this does."""
        e, f = self.at(first.e, first.f)
        return Matrix(
            self.a * first.a + self.c * first.b,
            self.b * first.a + self.d * first.b,
            self.a * first.c + self.c * first.d,
            self.b * first.c + self.d * first.d,
            e,
            f,
        )

    @property
    def inverse(self) -> Matrix:
        """Return the matrix that undoes this."""
        area = self.a * self.d - self.b * self.c
        back = Matrix(self.d / area, -self.b / area, -self.c / area, self.a / area)
        e, f = back.at(-self.e, -self.f)
        return Matrix(back.a, back.b, back.c, back.d, e, f)


def aligned(landmarks: Sequence[Sequence[float]]) -> Matrix:
    """Return the matrix from the pixels of an upright photo to face units.

    Only the eyes count, and the photo is only turned, scaled and shifted, never mirrored or stretched: a
    nose or mouth that lies elsewhere shall be seen to lie elsewhere.

    Args:
        landmarks: of the face, as `faces.types.Face` has them; the first two are the eyes.

    Raises:
        InputError: there are no landmarks, or both eyes lie on one point: nothing says how large the face is.
    """
    if len(landmarks) < LANDMARKS:
        raise InputError("The eyes of this face were not found, so it cannot be aligned.")
    (left, top), (right, low) = (_point(one) for one in landmarks[:2])
    across, down = right - left, low - top
    apart = across**2 + down**2
    if not math.isfinite(apart) or apart < 1:
        raise InputError("The eyes of this face lie on one point, so it cannot be aligned.")
    linear = Matrix(across / apart, -down / apart, down / apart, across / apart)
    x, y = linear.at((left + right) / 2, (top + low) / 2)
    return Matrix(linear.a, linear.b, linear.c, linear.d, -x, -y)


def whole(width: int, height: int) -> Matrix:
    """Return the matrix that shows all of a photo as it was taken, neither turned nor cut, in `HOME`."""
    left, top, wide, high = HOME
    scale = min(wide / max(width, 1), high / max(height, 1))
    x, y = left + (wide - width * scale) / 2, top + (high - height * scale) / 2
    return Matrix(scale, 0.0, 0.0, scale, x, y)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPin:
    """A pin to be drawn: its number within its component, whose name is said with it."""

    number: int
    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePhoto:
    """One photo of one face, to be drawn in face units.

    `matrix` lays it there; `undo`, put around it and all that is drawn on it, shows it as it was taken.
    """

    label: str
    href: str
    width: int
    height: int
    matrix: Matrix
    undo: Matrix
    nose: float
    mouth: float

    @property
    def thumbnail(self) -> str:
        """Return the `viewBox` of a small picture of it."""
        return _box(THUMBNAIL)


def face_photo(
    href: str, *, label: str, width: int, height: int, landmarks: Sequence[Sequence[float]]
) -> FacePhoto:
    """Return a photo with the matrices that align its face, and that undo this.

    Args:
        href: where the browser gets the photo, upright, of any size.
        label: what it is called on the page: "Probe", "Candidate A".
        width: of the upright photo in the pixels that `landmarks` are in, like `height`.
        height: see `width`.
        landmarks: five points, as `faces.types.Face` has them.

    Raises:
        InputError: as for `aligned`.
    """
    matrix = aligned(landmarks)
    nose, *corners = (matrix.at(*_point(one)) for one in landmarks[2:5])
    return FacePhoto(
        label=label,
        href=href,
        width=width,
        height=height,
        matrix=matrix,
        undo=whole(width, height).after(matrix.inverse),
        nose=round(nose[1], 4),
        mouth=round(sum(y for _, y in corners) / len(corners), 4),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A line across both faces at one height."""

    name: str
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What `ui/pair.html` draws: two photos, or one alone, under the same guides and pins."""

    photos: tuple[FacePhoto, ...]
    guides: tuple[Guide, ...]
    pins: tuple[SeenPin, ...]
    view_box: str

    @classmethod
    def of(
        cls, probe: FacePhoto, candidate: FacePhoto | None = None, pins: Iterable[SeenPin] = ()
    ) -> Self:
        """Put a probe beside a candidate, or show it alone; the guides are laid on the probe."""
        guides = (
            Guide(name="brow", y=BROW),
            Guide(name="eyes", y=0.0),
            Guide(name="nose", y=probe.nose),
            Guide(name="mouth", y=probe.mouth),
        )
        photos = (probe,) if candidate is None else (probe, candidate)
        return cls(photos=photos, guides=guides, pins=tuple(pins), view_box=_box(HOME))


def _box(box: Iterable[float]) -> str:
    return " ".join(f"{value:g}" for value in box)


def _point(point: Sequence[float]) -> Point:
    x, y = point
    return float(x), float(y)
