"""A video file that was looked through: who is seen in it, when, and where they are seen best.

Nothing here decodes anything. What a worker says about a video is checked like any other input.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from countenance.errors import VideoRejected
from countenance.faces import wire
from countenance.faces.types import Face, Gate, Quality

MEGA = 1_000_000
BEST = 3
"""So many sightings of each group are kept to choose from."""

READABLE = "MP4, MOV, MKV, WebM, AVI, MPEG or FLV"
STARTS = re.compile(
    rb"....(ftyp|moov|mdat|wide|free|skip)|\x1a\x45\xdf\xa3|RIFF....AVI |\x00\x00\x01[\xb3\xba]|FLV\x01|G.{187}G",
    re.DOTALL,
)

LONGEST_REASON = 200
CROP_BYTES = 64 * 1024
HASH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """What one video may cost before it is rejected.

    Attributes:
        file_bytes: size of the file, which is held in memory.
        seconds: length of the video.
        frames: pictures that are decoded.
        side: pixels of the longer side.
        pixels: pixels of one picture.
        decoded: pixels of all pictures that are decoded.
        apart: seconds between two pictures in which faces are looked for.
        tracks: faces followed through the video, of which the best are kept.
        groups: groups that are returned.
        wall: seconds of wall time, after which the worker is stopped.
    """

    file_bytes: int = 200 * MEGA
    seconds: float = 15 * 60.0
    frames: int = 60_000
    side: int = 4096
    pixels: int = 4096 * 2304
    decoded: int = 300_000 * MEGA
    apart: float = 0.5
    tracks: int = 400
    groups: int = 40
    wall: float = 15 * 60.0

    def to_dict(self) -> dict[str, float]:
        """Return the limits as plain numbers, for a frame."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, float]) -> VideoLimits:
        """Return the limits in a frame."""
        whole = {field.name for field in fields(cls)} - {"seconds", "apart", "wall"}
        return cls(**{k: int(v) if k in whole else v for k, v in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which picture of a video: enough to take the very same one out of it again.

    Attributes:
        number: from 0, in the order in which pictures are shown.
        seconds: from the first picture.
        stamp: the container's own time stamp.
        sha256: of the picture's pixels, by which it is known again.
    """

    number: int
    seconds: float
    stamp: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the place as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Place:
        """Return the place in plain values.

        Raises:
            BadFrame: they are something else.
        """
        try:
            number, stamp = int(values["number"]), int(values["stamp"])
            seconds, sha256 = float(values["seconds"]), values["sha256"]
        except Exception as error:
            raise wire.BadFrame from error
        known = isinstance(sha256, str) and len(sha256) == HASH and sha256.isalnum()
        if number < 0 or not math.isfinite(seconds) or not known:
            raise wire.BadFrame
        return cls(number=number, seconds=seconds, stamp=stamp, sha256=sha256)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighting:
    """One face in one picture of a video.

    Attributes:
        crop: a small JPEG of the head, for choosing; nobody else is in it but by chance.
    """

    place: Place
    face: Face
    quality: Quality
    crop: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Sightings that look like one person; a person may be in more than one group.

    Attributes:
        first, last: seconds from the first picture.
        seen: in how many of the pictures that were looked at.
        best: the sightings that compare best, best first.
    """

    first: float
    last: float
    seen: int
    best: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reel:
    """What looking through a video found.

    Attributes:
        width, height: of its pictures, upright.
        seconds: from the first to the last picture that could be decoded.
        codec: how its pictures are stored.
        looked_at: in how many pictures faces were looked for.
        complete: False if it says that it is longer than what could be decoded.
        groups: those with the most sightings first.
        left_out: how many faces were followed and are not in `groups`, because there are too many.
        unclear: in how many pictures a face was seen that is too small or unclear to be compared.
    """

    width: int
    height: int
    seconds: float
    codec: str
    looked_at: int
    complete: bool
    groups: tuple[Group, ...]
    left_out: int
    unclear: int


def clock_words(seconds: float) -> str:
    """Return a time in a video as minutes and seconds."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def check_bytes(data: bytes, limits: VideoLimits) -> None:
    """Check how a file begins and how large it is, before anything decodes it.

    Raises:
        VideoRejected: it is empty, too large, or no video.
    """
    if not data:
        raise VideoRejected("The file is empty.")
    if len(data) > limits.file_bytes:
        size, most = len(data) / 1e6, limits.file_bytes / 1e6
        raise VideoRejected(f"The video has {size:.0f} MB; at most {most:.0f} MB are read.")
    if not STARTS.match(data):
        raise VideoRejected(f"This is not a video in a format that is read here ({READABLE}).")


def from_reel(reel: Reel) -> dict[str, Any]:
    """Return what was found as plain values."""
    return {
        "width": reel.width,
        "height": reel.height,
        "seconds": reel.seconds,
        "codec": reel.codec,
        "looked_at": reel.looked_at,
        "complete": reel.complete,
        "left_out": reel.left_out,
        "unclear": reel.unclear,
        "groups": [
            {
                "first": group.first,
                "last": group.last,
                "seen": group.seen,
                "best": [_from_sighting(one) for one in group.best],
            }
            for group in reel.groups
        ],
    }


def _from_sighting(one: Sighting) -> dict[str, Any]:
    return {
        "place": one.place.to_dict(),
        "box": list(one.face.box),
        "landmarks": [list(point) for point in one.face.landmarks],
        "score": one.face.score,
        "quality": {name: float(getattr(one.quality, name)) for name in wire.FIGURES},
        "gate": one.quality.gate.value,
        "reason": one.quality.reason,
        "crop": one.crop,
    }


def to_reel(values: dict[str, Any], limits: VideoLimits) -> Reel:
    """Return what was found, from a worker's reply.

    Raises:
        BadFrame: something in it is not what such a reply consists of.
    """
    try:
        reel = Reel(
            width=int(values["width"]),
            height=int(values["height"]),
            seconds=_finite(values["seconds"]),
            codec=str(values["codec"])[:16],
            looked_at=int(values["looked_at"]),
            complete=bool(values["complete"]),
            left_out=int(values["left_out"]),
            unclear=int(values["unclear"]),
            groups=tuple(_to_group(group) for group in values["groups"]),
        )
    except wire.BadFrame:
        raise
    except Exception as error:
        raise wire.BadFrame from error
    if len(reel.groups) > limits.groups:
        raise wire.BadFrame
    return reel


def _to_group(values: dict[str, Any]) -> Group:
    best = tuple(_to_sighting(one) for one in values["best"])
    if not 1 <= len(best) <= BEST:
        raise wire.BadFrame
    return Group(
        first=_finite(values["first"]),
        last=_finite(values["last"]),
        seen=int(values["seen"]),
        best=best,
    )


def _to_sighting(values: dict[str, Any]) -> Sighting:
    figures = {name: _finite(values["quality"][name]) for name in wire.FIGURES}
    x, y, width, height = (_finite(value) for value in values["box"])
    marks = tuple((_finite(u), _finite(v)) for u, v in values["landmarks"])
    crop, reason = values["crop"], values["reason"]
    if not isinstance(crop, bytes) or len(crop) > CROP_BYTES or len(marks) != wire.LANDMARKS:
        raise wire.BadFrame
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        raise wire.BadFrame
    return Sighting(
        place=Place.from_dict(values["place"]),
        face=Face(box=(x, y, width, height), landmarks=marks, score=_finite(values["score"])),
        quality=Quality(gate=Gate(values["gate"]), reason=reason, **figures),
        crop=crop,
    )


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type] # what it is not, raises
    if not math.isfinite(number):
        raise wire.BadFrame
    return number
