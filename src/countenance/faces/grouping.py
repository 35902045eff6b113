"""Faces of a video, followed from picture to picture and gathered by person.

First by geometry alone: a face that is where one was a moment ago is the same face, until the scene
changes. Then one template of each face that was followed so far tells which of them look alike, so
that somebody who walks out and comes back is one group. These templates exist in the memory of a worker
that ends with its one video, are compared with each other and with nothing else, and have no field in
what the worker answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from countenance.faces.reel import BEST, Group, Sighting
from countenance.faces.types import Gate, Quality

Pixels = UInt8[np.ndarray, "_ _ 3"]
Vectors = Float[np.ndarray, "_ _"]
Box = tuple[float, float, float, float]
Embed = Callable[[Sequence[Pixels]], Vectors]

ALIKE = 0.45
"""Cosine from which on two faces of one video are gathered. Higher than for a search between photos, as
light and camera are the same; wrong either way costs a look, because a person chooses the frame."""

OVERLAP = 0.25
NEAR = 0.6
SIZES = 1.6
GAP = 2
"""So many looks may miss a face before it is followed no further."""

ASUNDER = 1.0
"""Seconds between two sightings of a group that are offered beside each other."""

STRETCHES = 3
"""So many times as many sightings as are offered are kept while a face is followed."""

CUT = 40.0
CUT_SIDE = 16
FULL_EYES, FULL_SHARPNESS = 60.0, 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A face in a picture that was looked at: the crop for the embedder beside the sighting."""

    sighting: Sighting
    crop: Pixels


@dataclass(slots=True, eq=False)
class _Track:
    box: Box
    look: int
    first: float
    last: float
    looks: set[int] = field(default_factory=set)
    best: list[Sighting] = field(default_factory=list)
    crop: Pixels | None = None

    def take(self, seen: Seen, look: int) -> None:
        sighting = seen.sighting
        self.box, self.look, self.last = sighting.face.box, look, sighting.place.seconds
        self.looks.add(look)
        if self.crop is None or worth(sighting.quality) > self.worth:
            self.crop = seen.crop
        self.best = _kept([*self.best, sighting])

    @property
    def worth(self) -> float:
        return max(worth(one.quality) for one in self.best)


class Tracks:
    """Faces that are followed; memory stays the same however long the video is."""

    def __init__(self, most: int) -> None:
        """Follow at most so many, and forget the worst beyond that."""
        self._most = most
        self._tracks: list[_Track] = []
        self._look, self._scene = -1, 0
        self._before: Float[np.ndarray, "_ _"] | None = None
        self.left_out = 0

    def see(self, pixels: Pixels, faces: Sequence[Seen]) -> None:
        """Take the faces of the next picture."""
        self._look += 1
        thumb = _thumb(pixels)
        cut = self._before is not None and float(np.abs(thumb - self._before).mean()) > CUT
        self._before = thumb
        if cut:
            self._scene = self._look
        oldest = max(self._scene, self._look - GAP)
        alive = [one for one in self._tracks if one.look >= oldest]
        for seen, track in _linked(alive, faces):
            followed = track
            if followed is None:
                at = seen.sighting.place.seconds
                followed = _Track(box=seen.sighting.face.box, look=self._look, first=at, last=at)
                self._tracks.append(followed)
            followed.take(seen, self._look)
        if len(self._tracks) > self._most:
            # What is still followed stays, lest a crowd at the end pushes out itself.
            self._tracks.sort(key=lambda one: (one.look != self._look, -len(one.looks), -one.worth))
            self.left_out += len(self._tracks) - self._most
            del self._tracks[self._most :]

    def groups(self, embed: Embed) -> list[Group]:
        """Return the groups, those that were seen most first."""
        tracks = self._tracks
        crops = [one.crop for one in tracks if one.crop is not None]
        gathered = gather(embed(crops), [one.looks for one in tracks]) if tracks else []
        groups = [_group([tracks[number] for number in numbers]) for numbers in gathered]
        return sorted(groups, key=lambda group: (-group.seen, group.first))


def gather(vectors: Vectors, looks: Sequence[set[int]]) -> list[list[int]]:
    """Return which faces look like one person, as lists of their numbers.

    Two that were seen in one picture are two people, whatever they look like.
    """
    alike = vectors @ vectors.T
    groups: dict[int, list[int]] = {number: [number] for number in range(len(looks))}
    home = list(range(len(looks)))
    taken = [set(one) for one in looks]
    firsts, seconds = np.triu_indices(len(looks), 1)
    near = alike[firsts, seconds] >= ALIKE
    pairs = sorted(
        zip(firsts[near].tolist(), seconds[near].tolist(), strict=True),
        key=lambda pair: -float(alike[pair]),
    )
    for one, other in pairs:
        a, b = home[one], home[other]
        if a == b or taken[a] & taken[b]:
            continue
        if float(alike[np.ix_(groups[a], groups[b])].mean()) < ALIKE:
            continue
        groups[a] += groups[b]
        taken[a] |= taken[b]
        for number in groups.pop(b):
            home[number] = a
    return list(groups.values())


def worth(quality: Quality) -> float:
    """Return how well a face compares, in one number, to put frames of one person in order."""
    size = min(quality.eye_distance / FULL_EYES, 1.0)
    frontal = max(0.0, math.cos(math.radians(quality.yaw)) * math.cos(math.radians(quality.pitch)))
    sharp = min(quality.sharpness / FULL_SHARPNESS, 1.0)
    return (quality.gate is Gate.GOOD) + size * frontal * sharp


def chosen(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the few that compare best, some time apart from each other, best first."""
    kept: list[Sighting] = []
    for one in sorted(sightings, key=lambda one: (-worth(one.quality), one.place.number)):
        apart = [abs(one.place.seconds - other.place.seconds) >= ASUNDER for other in kept]
        if all(apart):
            kept.append(one)
    return kept[:BEST]


def _kept(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the best sighting of each stretch of time, of as many stretches as are kept to choose from."""
    of_stretch: dict[int, Sighting] = {}
    for one in sightings:
        stretch = int(one.place.seconds // ASUNDER)
        other = of_stretch.get(stretch)
        if other is None or worth(one.quality) > worth(other.quality):
            of_stretch[stretch] = one
    best = sorted(of_stretch.values(), key=lambda one: -worth(one.quality))
    return best[: BEST * STRETCHES]


def _group(tracks: list[_Track]) -> Group:
    return Group(
        first=min(one.first for one in tracks),
        last=max(one.last for one in tracks),
        seen=len(set[int]().union(*(one.looks for one in tracks))),
        best=tuple(chosen([sighting for one in tracks for sighting in one.best])),
    )


def _thumb(pixels: Pixels) -> Float[np.ndarray, "_ _"]:
    """Return a few luma values of a picture, to tell a change of scene."""
    down = np.linspace(0, pixels.shape[0] - 1, CUT_SIDE).astype(int)
    across = np.linspace(0, pixels.shape[1] - 1, CUT_SIDE).astype(int)
    small: Float[np.ndarray, "_ _"] = pixels[np.ix_(down, across)].mean(axis=2)
    return small


def _linked(alive: list[_Track], faces: Sequence[Seen]) -> list[tuple[Seen, _Track | None]]:
    """Return each face with the one it goes on from, nearest pairs first."""
    pairs = [
        (closeness(track.box, seen.sighting.face.box), number, at)
        for at, track in enumerate(alive)
        for number, seen in enumerate(faces)
    ]
    of_face: dict[int, int] = {}
    for close, number, at in sorted(pairs, key=lambda pair: -pair[0]):
        if close > 0 and number not in of_face and at not in of_face.values():
            of_face[number] = at
    return [
        (seen, alive[of_face[number]] if number in of_face else None)
        for number, seen in enumerate(faces)
    ]


def closeness(one: Box, other: Box) -> float:
    """Return how near two boxes are; 0 if they cannot be one face a moment apart."""
    (x, y, w, h), (u, v, s, t) = one, other
    across = max(0.0, min(x + w, u + s) - max(x, u))
    down = max(0.0, min(y + h, v + t) - max(y, v))
    shared = across * down
    overlap = shared / (w * h + s * t - shared) if shared else 0.0
    size = (w + s) / 2
    apart = (
        math.hypot(x + w / 2 - u - s / 2, y + h / 2 - v - t / 2) / size if size > 0 else math.inf
    )
    alike = max(w, s) <= SIZES * min(w, s)
    if overlap < OVERLAP and not (alike and apart < NEAR):
        return 0.0
    return 1.0 + overlap - min(apart, 1.0)
