"""One photo through all stages, in this process. `Engine` runs it in workers; benches call it bare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from countenance.faces.align import align
from countenance.faces.decode import Decoded, Pixels, decode
from countenance.faces.detect import ROLL_SIDE, SCORE, Detector, Row, Rows
from countenance.faces.embed import Embedder
from countenance.faces.eyes import irises
from countenance.faces.limits import Limits
from countenance.faces.picture import cut_out, head_crop, laid, rendered
from countenance.faces.quality import CROP, CROP_LANDMARKS, judge
from countenance.faces.types import AnalysedFace, Analysis, Face, Gate, Template
from countenance.faces.zoo import ReadyModel, Session, model_id

Box = tuple[float, float, float, float]
CutBox = tuple[int, int, int, int]

Landmarks = tuple[tuple[float, float], ...]

IRIS_APART = 128.0
"""So many pixels between the eyes are enough to find an iris to a fraction of one."""

FINE_WIDTH = 64.0
"""Faces narrower than this in a scaled-down photo are taken from a finer one."""

FINE_PIXELS = 25_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A photo up to where its templates are made.

    Attributes:
        analysis: without templates.
        crops: the faces to make templates of, by number, aligned as the embedder takes them.
    """

    analysis: Analysis
    crops: dict[int, Pixels]


class Pipeline:
    """Detector and embedder, opened, with limits."""

    def __init__(
        self,
        detector: ReadyModel,
        embedder: ReadyModel,
        *,
        limits: Limits | None = None,
        flip: bool = False,
    ) -> None:
        """Open both models; see `zoo.Session` for what that raises."""
        self.limits = limits or Limits()
        self.detector = Detector(Session(detector))
        self.embedder = Embedder(Session(embedder), flip=flip)
        self.model = model_id(detector, embedder, flip=flip)
        card = embedder.card
        self._same_crop = card.size == CROP and np.array_equal(card.landmarks, CROP_LANDMARKS)

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Analysis:
        """Return what `tools.PhotoEngine.analyse` promises."""
        return self.embed(self.prepare(data, only=only, templates=templates))

    def analyse_part(self, data: bytes, box: Box, *, templates: bool = True) -> Analysis:
        """Return what `tools.PhotoEngine.analyse_part` promises."""
        return self.embed(self.prepare_part(data, box, templates=templates))

    def embed(self, prepared: Prepared) -> Analysis:
        """Return the analysis with its templates."""
        if not prepared.crops:
            return prepared.analysis
        vectors = self.embedder.embed(np.stack(list(prepared.crops.values())))
        made = dict(zip(prepared.crops, vectors, strict=True))
        faces = tuple(
            replace(face, template=Template(vector=made[number], model=self.model))
            if number in made
            else face
            for number, face in enumerate(prepared.analysis.faces)
        )
        return replace(prepared.analysis, faces=faces)

    def prepare(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Prepared:
        """Decode, detect, judge and align; no template is made yet."""
        photo = decode(data, self.limits)
        rows = self.detector.find(photo.pixels)[: self.limits.faces]
        photo, rows = self._finer(data, photo, rows)
        return self._judged(photo, rows, only=only, templates=templates)

    def prepare_part(self, data: bytes, box: Box, *, templates: bool = True) -> Prepared:
        """Do the same with one face where somebody marked it."""
        photo = decode(data, self.limits)
        side = max(*box[2:], 1.0)
        needed = math.ceil(max(photo.width, photo.height) * min(1.0, ROLL_SIDE / side))
        if photo.factor > 1 and needed > max(photo.pixels.shape[:2]):
            photo = decode(data, self.limits, needed)
        across, down = _scale(photo)
        x, y, width, height = box
        place = np.array([x / across, y / down, width / across, height / down])
        row = self.detector.find_marked(photo.pixels, place)
        rows = np.zeros((0, SCORE + 1)) if row is None else row[None]
        return self._judged(photo, rows, only=None, templates=templates)

    def _judged(self, photo: Decoded, rows: Rows, *, only: int | None, templates: bool) -> Prepared:
        """Return the faces in these rows with their quality, and those to embed of them aligned."""
        scale = _scale(photo)
        faces = [_face(row, scale) for row in rows]
        marks = [row[4:14].reshape(5, 2) for row in rows]
        crops = [align(photo.pixels, points, CROP_LANDMARKS, CROP) for points in marks]
        judged = [
            judge(float(row[2]) * scale[0], points * np.array(scale), crop)
            for row, points, crop in zip(rows, marks, crops, strict=True)
        ]
        wanted = [
            number
            for number, quality in enumerate(judged)
            if templates and only in (None, number) and quality.gate is not Gate.UNUSABLE
        ]
        if not self._same_crop:
            crops = [self.embedder.crop(photo.pixels, points) for points in marks]
        analysed = [
            AnalysedFace(
                face=face,
                quality=quality,
                template=None,
                crop=head_crop(photo.pixels, _box(row), quality.roll),
            )
            for face, quality, row in zip(faces, judged, rows, strict=True)
        ]
        analysis = Analysis(
            width=photo.width, height=photo.height, format=photo.format, faces=tuple(analysed)
        )
        return Prepared(analysis=analysis, crops={number: crops[number] for number in wanted})

    def irises(self, data: bytes, landmarks: Landmarks) -> Landmarks:
        """Return what `tools.PhotoEngine.irises` promises."""
        photo = decode(data, self.limits)
        apart = max(math.dist(*landmarks[:2]), 1.0)
        needed = math.ceil(max(photo.width, photo.height) * min(1.0, IRIS_APART / apart))
        if photo.factor > 1 and needed > max(photo.pixels.shape[:2]):
            photo = decode(data, self.limits, needed)
        scale = np.array(_scale(photo))
        found = irises(photo.pixels, np.array(landmarks, np.float64) / scale) * scale
        return tuple((float(x), float(y)) for x, y in found)

    def render(
        self, data: bytes, *, long_side: int, blur: Iterable[Box] = (), keep: Box | None = None
    ) -> bytes:
        """Return what `tools.PhotoEngine.render` promises."""
        photo = decode(data, self.limits, max(long_side, 1))
        return rendered(photo.pixels, _scale(photo), long_side, blur, keep=keep)

    def lay(
        self,
        data: bytes,
        *,
        to_photo: Sequence[float],
        size: tuple[int, int],
        long_side: int,
        blur: Iterable[Box] = (),
        keep: Box | None = None,
    ) -> bytes:
        """Return what `tools.PhotoEngine.lay` promises."""
        photo = decode(data, self.limits, max(long_side, 1))
        return laid(photo.pixels, _scale(photo), to_photo, size, blur, keep=keep)

    def cut(
        self,
        data: bytes,
        *,
        box: CutBox | None,
        quarter_turns: int,
        brightness: int = 0,
        contrast: int = 0,
    ) -> bytes:
        """Return what `tools.PhotoEngine.cut` promises."""
        photo = decode(data, self.limits, self.limits.side)
        return cut_out(photo.pixels, box, quarter_turns, brightness=brightness, contrast=contrast)

    def _finer(self, data: bytes, photo: Decoded, rows: Rows) -> tuple[Decoded, Rows]:
        """Return the photo and rows at a finer scale if a face is small in a scaled-down one."""
        narrow = float(rows[:, 2].min(initial=FINE_WIDTH))
        if photo.factor == 1 or narrow >= FINE_WIDTH:
            return photo, rows
        factor = photo.factor
        while factor > 1 and narrow * photo.factor / factor < FINE_WIDTH:
            finer = factor // 2
            if photo.width * photo.height / finer**2 > FINE_PIXELS:
                break
            factor = finer
        if factor == photo.factor:
            return photo, rows
        fine = decode(data, self.limits, max(photo.width, photo.height) // factor)
        across = fine.pixels.shape[1] / photo.pixels.shape[1]
        down = fine.pixels.shape[0] / photo.pixels.shape[0]
        factors = np.array([*[across, down] * 7, 1.0])
        return fine, rows * factors


def _scale(photo: Decoded) -> tuple[float, float]:
    height, width = photo.pixels.shape[:2]
    return photo.width / width, photo.height / height


def _box(row: Row) -> Box:
    x, y, width, height = (float(value) for value in row[:4])
    return x, y, width, height


def _face(row: Row, scale: tuple[float, float]) -> Face:
    """Return a row in pixels of the full photo."""
    across, down = scale
    x, y, width, height = _box(row)
    marks = row[4:14].reshape(5, 2)
    return Face(
        box=(x * across, y * down, width * across, height * down),
        landmarks=tuple((float(u) * across, float(v) * down) for u, v in marks),
        score=float(row[SCORE]),
    )
