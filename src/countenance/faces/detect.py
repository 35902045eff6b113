"""Faces in upright RGB pixels: boxes, five landmarks and scores.

A detector of the YuNet family finds faces that are turned on their side or head, but puts their
landmarks as if they were upright. So weak scores start a search over four turns, and rolled faces
are looked at again with the roll taken out. Faces that fill the frame are found in a smaller or
padded view.
"""

from __future__ import annotations

import math
from operator import itemgetter

import numpy as np
from jaxtyping import Float, UInt8

from countenance.errors import ModelCardInvalid
from countenance.faces.align import apply, shrink, warp
from countenance.faces.zoo import Session

Pixels = UInt8[np.ndarray, "_ _ 3"]
Rows = Float[np.ndarray, "_ 15"]
"""x, y, width, height; five (x, y); score. Pixels of the array that was searched."""
Row = Float[np.ndarray, " 15"]
"""One of them."""
Point = Float[np.ndarray, " _"]

STRIDES = (8, 16, 32)
OUTPUTS = [f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
OVERLAP = 0.3
UPRIGHT_SCORE = 0.92
"""Upright faces score at least this much as a rule; turned ones hardly ever do."""

SWEEP_SIDE = 320
LARGE_SHARE = 0.5
"""From this share of the long side on, the sweep at 320 px places a face better than 640 does."""

MAX_ROLL = 15.0
ROLL_SIDE = 224
ROLL_ROOM = 2.2
ROLL_STEP = 30
MAX_TURNED = 8
"""So many weak faces of one photo are looked at in all rolls; a crowd must not cost minutes."""

MARKED_ROOMS = (1.3, 1.8, 2.6)
"""How much of a photo around a box drawn by hand is looked at, in sides of the box."""
MARKED_SHARE = 0.4
"""A face is at least so large beside the box that was drawn around it, and the box beside the face."""

CLEARER = 0.01
SCORE = 14
ROW = 15


class Detector:
    """A detector, with the policy that makes its landmarks usable."""

    def __init__(self, session: Session) -> None:
        """Take an open model of the `yunet` family.

        Raises:
            ModelCardInvalid: the model has other outputs than this family.
        """
        self.card = session.card
        missing = sorted(set(OUTPUTS) - set(session.outputs))
        if missing:
            msg = f"Model {self.card.name} is not of the family yunet: no output {missing[0]}."
            raise ModelCardInvalid(msg)
        self._session = session
        height, width = session.shape[2], session.shape[3]
        fixed = isinstance(height, int) and isinstance(width, int)
        self._fixed = (int(height), int(width)) if fixed else None

    def find(self, pixels: Pixels) -> Rows:
        """Return the faces of an upright photo, largest first."""
        long_side = self.card.long_side
        found = self.look(pixels, long_side)
        weak = best(found) < UPRIGHT_SCORE
        if weak:
            found = self._sweep(pixels, found, long_side)
        found = found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")]
        faces = [
            self._level(pixels, self._turned(pixels, row) if weak and number < MAX_TURNED else row)
            for number, row in enumerate(found)
        ]
        rows = suppress(np.array(faces).reshape(-1, ROW))
        return rows[np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")]

    def look(self, pixels: Pixels, long_side: int) -> Rows:
        """Return what one pass finds with the photo shrunk to `long_side`."""
        height, width = pixels.shape[:2]
        if self._fixed:
            long_side = min(long_side, *self._fixed)
        small = shrink(pixels, long_side)
        rows = self._pass(small)
        rows[:, 0:14:2] *= width / small.shape[1]
        rows[:, 1:14:2] *= height / small.shape[0]
        return rows

    def _pass(self, small: Pixels) -> Rows:
        height, width = small.shape[:2]
        tall, wide = self._fixed or (-(-height // 32) * 32, -(-width // 32) * 32)
        frame = np.zeros((1, 3, tall, wide), np.float32)
        ordered = small if self.card.channels == "RGB" else small[:, :, ::-1]
        frame[0, :, :height, :width] = ordered.transpose(2, 0, 1)
        if any(self.card.mean) or self.card.scale != 1:
            mean = np.array(self.card.mean, np.float32).reshape(3, 1, 1)
            view = frame[0, :, :height, :width]
            view -= mean
            view *= np.float32(self.card.scale)
        outputs = self._session.run(frame)
        parts = [self._read(outputs, stride, wide // stride) for stride in STRIDES]
        return suppress(np.concatenate(parts))

    def _read(self, outputs: dict[str, np.ndarray], stride: int, columns: int) -> Rows:
        """Return the rows of one stride; each cell predicts one face relative to itself."""
        cls, obj = (outputs[f"{name}_{stride}"].reshape(-1) for name in ("cls", "obj"))
        score = np.sqrt(cls.clip(0, 1) * obj.clip(0, 1))
        cells = np.flatnonzero(score >= self.card.min_score)
        box = outputs[f"bbox_{stride}"].reshape(-1, 4)[cells].astype(np.float64)
        points = outputs[f"kps_{stride}"].reshape(-1, 5, 2)[cells].astype(np.float64)
        corner = np.column_stack([cells % columns, cells // columns])
        size = np.exp(box[:, 2:].clip(-10, 10)) * stride
        centre = (box[:, :2] + corner) * stride
        marks = (points + corner[:, None]) * stride
        marks = marks[:, list(self.card.landmark_order)].reshape(-1, 10)
        return np.column_stack([centre - size / 2, size, marks, score[cells]])

    def _sweep(self, pixels: Pixels, found: Rows, long_side: int) -> Rows:
        """Return what is found in the best of four turns, with frame-filling faces."""
        views = [np.ascontiguousarray(np.rot90(pixels, turn)) for turn in range(4)]
        small = [self.look(view, SWEEP_SIDE) for view in views]
        if not len(found) and not any(map(len, small)):
            small = [self._padded(view) for view in views]
        turn = max(range(4), key=lambda number: best(small[number]))
        height, width = pixels.shape[:2]
        large = small[turn]
        if len(found):
            large = large[large[:, 2:4].max(axis=1) >= LARGE_SHARE * max(height, width)]
        turned = found if turn == 0 else self.look(views[turn], long_side)
        if best(np.concatenate([turned, large])) < best(found):
            return found
        turned = np.concatenate([turned, large])
        return suppress(np.concatenate([turn_back(turned, turn, width, height), found]))

    def _padded(self, view: Pixels) -> Rows:
        """Return what is found with the photo in the middle of a frame twice as long."""
        small = shrink(view, SWEEP_SIDE // 2)
        room = SWEEP_SIDE // 4
        framed = np.pad(small, ((room, room), (room, room), (0, 0)))
        rows = self._pass(framed) if self._fixed is None else self._pass(small)
        rows[:, :14] -= room if self._fixed is None else 0
        rows[:, 0:14:2] *= view.shape[1] / small.shape[1]
        rows[:, 1:14:2] *= view.shape[0] / small.shape[0]
        return rows

    def _turned(self, pixels: Pixels, row: Row) -> Row:
        """Return a weak face as it is seen at the roll, of twelve, where it is clearest."""
        if row[SCORE] >= UPRIGHT_SCORE:
            return row
        seen = [self._look_turned(pixels, row, roll) for roll in range(0, 360, ROLL_STEP)]
        level = row if seen[0] is None else seen[0]
        turned = [face for face in seen[1:] if face is not None]
        better = max(turned, key=itemgetter(SCORE), default=row)
        least = max(row[SCORE], level[SCORE]) + CLEARER
        return better if better[SCORE] > least else row

    def _level(self, pixels: Pixels, row: Row) -> Row:
        """Return the face as it is seen with its roll taken out, if it is rolled."""
        for _ in range(2):
            roll = roll_of(row)
            # A quarter turn can only come from a view in which the face was upright.
            if abs(roll - 90 * round(roll / 90)) <= MAX_ROLL:
                return row
            better = self._look_turned(pixels, row, roll)
            if better is None:
                return row
            row, left = better, difference(roll_of(better), roll)
            if abs(left) <= MAX_ROLL:
                return row
        return row

    def _look_turned(self, pixels: Pixels, row: Row, roll: float) -> Row | None:
        """Return this face found in a crop around it, turned by `roll`; None if it is not."""
        side = ROLL_ROOM * float(row[2:4].max())
        return self._middle(pixels, row[:2] + row[2:4] / 2, side, roll, least=row[SCORE] - 0.1)

    def _middle(
        self, pixels: Pixels, centre: Point, side: float, roll: float, *, least: float = 0.0
    ) -> Row | None:
        """Return the clearest face in the middle of a square, seen turned and enlarged, in the photo's pixels."""
        angle, scale = math.radians(roll), side / ROLL_SIDE
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        half = np.full(2, ROLL_SIDE / 2)
        to_photo = np.column_stack([linear, centre - linear @ half])
        rows = self._pass(warp(pixels, to_photo, ROLL_SIDE))
        middle = rows[:, :2] + rows[:, 2:4] / 2
        near = rows[np.abs(middle - half).max(axis=1) < ROLL_SIDE / 4]
        if not len(near) or best(near) < least:
            return None
        face = near[np.argmax(near[:, SCORE])]
        moved = apply(to_photo, face[:14].reshape(7, 2)[2:])
        centre = apply(to_photo, (face[:2] + face[2:4] / 2)[None])[0]
        size = face[2:4] * scale
        return np.concatenate([centre - size / 2, size, moved.reshape(-1), face[SCORE:]])

    def find_marked(self, pixels: Pixels, box: Point) -> Row | None:
        """Return the face in a box that somebody drew around it; None if none is seen there.

        Looked at enlarged, with more and more room around it, and in twelve rolls. What the detector
        must be sure of stays the same as anywhere else.
        """
        centre, side = box[:2] + box[2:4] / 2, float(box[2:4].max())
        seen: list[Row] = []
        for room in MARKED_ROOMS:
            for roll in range(0, 360, ROLL_STEP):
                face = self._middle(pixels, centre, room * side, roll)
                if face is None or not _fits(face, centre, side):
                    continue
                seen.append(face)
                if roll == 0 and face[SCORE] >= UPRIGHT_SCORE:
                    return self._level(pixels, face)
        if not seen:
            return None
        return self._level(pixels, max(seen, key=itemgetter(SCORE)))


def _fits(face: Row, centre: Point, side: float) -> bool:
    """Say whether a face lies in the middle of a square that was drawn, and is about as large."""
    off = np.abs(face[:2] + face[2:4] / 2 - centre).max()
    share = float(face[2:4].max()) / side
    return bool(off < side / 2 and MARKED_SHARE < share < 1 / MARKED_SHARE)


def best(rows: Rows) -> float:
    """Return the highest score, or 0 without faces."""
    return float(rows[:, SCORE].max(initial=0.0))


def roll_of(row: Row) -> float:
    """Return the angle of the line from the right to the left eye, in degrees, clockwise."""
    x, y = row[6:8] - row[4:6]
    return math.degrees(math.atan2(y, x))


def difference(one: float, other: float) -> float:
    """Return one angle less another, from -180 to 180 degrees."""
    return (one - other + 180) % 360 - 180


def turn_back(rows: Rows, turn: int, width: int, height: int) -> Rows:
    """Return rows found in `np.rot90(photo, turn)` in pixels of the photo itself."""
    if turn == 0:
        return rows
    corner, far = rows[:, :2], rows[:, :2] + rows[:, 2:4]
    points = np.concatenate([corner, far, rows[:, 4:14]], axis=1).reshape(-1, 7, 2)
    x, y = points[..., 0], points[..., 1]
    turned = {
        1: np.stack([width - y, x], axis=-1),
        2: np.stack([width - x, height - y], axis=-1),
        3: np.stack([y, height - x], axis=-1),
    }[turn]
    ends = turned[:, :2]
    low, high = ends.min(axis=1), ends.max(axis=1)
    return np.concatenate([low, high - low, turned[:, 2:].reshape(-1, 10), rows[:, 14:]], axis=1)


def suppress(rows: Rows) -> Rows:
    """Return the rows without those that overlap a better one, or lie mostly inside it."""
    rows = rows[np.argsort(-rows[:, SCORE], kind="stable")]
    low, high = rows[:, :2], rows[:, :2] + rows[:, 2:4]
    area = rows[:, 2] * rows[:, 3]
    alive = np.ones(len(rows), bool)
    for number in range(len(rows)):
        if not alive[number]:
            continue
        sides = np.minimum(high[number], high) - np.maximum(low[number], low)
        shared = sides.clip(0).prod(axis=1)
        crowded = shared > OVERLAP * (area[number] + area - shared)
        alive[number + 1 :] &= ~crowded[number + 1 :]
    return rows[alive]
