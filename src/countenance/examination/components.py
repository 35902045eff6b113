"""The components of a face, from the top down, and what can be said of each."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Component(StrEnum):
    """A part of the face that is looked at for itself, in the order in which examiners go."""

    label: str
    help: str

    def __new__(cls, value: str, label: str, help_: str) -> Self:
        """Keep words and help beside the value that is stored."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.help = help_
        return member

    OUTLINE = "outline", "Face and head outline", "Shape of the whole, its length and breadth."
    HAIRLINE = "hairline", "Hairline", "Its course and symmetry; hair itself changes."
    FOREHEAD = "forehead", "Forehead", "Height, breadth, ridges above the eyes."
    EYEBROWS = "eyebrows", "Eyebrows", "Shape, thickness, distance from the eyes and each other."
    EYES = "eyes", "Eyes", "Openings, lids and folds, corners, distance from each other."
    CHEEKS = "cheeks", "Cheeks", "Bones, fullness, hollows, dimples."
    NOSE = "nose", "Nose", "Root, bridge, tip, wings, nostrils."
    EARS = "ears", "Ears", "Outline, lobes, folds, how far they stand off."
    MOUTH = "mouth", "Mouth and lips", "Breadth, fullness, course of the lips, the groove above."
    CHIN = "chin", "Chin and jaw", "Shape, cleft, angle of the jaw."
    LINES = "lines", "Lines and folds", "Where they run and how deep they are; they come with age."
    MARKS = "marks", "Scars and marks", "Moles, scars, marks: place, size and shape."


class Answer(StrEnum):
    """What an examiner says of one component in two photos."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        """Keep words beside the value that is stored."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    SIMILAR = "similar", "Similar"
    DIFFERENT = "different", "Different"
    CANNOT = "cannot", "Cannot compare"


class Visibility(StrEnum):
    """What an examiner says of one component of the probe, before any candidate is seen."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        """Keep words beside the value that is stored."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    CLEAR = "clear", "Clear"
    PARTLY = "partly", "Partly"
    HIDDEN = "hidden", "Not visible"
