"""Where the faces of made-up photos are (`testing.FakeEngine`), also once a photo was cut or turned."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from countenance.faces.types import Face

if TYPE_CHECKING:
    from collections.abc import Sequence

    Box = tuple[float, float, float, float]

WIDTH, HEIGHT = 640, 480


class Note(TypedDict):
    """What a made-up photo says of itself; a copy also says its size and where its faces are."""

    people: list[str]
    shot: int
    gate: str
    rejected: str
    missed: NotRequired[str]
    size: NotRequired[list[float]]
    boxes: NotRequired[list[Box]]
    missed_box: NotRequired[Box]


MISSED_FACE = Face(
    box=(540.0, 380.0, 90.0, 90.0),
    landmarks=((567.0, 416.0), (603.0, 416.0), (585.0, 434.0), (571.0, 452.0), (599.0, 452.0)),
    score=0.8,
)


def face_of(number: int, count: int) -> Face:
    """Return the box of face `number` of `count`, in one row, each a little smaller than the last."""
    column = WIDTH / count
    side = min(column, HEIGHT) * 0.6 * (1 - number / (4 * count))
    return face_at((number * column + (column - side) / 2, (HEIGHT - side) / 2, side, side))


def size_of(note: Note) -> tuple[int, int]:
    """Return how wide and high a photo is; a copy that was cut or turned says it."""
    width, height = note.get("size", (WIDTH, HEIGHT))
    return int(width), int(height)


def faces_in(note: Note) -> list[Face]:
    """Return the faces of the people in a photo."""
    count = len(note["people"])
    if "boxes" in note:
        return [face_at((x, y, width, height)) for x, y, width, height in note["boxes"]]
    return [face_of(number, count) for number in range(count)]


def missed_in(note: Note) -> Face:
    """Return the face that only `analyse_part` finds."""
    if "missed_box" not in note:
        return MISSED_FACE
    x, y, width, height = note["missed_box"]
    return face_at((x, y, width, height))


def middle_lies_in(face: Box, box: Sequence[float]) -> bool:
    """Say whether the middle of a face lies in a box."""
    u, v = face[0] + face[2] / 2, face[1] + face[3] / 2
    return box[0] <= u < box[0] + box[2] and box[1] <= v < box[1] + box[3]


def face_at(box: Box) -> Face:
    """Return an upright face that fills a box."""
    x, y, side, _ = box
    points = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    return Face(
        box=box,
        landmarks=tuple((x + u * side, y + v * side) for u, v in points),
        score=0.95,
    )
