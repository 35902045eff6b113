"""A checklist as a form: from what was said to fields, and from what is posted to what was said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countenance.errors import InputError
from countenance.examination.checklist import LONGEST_NOTE, MOST_PINS, Checklist, Pin
from countenance.examination.components import Answer, Component, Visibility
from countenance.ui.faceview import SeenPin

NAMED = 3
"""So many missing components are named; of more only the number and the next are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One component as the form shows it."""

    name: str
    label: str
    help: str
    said: str | None
    note: str
    pins: tuple[Pin, ...]

    @property
    def pins_json(self) -> str:
        """Return the pins as their field holds them."""
        return json.dumps([pin.as_json() for pin in self.pins], separators=(",", ":"))

    @property
    def summary(self) -> str:
        """Return what the closed note says of its content."""
        count = len(self.pins)
        words = ["Note"] if self.note else []
        words += [f"{count} pin" if count == 1 else f"{count} pins"] if count else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """What `ui/checklist.html` and `ui/decide.html` show."""

    rows: tuple[Row, ...]
    answers: tuple[Answer | Visibility, ...]
    note: str
    longest_note: int = LONGEST_NOTE
    most_pins: int = MOST_PINS

    @property
    def done(self) -> int:
        """Return of how many components something is said."""
        return sum(row.said is not None for row in self.rows)

    @property
    def missing(self) -> str:
        """Return in words what is still to be said."""
        return missing_words([row.label for row in self.rows if row.said is None], len(self.rows))

    @property
    def pins(self) -> tuple[SeenPin, ...]:
        """Return all pins, to be drawn on the photos."""
        return tuple(
            SeenPin(
                number=number, name=row.label, x=pin.x, y=pin.y, probe=pin.probe, photo=pin.photo
            )
            for row in self.rows
            for number, pin in enumerate(row.pins, start=1)
        )


def marking(checklist: Checklist, answers: type[Answer | Visibility] = Answer) -> Marking:
    """Return a checklist as a form of all components, with what was said so far."""
    rows = []
    for component in Component:
        mark = checklist.mark(component)
        rows.append(
            Row(
                name=str(component),
                label=component.label,
                help=component.help,
                said=mark.said,
                note=mark.note,
                pins=mark.pins,
            )
        )
    return Marking(rows=tuple(rows), answers=tuple(answers), note=checklist.note)


def missing_words(labels: Sequence[str], of: int) -> str:
    """Return which components are still to be answered, as a sentence; `checklist.js` says the same."""
    if not labels:
        return f"All {of} components are answered."
    if len(labels) > NAMED:
        return f"{len(labels)} components are still to be answered. Next: {labels[0]}."
    return f"Still to be answered: {', '.join(labels)}."


def posted(data: Mapping[str, str]) -> dict[str, Any]:
    """Return what a posted form says, as `read_comparison` and `read_analysis` take it.

    Args:
        data: the fields of the form: `said-`, `note-` and `pins-` of each component, and `note`.

    Raises:
        InputError: pins are no list.
    """
    return {"marks": dict(_marks(data)), "note": _lines(data.get("note", ""))}


def _marks(data: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for component in Component:
        said = data.get(f"said-{component}") or None
        note = _lines(data.get(f"note-{component}", ""))
        pins = _pins(data.get(f"pins-{component}", ""))
        if said or note or pins:
            yield str(component), {"said": said, "note": note, "pins": pins}


def _lines(text: str) -> str:
    # Browsers send CR LF for each line, and count one character for both in `maxlength`.
    return text.replace("\r\n", "\n").strip()


def _pins(text: str) -> list[Any]:
    try:
        pins = json.loads(text or "[]")
    except (ValueError, RecursionError) as error:
        raise InputError("A pin has two coordinates.") from error
    if not isinstance(pins, list):
        raise InputError("A pin has two coordinates.")
    return pins
