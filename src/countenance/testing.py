"""Fakes for tests: an engine that reads made-up photos, so no model and no worker is needed.

```python
engine = FakeEngine()
anna = FakeEngine.photo("anna", shot=1)
again = FakeEngine.photo("anna", shot=2)
ben = FakeEngine.photo("ben")
```

Templates of two shots of one person have a cosine of about 0.8, of two persons about 0 (and
never 0.5). A made-up photo is a real, tiny JPEG with a note for the fake after its end, so it can
also be shown by a browser.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import simplejpeg

from countenance.errors import CountenanceError, ImageRejected, VideoRejected, WorkerUnavailable
from countenance.faces.picture import laid, turned_box
from countenance.faces.reel import Group, Place, Reel, Sighting
from countenance.faces.types import (
    CROP_SIDE,
    AnalysedFace,
    Analysis,
    Face,
    Gate,
    Quality,
    Template,
)
from countenance.testing_places import (
    HEIGHT,
    WIDTH,
    Note,
    face_of,
    faces_in,
    middle_lies_in,
    missed_in,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    Box = tuple[float, float, float, float]

MARK = b"countenance-fake-photo:"
VIDEO_START = b"\x00\x00\x00\x18ftypmp42"
SPREAD = 0.5
"""How far a shot lies from its person; two shots then have a cosine of 1 / (1 + SPREAD²) = 0.8."""

REASONS = {
    Gate.GOOD: "",
    Gate.LIMITED: "The face is small: 24 px wide; 32 px or more compare better.",
    Gate.UNUSABLE: "The eyes are 7 px apart; at least 9 px are needed.",
}


class _VideoNote(TypedDict):
    people: list[str]
    seconds: float
    rejected: str


class FakeEngine:
    """A deterministic engine for photos made by `FakeEngine.photo`; everything else is rejected.

    Attributes:
        analysed: how many photos were analysed so far, rejected ones included.
    """

    def __init__(self, *, model: str = "fake/1", dimensions: int = 128) -> None:
        """Make an engine whose templates carry `model` and are `dimensions` long."""
        self._model = model
        self._dimensions = dimensions
        self._closed = False
        self.analysed = 0

    @staticmethod
    def photo(
        person: str = "someone",
        shot: int = 1,
        *,
        faces: int = 1,
        others: Sequence[str] = (),
        gate: Gate = Gate.GOOD,
        rejected: str = "",
        missed: str = "",
    ) -> bytes:
        """Return a photo that the fake understands.

        Args:
            person: whose face is the first (and largest).
            shot: which photo of that person; other shots are near, but not equal.
            faces: how many faces in all; 0 for none. Beyond `person` and `others` they are
                strangers that appear in no other photo.
            others: who else is in it.
            gate: the quality of the first face.
            rejected: if given, the photo is refused with this reason.
            missed: who is in it besides, where only `analyse_part` finds them: at `MISSED_FACE.box`.
        """
        people = [person, *others] if faces else []
        people += [f"stranger {i} of {person} {shot}" for i in range(len(people), faces)]
        note = {"people": people, "shot": shot, "gate": gate.value, "rejected": rejected}
        note |= {"missed": missed} if missed else {}
        tint = _colour(person + str(shot))
        picture = _jpeg(np.full((12, 16, 3), tint, np.uint8))
        return picture + MARK + json.dumps(note, sort_keys=True).encode()

    def template(self, person: str, shot: int = 1) -> Template:
        """Return the template that this person's face in this shot gets."""
        vector = _unit(person, self._dimensions)
        noise = _unit(f"{person} in shot {shot}", self._dimensions)
        noise -= vector * float(vector @ noise)
        noise /= np.linalg.norm(noise)
        mixed = vector + SPREAD * noise
        mixed /= np.linalg.norm(mixed)
        return Template(vector=mixed.astype(np.float32), model=self._model)

    @property
    def model(self) -> str:
        """Return the id that every template of this engine carries."""
        return self._model

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return self._dimensions

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Analysis:
        """Return what `photo` put into these bytes; see `tools.PhotoEngine`."""
        note = self._read(data)
        self.analysed += 1
        if note["rejected"]:
            raise ImageRejected(note["rejected"])
        people = note["people"]
        gates = [Gate(note["gate"]), *[Gate.GOOD] * len(people)]
        faces = []
        placed = faces_in(note)
        for number, (person, gate) in enumerate(zip(people, gates, strict=False)):
            wanted = templates and only in (None, number) and gate is not Gate.UNUSABLE
            face = placed[number]
            faces.append(
                AnalysedFace(
                    face=face,
                    quality=_quality(face, gate),
                    template=self.template(person, note["shot"]) if wanted else None,
                    crop=_jpeg(np.full((CROP_SIDE, CROP_SIDE, 3), _colour(person), np.uint8)),
                )
            )
        width, height = size_of(note)
        return Analysis(width=width, height=height, format="JPEG", faces=tuple(faces))

    def analyse_part(self, data: bytes, *, box: Box, templates: bool = True) -> Analysis:
        """Return the face that `analyse` misses if the middle of the box lies in it; see `tools.PhotoEngine`."""
        note = self._read(data)
        x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
        missed = missed_in(note)
        left, top, side, _ = missed.box
        faces = []
        if note.get("missed") and left <= x < left + side and top <= y < top + side:
            person = note["missed"]
            template = self.template(person, note["shot"]) if templates else None
            crop = _jpeg(np.full((CROP_SIDE, CROP_SIDE, 3), _colour(person), np.uint8))
            quality = _quality(missed, Gate.GOOD)
            faces.append(AnalysedFace(face=missed, quality=quality, template=template, crop=crop))
        width, height = size_of(note)
        return Analysis(width=width, height=height, format="JPEG", faces=tuple(faces))

    def analyse_many(
        self, photos: Iterable[tuple[object, bytes]]
    ) -> Iterator[tuple[object, Analysis | Exception]]:
        """Yield (tag, analysis or error) for each photo, in the order given."""
        for tag, data in photos:
            try:
                yield tag, self.analyse(data)
            except CountenanceError as error:
                yield tag, error

    def render(
        self, data: bytes, *, long_side: int, blur: Iterable[Box] = (), keep: Box | None = None
    ) -> bytes:
        """Return a small JPEG with a tinted square per face; blurred boxes are grey."""
        note = self._read(data)
        if note["rejected"]:
            raise ImageRejected(note["rejected"])
        width, height = size_of(note)
        canvas = np.full((height, width, 3), 235, np.uint8)
        for person, face in zip(note["people"], faces_in(note), strict=True):
            _fill(canvas, face.box, _colour(person))
        if note.get("missed"):
            _fill(canvas, missed_in(note).box, _colour(note["missed"]))
        clear = canvas.copy()
        for box in blur:
            _fill(canvas, box, (128, 128, 128))
        if keep is not None:
            x, y, across, down = (max(0, round(value)) for value in keep)
            canvas[y : y + down, x : x + across] = clear[y : y + down, x : x + across]
        step = max(1, -(-max(width, height) // long_side))
        return _jpeg(canvas[::step, ::step])

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
        """Return the photo as `render` does, laid on a canvas."""
        shown = self.render(data, long_side=long_side, blur=blur, keep=keep)
        picture = simplejpeg.decode_jpeg(shown, "RGB")
        width, height = size_of(self._read(data))
        scale = (width / picture.shape[1], height / picture.shape[0])
        return laid(picture, scale, to_photo, size, ())

    def cut(
        self,
        data: bytes,
        *,
        box: tuple[int, int, int, int] | None = None,
        quarter_turns: int = 0,
        brightness: int = 0,
        contrast: int = 0,
    ) -> bytes:
        """Return a photo of those people whose face's middle lies in the box."""
        note = self._read(data)
        if note["rejected"]:
            raise ImageRejected(note["rejected"])
        width, height = size_of(note)
        box = (0, 0, width, height) if box is None else box
        kept = [
            (person, turned_box(face.box, box, quarter_turns))
            for person, face in zip(note["people"], faces_in(note), strict=True)
            if middle_lies_in(face.box, box)
        ]
        people = [person for person, _ in kept]
        size = box[2:] if quarter_turns % 2 == 0 else box[:1:-1]
        cut: Note = {
            **note,
            "people": people,
            "size": [float(side) for side in size],
            "boxes": [place for _, place in kept],
            "missed_box": turned_box(missed_in(note).box, box, quarter_turns),
        }
        if note.get("missed") and not middle_lies_in(missed_in(note).box, box):
            del cut["missed"]
        light = f" {brightness} {contrast}" if brightness or contrast else ""
        tint = _colour(f"{people} {box} {quarter_turns}{light}")
        picture = _jpeg(np.full((12, 16, 3), tint, np.uint8))
        return picture + MARK + json.dumps(cut, sort_keys=True).encode()

    def irises(
        self, data: bytes, *, landmarks: Sequence[Sequence[float]]
    ) -> tuple[tuple[float, float], ...]:
        """Return the landmarks as they are: nobody here has irises."""
        if (rejected := self._read(data)["rejected"]) != "":
            raise ImageRejected(rejected)
        return tuple((float(x), float(y)) for x, y in landmarks)

    @staticmethod
    def video(*people: str, seconds: float = 60.0, rejected: str = "") -> bytes:
        """Return a video that the fake understands: each person is seen twice, at a time of their own."""
        note = {"people": people, "seconds": seconds, "rejected": rejected}
        return VIDEO_START + MARK + json.dumps(note, sort_keys=True).encode()

    def look_through(self, data: bytes, *, notify: Callable[[float], None]) -> Reel:
        """Return what `video` put into these bytes; see `tools.PhotoEngine`."""
        note = self._read_video(data)
        groups = []
        for number, person in enumerate(note["people"]):
            at = note["seconds"] * number / len(note["people"])
            notify(number / len(note["people"]))
            best = tuple(_sighting(person, 2 * number + shot, at + 2 * shot) for shot in (0, 1))
            groups.append(Group(first=at, last=at + 2, seen=2, best=best))
        notify(1.0)
        return Reel(
            width=WIDTH,
            height=HEIGHT,
            seconds=note["seconds"],
            codec="fake",
            looked_at=2 * int(note["seconds"]),
            complete=True,
            groups=tuple(groups),
            left_out=0,
            unclear=0,
        )

    def frame_of(self, data: bytes, place: Place) -> bytes:
        """Return a photo of the person who is seen at a place; see `tools.PhotoEngine`."""
        people = self._read_video(data)["people"]
        return self.photo(people[place.number // 2], shot=100 + place.number)

    def _read_video(self, data: bytes) -> _VideoNote:
        if self._closed:
            msg = "The engine is closed."
            raise WorkerUnavailable(msg)
        start, mark, note = data.rpartition(MARK)
        if not mark or not start.startswith(VIDEO_START):
            msg = (
                "No picture of this video can be decoded: it is only sound, or damaged, or cut off."
            )
            raise VideoRejected(msg)
        parsed: _VideoNote = json.loads(note)
        if parsed["rejected"]:
            raise VideoRejected(parsed["rejected"])
        return parsed

    def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True

    def _read(self, data: bytes) -> Note:
        if self._closed:
            msg = "The engine is closed."
            raise WorkerUnavailable(msg)
        _, mark, note = data.rpartition(MARK)
        if not mark:
            msg = "This file is not a photo in a format that is read here."
            raise ImageRejected(msg)
        parsed: Note = json.loads(note)
        return parsed


def _unit(words: str, dimensions: int) -> npt.NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest())
    vector = np.random.default_rng(seed).standard_normal(dimensions)
    return vector / np.linalg.norm(vector)


def _colour(words: str) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(words.encode()).digest()[:3]
    return 64 + red // 2, 64 + green // 2, 64 + blue // 2


def _sighting(person: str, number: int, seconds: float) -> Sighting:
    face = face_of(0, 1)
    return Sighting(
        place=Place(
            number=number,
            seconds=seconds,
            stamp=number,
            sha256=hashlib.sha256(f"{person} {number}".encode()).hexdigest(),
        ),
        face=face,
        quality=_quality(face, Gate.GOOD),
        crop=_jpeg(np.full((CROP_SIDE, CROP_SIDE, 3), _colour(f"{person}{number}"), np.uint8)),
    )


def _quality(face: Face, gate: Gate) -> Quality:
    return Quality(
        eye_distance=face.landmarks[1][0] - face.landmarks[0][0],
        yaw=0.0,
        pitch=0.0,
        roll=0.0,
        sharpness=0.8,
        brightness=120.0,
        contrast=50.0,
        gate=gate,
        reason=REASONS[gate],
    )


def _jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=80))


def _fill(canvas: npt.NDArray[np.uint8], box: Box, colour: tuple[int, int, int]) -> None:
    x, y, width, height = (max(0, round(value)) for value in box)
    canvas[y : y + height, x : x + width] = colour
