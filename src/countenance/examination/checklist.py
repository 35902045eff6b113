"""What an examiner writes down: of the probe alone first, then of probe and candidate."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from countenance.errors import InputError
from countenance.examination.components import Answer, Component, Visibility

LONGEST_NOTE = 2000
MOST_PINS = 12
FARTHEST = 6.0
LEAST_COMPARABLE = len(Component) // 2
FAR = "A pin lies on the face."
NOWHERE = "A pin lies on a photo that there is."
MOST_PHOTOS = 999

Said = TypeVar("Said", Answer, Visibility)


@dataclass(frozen=True, slots=True)
class Pin:
    """A point on a face, in face units: eyes level and one apart, the point between them at 0, 0.

    x grows to the right and y downwards, as in the picture. `probe` and `photo` say which photo of the
    probe and which of the candidate it was put on, counted from 1.
    """

    x: float
    y: float
    probe: int = 1
    photo: int = 1

    def __post_init__(self) -> None:
        """Refuse a point that is on no face, and a photo that cannot be."""
        if not all(abs(one) <= FARTHEST for one in (self.x, self.y)):
            raise InputError(FAR)
        if not all(1 <= one <= MOST_PHOTOS for one in (self.probe, self.photo)):
            raise InputError(NOWHERE)

    def as_json(self) -> list[float]:
        """Return it as it is sealed: x, y, and the numbers of the two photos."""
        return [self.x, self.y, self.probe, self.photo]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of one component: an answer or None so far, a note, and where it is seen."""

    said: str | None = None
    note: str = ""
    pins: tuple[Pin, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as it is sealed."""
        return {"said": self.said, "note": self.note, "pins": [p.as_json() for p in self.pins]}


@dataclass(frozen=True, slots=True)
class Checklist:
    """Marks by component, of the probe alone or of probe and candidate; and a note on the whole."""

    marks: Mapping[Component, Mark] = field(default_factory=dict)
    note: str = ""

    @property
    def missing(self) -> list[Component]:
        """Return the components of which nothing was said yet, from the top down."""
        return [c for c in Component if self.mark(c).said is None]

    @property
    def comparable(self) -> int:
        """Return of how many components something other than "cannot" or "hidden" is said."""
        nothing = (None, Answer.CANNOT, Visibility.HIDDEN)
        return sum(self.mark(c).said not in nothing for c in Component)

    def mark(self, component: Component) -> Mark:
        """Return what is said of a component; an empty mark if nothing is."""
        return self.marks.get(component, Mark())

    def as_json(self) -> dict[str, Any]:
        """Return it as it is sealed."""
        marks = {str(c): self.mark(c).as_json() for c in Component if c in self.marks}
        return {"marks": marks, "note": self.note}


def enough_to_lead(checklist: Checklist) -> bool:
    """Say whether so much could be compared that a lead may stand on it: half of the components."""
    return checklist.comparable >= LEAST_COMPARABLE


def read_analysis(data: object) -> Checklist:
    """Return what was said of the probe alone, from its JSON.

    Raises:
        InputError: it says something else than a component can be.
    """
    return _read(data, Visibility)


def read_comparison(data: object) -> Checklist:
    """Return what was said of probe and candidate, from its JSON.

    Raises:
        InputError: as for `read_analysis`.
    """
    return _read(data, Answer)


def _read(data: object, words: type[Said]) -> Checklist:
    if not isinstance(data, Mapping):
        raise InputError("A checklist has the components of a face, and a note.")
    given = data.get("marks", {})
    known = {str(c): c for c in Component}
    if not isinstance(given, Mapping) or not set(given) <= set(known):
        raise InputError("A checklist has the components of a face, and no others.")
    marks = {known[name]: _mark(value, words) for name, value in given.items()}
    return Checklist(marks=marks, note=_note(data.get("note", "")))


def _mark(value: object, words: type[Said]) -> Mark:
    if not isinstance(value, Mapping):
        raise InputError("What is said of a component has an answer, a note and pins.")
    said = value.get("said")
    if said == "":  # nothing was chosen in the form
        said = None
    if said is not None and said not in list(words):
        raise InputError("Say of each component one of the answers given.")
    pins = value.get("pins", [])
    if not isinstance(pins, (list, tuple)) or len(pins) > MOST_PINS:
        raise InputError(f"A note has at most {MOST_PINS} pins.")
    return Mark(
        said=None if said is None else str(said),
        note=_note(value.get("note", "")),
        pins=tuple(_pin(one) for one in pins),
    )


def _pin(value: object) -> Pin:
    if not isinstance(value, (list, tuple)) or len(value) not in {2, 4}:
        raise InputError("A pin has two coordinates, and may say on which two photos it lies.")
    x, y, *photos = value
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (x, y)):
        raise InputError("A pin has two coordinates.")
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in photos):
        raise InputError(NOWHERE)
    if any(abs(one) > FARTHEST for one in (x, y)):  # one may be too large to be a float
        raise InputError(FAR)
    return Pin(round(float(x), 3), round(float(y), 3), *photos)


def _note(value: object) -> str:
    if not isinstance(value, str):
        raise InputError("A note is text.")
    # A form posts line ends as two characters, though its field counts them as one.
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise InputError(f"A note has at most {LONGEST_NOTE:,} characters.")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t" for sign in text):
        raise InputError("A note is text: it has a character that cannot be shown or printed.")
    return text
