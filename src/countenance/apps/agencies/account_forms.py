"""The forms of a person's own account, and the fields that joining shares with them."""

from __future__ import annotations

from typing import Any

from django import forms

from countenance.apps.agencies.factor_rows import MAX_NAME_LENGTH
from countenance.apps.agencies.proofs import MIN_PASSWORD_LENGTH
from countenance.policy import Scope
from countenance.ui.forms import Form

LONG_ENOUGH = (
    f"At least {MIN_PASSWORD_LENGTH} characters; a few words that belong together to you only."
)
LIVES = (
    (1, "1 hour"),
    (12, "12 hours"),
    (7 * 24, "7 days"),
    (30 * 24, "30 days"),
    (2160, "90 days"),
)


class NameForm(Form):
    """What a passkey is called on its owner's page."""

    name = forms.CharField(
        max_length=MAX_NAME_LENGTH,
        initial="This device",
        label="Name of the passkey",
        help_text="So that you know later which device it is on.",
    )


def code_field() -> forms.CharField:
    """Return the field for a code of the app that is being set up."""
    return forms.CharField(
        label="Code that the app shows now",
        max_length=16,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        ),
    )


def new_password_field(label: str, help_text: str = "") -> forms.CharField:
    """Return a field for a password to be."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class AppForm(Form):
    """The secret of an app, brought along until a code proves that the app has it."""

    app_secret = forms.CharField(max_length=128, widget=forms.HiddenInput)
    code = code_field()


class NewPasswordForm(Form):
    """The next password, twice."""

    new_password = new_password_field("New password", LONG_ENOUGH)
    new_password_again = new_password_field("New password, again")

    def clean(self) -> dict[str, Any]:
        """Refuse two that differ."""
        given = super().clean() or self.cleaned_data
        if given.get("new_password") != given.get("new_password_again"):
            self.add_error("new_password_again", "The two new passwords differ.")
        return given


class PasswordForm(NewPasswordForm):
    """The present password and the next one, twice."""

    old_password = forms.CharField(
        label="Present password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old_password", "new_password", "new_password_again")


class TokenForm(Form):
    """What a token is called, what it is for, and how long it lives."""

    name = forms.CharField(
        max_length=MAX_NAME_LENGTH,
        help_text="So that you know later where it is used: “laptop”, “night job”.",
    )
    scopes = forms.TypedMultipleChoiceField(
        label="What it may be used for", coerce=Scope, widget=forms.CheckboxSelectMultiple
    )
    hours = forms.TypedChoiceField(
        label="How long it lives", coerce=int, choices=LIVES, initial=12, widget=forms.RadioSelect
    )
