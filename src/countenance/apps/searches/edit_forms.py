"""The forms with which a copy of a photo is made, or a face in it is marked."""

from __future__ import annotations

from typing import Any

from django import forms

from countenance.apps.searches.edits import MOST_STEPS
from countenance.ui.forms import Form

STEPS = range(-MOST_STEPS, MOST_STEPS + 1)


class PartForm(Form):
    """A part of a photo, in pixels, from the upper left corner."""

    x = forms.IntegerField(min_value=0, label="From the left")
    y = forms.IntegerField(min_value=0, label="From the top")
    width = forms.IntegerField(min_value=1)
    height = forms.IntegerField(min_value=1)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return the part, once the form is valid."""
        part = self.cleaned_data
        return part["x"], part["y"], part["width"], part["height"]


class MarkForm(PartForm):
    """Where a face is: the same four numbers, said of a box around it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Name the numbers otherwise, because both forms are on one page."""
        super().__init__(*args, **kwargs)
        for name, label in (
            ("x", "Left edge"),
            ("y", "Top edge"),
            ("width", "Across"),
            ("height", "Down"),
        ):
            self.fields[name].label = label


class LightForm(Form):
    """How much lighter, darker, steeper or flatter a photo is made."""

    brightness = forms.TypedChoiceField(
        coerce=int,
        initial=0,
        choices=[
            (step, f"{abs(step)} {'darker' if step < 0 else 'brighter'}" if step else "As it is")
            for step in STEPS
        ],
    )
    contrast = forms.TypedChoiceField(
        coerce=int,
        initial=0,
        choices=[
            (step, f"{abs(step)} {'less' if step < 0 else 'more'}" if step else "As it is")
            for step in STEPS
        ],
    )
