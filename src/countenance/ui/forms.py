"""The form class that every screen uses: our field template, errors said to screen readers."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from django import forms
from django.forms.renderers import DjangoTemplates

from countenance.errors import Conflict, CountenanceError, InputError


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


class ErrorsOn:
    """Shows on a form what a service says against it, in place of another page.

    A view returns from inside of it when all went well; past it, the view shows its own page again.
    """

    def __init__(
        self, form: Form, *kinds: type[CountenanceError], field: str | None = None
    ) -> None:
        """Show these kinds of error (none named: unusable input and conflicts), at one field or above all."""
        self.form = form
        self.kinds = kinds or (InputError, Conflict)
        self.field = field

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Put the error on the form if it is of these kinds; let any other pass."""
        if not isinstance(error, self.kinds):
            return False
        self.form.add_error(self.field, error.detail)
        return True


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
