"""Photos laid in face units, so that any two faces can be looked at through one window.

In face units the point between the eyes is at 0, 0, the eyes are level and one apart, x grows to the right
and y downwards. Every photo is laid on one canvas in these units before it leaves the server, so one SVG
`viewBox` shows the same part of both faces: that is all that synchronised zoom and pan need. And the page
says nothing of a photo's size, of its turn or of where in it the face lies, which would tell a photo that
was enrolled from one of a case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from countenance.errors import InputError

HOME = (-1.75, -1.9, 3.5, 4.375)
"""What is shown first, the head from above the hair to below the chin: x, y, width, height."""

CANVAS = (-2.5, -2.65, 5.0, 6.25)
"""What of a face is cut out, wide enough to look around the head; as high to its width as `HOME` is."""

SIZE = (1600, 2000)
"""Pixels of every photo that is compared, so 320 of them lie between the eyes."""

SMALL = (-2.1, -1.9, 4.2, 4.2)
"""What small pictures in lists hold, about as much as those that are made when a photo is enrolled."""

BROW = -0.36
"""Where brows mostly lie; no landmark says it."""

LANDMARKS = 5

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def _box(box: Iterable[float]) -> str:
    return " ".join(f"{value:g}" for value in box)


@dataclass(frozen=True, slots=True)
class Matrix:
    """An SVG `matrix(a b c d e f)`: it takes x, y to ax + cy + e, bx + dy + f."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    @property
    def figures(self) -> tuple[float, float, float, float, float, float]:
        """Return its six numbers in the order of SVG."""
        return self.a, self.b, self.c, self.d, self.e, self.f

    @property
    def scale(self) -> float:
        """Return how much longer it makes a line."""
        return math.sqrt(abs(self.a * self.d - self.b * self.c))

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
    """Return the matrix to face units that shows all of a photo as it was taken, neither turned nor cut, in `HOME`."""
    left, top, wide, high = HOME
    scale = min(wide / max(width, 1), high / max(height, 1))
    x, y = left + (wide - width * scale) / 2, top + (high - height * scale) / 2
    return Matrix(scale, 0.0, 0.0, scale, x, y)


def laid(
    landmarks: Sequence[Sequence[float]],
    *,
    window: Box = CANVAS,
    size: tuple[int, int] = SIZE,
) -> Matrix:
    """Return the matrix from the pixels of a canvas to those of a photo whose face is aligned on it.

    Args:
        landmarks: of the face, in pixels of the upright photo.
        window: which part of the face, in face units, the canvas holds.
        size: width and height of the canvas in pixels.

    Raises:
        InputError: as for `aligned`.
    """
    return aligned(landmarks).inverse.after(_units(window, size))


def as_taken(width: int, height: int) -> Matrix:
    """Return the matrix from the pixels of a canvas to those of a photo that lies on it whole."""
    return whole(width, height).inverse.after(_units(HOME, SIZE))


def _units(window: Box, size: tuple[int, int]) -> Matrix:
    """Return the matrix from the pixels of a canvas to face units."""
    left, top, wide, high = window
    return Matrix(wide / size[0], 0.0, 0.0, high / size[1], left, top)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPin:
    """A pin to be drawn: its number within its component, whose name is said with it.

    `probe` and `photo` say on which photo of the probe and of the candidate it was put, counted from 1.
    """

    number: int
    name: str
    x: float
    y: float
    probe: int = 1
    photo: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePhoto:
    """One photo of one face on the canvas.

    Attributes:
        label: what it is called on the page: "Probe", "Candidate A".
        href: where the browser gets the canvas with the face aligned.
        original: where it gets the canvas with the photo as it was taken.
        nose: how low the tip of the nose lies, in face units.
        mouth: the same for the mouth.
        number: which photo of the probe, or of the candidate, it is.
        pins: those that were put on it.
    """

    label: str
    href: str
    original: str
    nose: float
    mouth: float
    number: int = 1
    pins: tuple[SeenPin, ...] = ()


def face_photo(
    href: str, original: str, *, label: str, landmarks: Sequence[Sequence[float]], number: int = 1
) -> FacePhoto:
    """Return a photo as a page shows it; see `FacePhoto`.

    Args:
        href: where the face lies aligned.
        original: where the photo lies whole.
        label: what it is called.
        landmarks: five points, as `faces.types.Face` has them, in pixels of the upright photo.
        number: which photo it is.

    Raises:
        InputError: as for `aligned`.
    """
    matrix = aligned(landmarks)
    nose, *corners = (matrix.at(*_point(one)) for one in landmarks[2:5])
    return FacePhoto(
        label=label,
        href=href,
        original=original,
        nose=round(nose[1], 3),
        mouth=round(sum(y for _, y in corners) / len(corners), 3),
        number=number,
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
    originals: bool
    plain: str
    view_box: str = _box(HOME)
    canvas: Box = CANVAS
    home: Box = HOME

    @classmethod
    def of(
        cls,
        probe: FacePhoto,
        candidate: FacePhoto | None = None,
        pins: Iterable[SeenPin] = (),
        *,
        originals: bool = False,
        plain: str = "?originals=1",
    ) -> Self:
        """Put a probe beside a candidate, or show it alone; the guides are laid on the probe.

        Args:
            probe: the left one.
            candidate: the right one.
            pins: all there are; each is drawn on the photos on which it was put.
            originals: show the photos as they were taken from the start.
            plain: the page that does so, for a browser without scripts.
        """
        guides = (
            Guide(name="brow", y=BROW),
            Guide(name="eyes", y=0.0),
            Guide(name="nose", y=probe.nose),
            Guide(name="mouth", y=probe.mouth),
        )
        put = tuple(pins)
        on_probe = tuple(pin for pin in put if pin.probe == probe.number)
        photos: tuple[FacePhoto, ...] = (replace(probe, pins=on_probe),)
        if candidate is not None:
            on_it = tuple(pin for pin in put if pin.photo == candidate.number)
            photos += (replace(candidate, pins=on_it),)
        return cls(photos=photos, guides=guides, pins=put, originals=originals, plain=plain)


def _point(point: Sequence[float]) -> Point:
    x, y = point
    return float(x), float(y)
