"""How a photo was made of another one, in words; every step can be undone, because what it was made of stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from countenance.errors import InputError

Box = tuple[int, int, int, int]

MOST_STEPS = 3
"""So far is a photo made brighter, darker, steeper or flatter at once."""

TURNS = {1: "Turned to the right", 2: "Turned upside down", 3: "Turned to the left"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One step from a photo to another.

    Attributes:
        probe: what was made.
        made_of: what it was made of, which stays as it is.
        how: `box` (x, y, width, height in pixels of what it was made of, or None), `quarter_turns`
            clockwise, and steps of `brightness` and `contrast`.
        words: the same for people, one sentence a change.
        by: the person who asked for it.
    """

    probe: UUID
    made_of: UUID
    how: dict[str, Any]
    words: list[str]
    by: UUID
    at: datetime


def whole_pixels(box: Sequence[float], photo: Mapping[str, Any]) -> Box:
    """Return the part of a box that lies in a photo (its `width` and `height`), to whole pixels.

    Raises:
        InputError: nothing of it does.
    """
    x, y, width, height = box
    left, top = max(0, round(x)), max(0, round(y))
    right = min(int(photo["width"]), round(x + width))
    bottom = min(int(photo["height"]), round(y + height))
    if right <= left or bottom <= top:
        raise InputError("This part lies outside of the photo.")
    return left, top, right - left, bottom - top


def words_of(how: Mapping[str, Any]) -> list[str]:
    """Return what was done to a photo, one sentence a change, in the order in which it was done."""
    said = []
    if how.get("box"):
        x, y, width, height = how["box"]
        said.append(
            f"Cropped to {width} × {height} px, {x} px from the left and {y} px from the top."
        )
    if how.get("quarter_turns"):
        said.append(f"{TURNS[how['quarter_turns']]}.")
    if brightness := how.get("brightness", 0):
        said.append(f"Made {'brighter' if brightness > 0 else 'darker'} by {_steps(brightness)}.")
    if contrast := how.get("contrast", 0):
        said.append(f"Contrast {'raised' if contrast > 0 else 'lowered'} by {_steps(contrast)}.")
    return said


def short_words(how: Mapping[str, Any]) -> list[str]:
    """Return what was done to a photo in a few words, by which a list tells one copy from another."""
    said = [f"cropped to {how['box'][2]} × {how['box'][3]} px"] if how.get("box") else []
    if how.get("quarter_turns"):
        said.append(TURNS[how["quarter_turns"]].lower())
    if brightness := how.get("brightness", 0):
        said.append(f"{'brighter' if brightness > 0 else 'darker'} by {_steps(brightness)}")
    if contrast := how.get("contrast", 0):
        said.append(f"{'more' if contrast > 0 else 'less'} contrast by {_steps(contrast)}")
    return said


def _steps(count: int) -> str:
    return f"{abs(count)} step{'s' if abs(count) != 1 else ''}"
