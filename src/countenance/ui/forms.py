"""The form class that every screen uses: our field template, errors said to screen readers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import DjangoTemplates


class Renderer(DjangoTemplates):
    """Django's widgets, our field and form templates."""

    form_template_name = "ui/form.html"
    field_template_name = "ui/field.html"


class Form(forms.Form):
    """A form whose fields render as `ui/field.html`."""

    default_renderer = Renderer
    required_css_class = "required"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Drop Django's trailing colons: labels are names, not prompts."""
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


class DateInput(forms.DateInput):
    """The browser's own date field."""

    input_type = "date"

    def __init__(self) -> None:
        """Use the format that the field understands in every language."""
        super().__init__(format="%Y-%m-%d")


class ReasonForm(Form):
    """Why something is closed or removed."""

    reason = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Recorded on the ledger. Read by your oversight body.",
    )
