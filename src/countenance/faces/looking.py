"""Looking through a video in this process: pictures in, groups of faces out. Workers call it; tests too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from countenance.faces.align import align
from countenance.faces.detect import SCORE, suppress
from countenance.faces.grouping import Seen, Tracks
from countenance.faces.picture import head_crop
from countenance.faces.quality import CROP, CROP_LANDMARKS, judge
from countenance.faces.reel import Reel, Sighting
from countenance.faces.types import Face, Gate

if TYPE_CHECKING:
    from countenance.faces.grouping import Pixels, Vectors
    from countenance.faces.pipeline import Pipeline
    from countenance.faces.reel import VideoLimits
    from countenance.faces.video import Frame, Video

FACES_A_PICTURE = 64
"""The largest faces of each picture that are followed, so that a crowd has an end."""

Tell = Callable[[float], None]


class Eyes(Protocol):
    """What looking through a video needs of a pipeline."""

    def find(self, frame: Frame) -> tuple[list[Seen], int]:
        """Return the faces of a picture that can be compared, and how many there are that cannot."""

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        """Return a unit vector for each crop."""


class PipelineEyes:
    """The eyes of a pipeline: one upright pass over each picture, with the detector and judge of photos.

    A photo that shows no face is turned and searched again; a video is not, as its pictures come upright
    and hundreds of them show none.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """Use the models of this pipeline."""
        self._detector, self._embedder = pipeline.detector, pipeline.embedder

    def find(self, frame: Frame) -> tuple[list[Seen], int]:
        """Return the faces of a picture that can be compared, and how many there are that cannot."""
        pixels = frame.pixels
        rows = suppress(self._detector.look(pixels, self._detector.card.long_side))
        rows = rows[np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")][:FACES_A_PICTURE]
        seen, place = [], frame.place if len(rows) else None
        for row in rows:
            marks = row[4:14].reshape(5, 2)
            quality = judge(float(row[2]), marks, align(pixels, marks, CROP_LANDMARKS, CROP))
            if quality.gate is Gate.UNUSABLE or place is None:
                continue
            x, y, width, height = (float(value) for value in row[:4])
            box = (x, y, width, height)
            points = tuple((float(u), float(v)) for u, v in marks)
            sighting = Sighting(
                place=place,
                face=Face(box=box, landmarks=points, score=float(row[SCORE])),
                quality=quality,
                crop=head_crop(pixels, box, quality.roll),
            )
            seen.append(Seen(sighting=sighting, crop=self._embedder.crop(pixels, marks)))
        return seen, len(rows) - len(seen)

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        """Return a unit vector for each crop."""
        return self._embedder.embed(np.stack(crops))


def look_through(video: Video, eyes: Eyes, limits: VideoLimits, tell: Tell) -> Reel:
    """Return who is seen in a video.

    Args:
        video: opened.
        eyes: finds and tells apart faces.
        limits: what it may cost.
        tell: called after each picture that was looked at with the share that is done, 0 to 1.

    Raises:
        VideoRejected: over a limit on the way, or nothing in it can be decoded.
    """
    tracks = Tracks(limits.tracks)
    looked_at, unclear = 0, 0
    for frame in video.frames():
        faces, others = eyes.find(frame)
        tracks.see(frame.pixels, faces)
        looked_at += 1
        unclear += others > 0
        tell(min(1.0, frame.seconds / (video.said or limits.seconds)))
    groups = tracks.groups(eyes.embed)
    return Reel(
        width=video.width,
        height=video.height,
        seconds=round(video.seconds, 3),
        codec=video.codec,
        looked_at=looked_at,
        complete=video.complete,
        groups=tuple(groups[: limits.groups]),
        left_out=tracks.left_out + max(0, len(groups) - limits.groups),
        unclear=unclear,
    )
