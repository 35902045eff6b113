"""Photos with their faces drawn as SVG: geometry as attributes, so the page needs no inline style.

Everything is drawn in a space whose long side is `LONG` units, whatever the photo's size is, so that
frames and numbers look alike on every photo.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONG = 1500
TAG_WIDTH, TAG_HEIGHT = 52, 42

Box = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One face's frame, in drawing units."""

    index: int  # as in the analysis, from 0
    number: int  # as people read it, from 1
    x: int
    y: int
    width: int
    height: int

    @property
    def tag_x(self) -> int:
        """Return the middle of the number's plate."""
        return self.x + TAG_WIDTH // 2

    @property
    def tag_y(self) -> int:
        """Return the middle of the number's plate."""
        return self.y + TAG_HEIGHT // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A photo to be drawn, with the frames of its faces."""

    href: str
    width: int
    height: int
    frames: tuple[Frame, ...]


def draw(href: str, *, width: int, height: int, boxes: Iterable[Box]) -> Drawing:
    """Scale a photo's boxes into drawing units; frames are clipped to the photo.

    Args:
        href: where the browser gets the photo.
        width: of the upright photo, in pixels, like `height` and `boxes`.
        height: see `width`.
        boxes: x, y, width, height of each face.
    """
    scale = LONG / max(width, height, 1)
    size = (round(width * scale), round(height * scale))
    frames = tuple(_frame(i, box, scale, size) for i, box in enumerate(boxes))
    return Drawing(href=href, width=size[0], height=size[1], frames=frames)


def _frame(index: int, box: Box, scale: float, size: tuple[int, int]) -> Frame:
    left, top = max(0, round(box[0] * scale)), max(0, round(box[1] * scale))
    right = min(size[0], round((box[0] + box[2]) * scale))
    bottom = min(size[1], round((box[1] + box[3]) * scale))
    return Frame(
        index=index,
        number=index + 1,
        x=left,
        y=top,
        width=max(1, right - left),
        height=max(1, bottom - top),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A square cut out of a photo by the browser: one image serves the photo and all its crops."""

    href: str
    width: int
    height: int
    view_box: str


def crop(href: str, *, width: int, height: int, box: Box, margin: float = 0.3) -> Crop:
    """Cut the head around a face's box: a square with `margin` of the box's side on every side."""
    side = max(box[2], box[3], 1) * (1 + 2 * margin)
    left, top = box[0] + (box[2] - side) / 2, box[1] + (box[3] - side) / 2
    view_box = f"{left:.1f} {top:.1f} {side:.1f} {side:.1f}"
    return Crop(href=href, width=width, height=height, view_box=view_box)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Similarities as ticks on one axis; `label` says the same in words."""

    ticks: tuple[int, ...]
    marks: tuple[tuple[int, str], ...]
    width: int
    label: str


def strip(similarities: Sequence[float], *, width: int = 960) -> Strip:
    """Lay similarities on an axis, so that gaps between candidates are seen.

    The axis runs from 0 to 1, or from the step of 0.2 below the lowest similarity if that is negative.
    """
    steps = min(0, math.floor(min(similarities, default=0.0) * 5))
    lowest = steps / 5
    span = 1 - lowest
    ticks = tuple(round((min(s, 1.0) - lowest) / span * width) for s in similarities)
    marks = tuple(
        (round((i - steps) / (5 - steps) * width), f"{i / 5:.1f}".replace("-", "−"))
        for i in range(steps, 6)
    )
    label = "No candidates."
    if similarities:
        count = f"{len(similarities)} candidate{'' if len(similarities) == 1 else 's'}"
        label = f"{count}, similarity from {min(similarities):.3f} to {max(similarities):.3f}."
    return Strip(ticks=ticks, marks=marks, width=width, label=label)


LETTER_ROOM, LEVEL = 20, 18
"""So wide is a letter with its space, and so high the row that it stands in, in units of the plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettered:
    """One candidate on the plot: a stroke on the axis, and its letter above it; `strong` stands out."""

    letter: str
    x: int
    y: int
    strong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Candidates by their letters on the axis of similarity, with the threshold; `label` says it in words."""

    letters: tuple[Lettered, ...]
    marks: tuple[tuple[int, str], ...]
    threshold: int | None
    width: int
    height: int
    label: str


def plot(
    candidates: Sequence[tuple[str, float, bool]], *, threshold: float | None, width: int = 400
) -> Plot:
    """Lay candidates on the axis of `strip`; letters that would touch stand above each other.

    Args:
        candidates: letter and similarity of each, and whether it is to stand out.
        threshold: the least similarity that was asked for; None if a list was asked for in any case.
        width: of the axis.
    """
    similarities = [similarity for _, similarity, _ in candidates]
    limits = [] if threshold is None else [threshold]
    axis = strip([*similarities, *limits], width=width)
    taken: list[int] = []  # how far to the right each row of letters is used
    placed = []
    for x, (letter, _, strong) in sorted(zip(axis.ticks, candidates, strict=False)):
        room = LETTER_ROOM * max(1, len(letter))
        free = (number for number, end in enumerate(taken) if end <= x - room / 2)
        level = next(free, len(taken))
        taken[level : level + 1] = [round(x + room / 2)]
        placed.append(Lettered(letter=letter, x=x, y=-LEVEL * level, strong=strong))
    said = "" if threshold is None else f" The threshold lies at {threshold:.3f}."
    return Plot(
        letters=tuple(placed),
        marks=axis.marks,
        threshold=axis.ticks[-1] if limits else None,
        width=width,
        height=LEVEL * len(taken),
        label=strip(similarities).label + said,
    )
