"""The written scale of conclusions."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Conclusion(StrEnum):
    """What an examiner concludes of a probe and a candidate: opinions in steps, never a number."""

    label: str
    sentence: str
    direction: int

    def __new__(cls, value: str, label: str, sentence: str, direction: int) -> Self:
        """Keep words and direction beside the value that is stored."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.sentence = sentence
        member.direction = direction
        return member

    SAME_STRONG = (
        "same_strong",
        "Strong support for one person",
        (
            "What can be compared agrees, also in rare features, and nothing differs that time, light or "
            "the camera would not explain."
        ),
        1,
    )
    SAME = (
        "same",
        "Support for one person",
        "What can be compared agrees more than it differs; the differences can be explained.",
        1,
    )
    NEITHER = (
        "neither",
        "No support either way",
        "Too little can be compared, or as much speaks for one person as for two.",
        0,
    )
    OTHER = (
        "other",
        "Support for two people",
        "What can be compared differs more than it agrees.",
        -1,
    )
    OTHER_STRONG = (
        "other_strong",
        "Strong support for two people",
        "A feature differs in a way that time, light or the camera cannot explain.",
        -1,
    )

    @property
    def supports(self) -> bool:
        """Say whether it supports that both photos show one person."""
        return self.direction > 0
