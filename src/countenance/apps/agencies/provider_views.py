"""An agency's own sign-in provider: the coordinator's page, and the page on which a person links to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from countenance.apps.agencies import providers
from countenance.apps.agencies.account_views import proved
from countenance.apps.agencies.provider_sign_in_views import (
    COOKIE,
    FOUND_COOKIE,
    callback_of,
    drop_cookie,
    put_cookie,
)
from countenance.apps.agencies.views import site_of
from countenance.errors import Conflict, InputError, NotFound
from countenance.policy import is_stepped_up
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import confirm_page, status_of
from countenance.ui.requests import Request

SECTION = "people"
UNTYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class ProviderForm(Form):
    """What the provider's administrator gives out."""

    issuer = forms.CharField(
        max_length=500,
        widget=forms.URLInput(attrs=UNTYPED),
        help_text="The provider's address exactly as its documentation writes it, such as https://login.example.org.",
    )
    client_id = forms.CharField(
        label="Client ID", max_length=500, widget=forms.TextInput(attrs=UNTYPED)
    )
    # Named so that no page ever repeats it.
    client_password = forms.CharField(
        label="Client secret",
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Kept sealed, and never shown again.",
    )
    acr = forms.CharField(
        label="Levels that stand for a second factor",
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs=UNTYPED),
        help_text="Values of “acr”, separated by spaces. Only if the provider does not say “mfa”, “hwk”, “otp” or “sc” in “amr”.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def provider(request: Request) -> HttpResponse:
    """Show a coordinator the agency's sign-in provider, and take what they set."""
    present = providers.of(request.actor)
    initial = {}
    if present is not None:
        initial = {
            "issuer": present.issuer,
            "client_id": present.client_id,
            "acr": " ".join(present.acr),
        }
    form = ProviderForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError):
            _set(request, form.cleaned_data)
            request.session["done"] = "Your organisation's sign-in was set."
            return HttpResponseRedirect(reverse("provider"))
    start = reverse("provider_start", args=[request.actor.agency])
    context = {
        "section": SECTION,
        "form": form,
        "present": present,
        "agency_code": request.actor.agency,
        "callback": callback_of(request),
        "link": site_of(request).origin + start,
        "done": request.session.pop("done", "") if not form.is_bound else "",
    }
    return render(request, "agencies/provider.html", context, status=status_of(form))


def _set(request: Request, given: dict[str, Any]) -> None:
    """Ask the provider whether it is one, and keep what was given.

    Raises:
        InputError: it is none, or something is missing.
    """
    providers.try_out(request.actor, issuer=given["issuer"], tools=request.tools)
    providers.set_provider(
        request.actor,
        issuer=given["issuer"],
        client_id=given["client_id"],
        client_secret=given["client_password"],
        acr=given["acr"].split(),
        tools=request.tools,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def remove(request: Request) -> HttpResponse:
    """Remove the agency's sign-in provider, after asking."""
    if providers.of(request.actor) is None:
        raise NotFound("Your agency has no sign-in provider.")
    if request.method == "POST":
        providers.remove_provider(request.actor, tools=request.tools)
        request.session["done"] = "Your organisation's sign-in was removed."
        return HttpResponseRedirect(reverse("provider"))
    return confirm_page(
        request,
        Form(),
        heading="Remove your organisation's sign-in?",
        verb="Remove it",
        back=reverse("provider"),
        back_label="Your organisation's sign-in",
        crumb="Remove",
        section=SECTION,
        consequences=[
            "Every link of a person with their account there ends, and so does every session that began through it.",
            "Everybody still signs in with their passkey, or with password and code.",
        ],
    )


@require_safe
@proved
def link(request: Request) -> HttpResponse:
    """Show a person whether their account is linked with the provider, and what that means."""
    context = {
        "section": "account",
        "present": providers.of(request.actor),
        "linked_at": providers.linked_at(request.actor),
    }
    return render(request, "agencies/provider_link.html", context)


@require_GET
def link_start(request: Request) -> HttpResponse:
    """Send the browser of a signed-in person to their agency's provider."""
    if not is_stepped_up(request.actor, now=request.tools.clock()):
        # The proof is asked for there: its form must not lead to another site.
        return HttpResponseRedirect(reverse("provider_link"))
    url, number = providers.begin_link(
        request.actor, redirect_uri=callback_of(request), tools=request.tools
    )
    response = HttpResponseRedirect(url)
    put_cookie(response, COOKIE, number, strict=False)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def link_confirm(request: Request) -> HttpResponse:
    """Ask whether the account that was found is one's own, and link it."""
    number = request.COOKIES.get(FOUND_COOKIE, "")
    found = providers.found(request.actor, number, tools=request.tools)
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        with ErrorsOn(form, Conflict):
            providers.link_account(request.actor, number=number, tools=request.tools)
            request.session["done"] = "Your account is linked with your organisation's sign-in."
            response = HttpResponseRedirect(reverse("account"))
            drop_cookie(response, FOUND_COOKIE)
            return response
    context = {"section": "account", "form": form, "found": found}
    return render(request, "agencies/provider_confirm.html", context, status=status_of(form))


@require_POST
def unlink(request: Request) -> HttpResponse:
    """End the link with the provider."""
    providers.unlink_account(request.actor, tools=request.tools)
    request.session["done"] = "The link with your organisation's sign-in has ended."
    return HttpResponseRedirect(reverse("account"))
