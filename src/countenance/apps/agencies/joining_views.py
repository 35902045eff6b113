"""How an invited person joins: one page with password and first proof, then the recovery codes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from countenance.apps.agencies import factors, joining
from countenance.apps.agencies.account_forms import (
    LONG_ENOUGH,
    code_field,
    new_password_field,
)
from countenance.apps.agencies.account_views import app_pictures, recovery_codes_page
from countenance.apps.agencies.factor_rows import MAX_NAME_LENGTH
from countenance.apps.agencies.models import Invitation
from countenance.apps.agencies.views import challenge_of, read_answer, site_of
from countenance.errors import InputError, KeyUnavailable, NotFound
from countenance.policy import SYSTEM
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

GONE = 404


class JoinForm(Form):
    """A password, and either a passkey or a code of an app that took the secret in."""

    password = new_password_field("Password", LONG_ENOUGH)
    password_again = new_password_field("Password, again")
    passkey_name = forms.CharField(
        label="Name of the passkey",
        max_length=MAX_NAME_LENGTH,
        initial="This device",
        required=False,
        help_text="So that you know later which device it is on.",
    )
    passkey = forms.CharField(required=False, max_length=64 * 1024)
    app_secret = forms.CharField(max_length=128, widget=forms.HiddenInput)
    code = code_field()

    def clean(self) -> dict[str, Any]:
        """Refuse two passwords that differ; a passkey needs no code."""
        given = super().clean() or self.cleaned_data
        if given.get("password") != given.get("password_again"):
            self.add_error("password_again", "The two passwords differ.")
        if given.get("passkey"):
            self.errors.pop("code", None)
        return given


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: Request, *, secret: str) -> HttpResponse:
    """Let the person whom this link was made for join."""
    try:
        invited = joining.open_invitation(secret, tools=request.tools)
        if request.method != "POST":
            begun = factors.begin_app(tools=request.tools)
            return _page(request, JoinForm(initial={"app_secret": begun}), invited, secret)
        form = JoinForm(request.POST)
        if form.is_valid():
            with ErrorsOn(form, InputError):
                codes = _accept(request, secret, form.cleaned_data)
                return recovery_codes_page(request, codes, joined=True)
        return _page(request, form, invited, secret)
    except (NotFound, KeyUnavailable):
        # The second: somebody of another agency is signed in, whose keys do not open it.
        return render(request, "agencies/invitation_gone.html", status=GONE)


def _accept(request: Request, secret: str, given: dict[str, Any]) -> list[str]:
    """Make the account and return its recovery codes."""
    first: joining.FirstApp | joining.FirstPasskey
    if given["passkey"]:
        number, answer = read_answer(given["passkey"])
        first = joining.FirstPasskey(
            challenge=number,
            answer=answer,
            name=given["passkey_name"] or "This device",
            site=site_of(request),
        )
    else:
        first = joining.FirstApp(secret=given["app_secret"], code=given["code"])
    _, codes = joining.accept(
        SYSTEM, secret=secret, password=given["password"], first=first, tools=request.tools
    )
    return codes


def _page(request: Request, form: JoinForm, invited: Invitation, secret: str) -> HttpResponse:
    """Show whom the link is for and where they are invited to; not by whom, nor as what."""
    label = str(invited.details["email"])
    context = {
        "form": form,
        "secret": secret,
        "name": invited.details["name"],
        "agency": invited.agency.own_name or invited.agency.name,
        **app_pictures(form["app_secret"].value(), label),
    }
    return render(request, "agencies/invitation.html", context, status=status_of(form))


@require_POST
def invitation_passkey(request: Request, *, secret: str) -> HttpResponse:
    """Give the browser of the invited person a challenge for a passkey to be made."""
    try:
        made = joining.passkey_registration(secret, site=site_of(request), tools=request.tools)
    except (NotFound, KeyUnavailable):
        return HttpResponse(status=GONE)
    return challenge_of(*made)
