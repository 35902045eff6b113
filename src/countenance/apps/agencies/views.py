"""Signing in and out, and proving once more who one is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from countenance.apps.agencies import factors, sessions, signing, stepping
from countenance.apps.agencies.arrivals import SignedIn
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.agencies.webauthn import Purpose, Site
from countenance.errors import CertificateMissing, NotSignedIn
from countenance.policy import SYSTEM, is_stepped_up
from countenance.ui.forms import Form
from countenance.ui.requests import Request

CODE, ANSWER = "step_up_code", "step_up_answer"
"""The two fields by which any form brings a proof along."""
NOT_KEPT = ("password", "passphrase")
"""Fields whose names say this are never written into a page."""
REFUSED = 422
PROOF_NEEDED = 403


class SignInForm(Form):
    """Address, password and code; that something is wrong is said, what is wrong is not."""

    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
        help_text="6 digits from your authenticator app, or a recovery code.",
    )


def site_of(request: HttpRequest) -> Site:
    """Return where this browser reached us: a passkey works there only."""
    host = request.get_host()
    name = urlsplit(f"//{host}").hostname or host
    return Site(rp_id=name, origin=f"{request.scheme}://{host}")


def challenge_of(options: Mapping[str, Any], number: str) -> JsonResponse:
    """Answer `passkeys.js`, which gives the number back with what the device said."""
    return JsonResponse({**options, "number": number})


def read_answer(text: str) -> tuple[str, Mapping[str, Any]]:
    """Return number and answer as `passkeys.js` sent them; nothing of both if it is not that."""
    try:
        sent = json.loads(text)
        number, answer = sent["number"], sent["answer"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", {}
    if not isinstance(number, str) or not isinstance(answer, dict):
        return "", {}
    return number, answer


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: Request) -> HttpResponse:
    """Show the sign-in page, and start a session for whoever proves who they are."""
    where = where_to(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(where)
    with_passkey = request.method == "POST" and bool(request.POST.get("passkey"))
    form = SignInForm(request.POST if request.method == "POST" and not with_passkey else None)
    refusal, status = "", 200
    if request.method == "POST":
        status = REFUSED
        try:
            signed_in = _sign_in_with(request, form)
        except (NotSignedIn, CertificateMissing) as error:
            refusal = error.detail
        else:
            if signed_in is not None:
                sessions.begin(request, signed_in, tools=request.tools)
                # Nothing but the account is open before there is a new passkey or app.
                return HttpResponseRedirect(reverse("account") if signed_in.recovery else where)
    context = {"form": form, "refusal": refusal, "next": "" if where == "/" else where}
    return render(request, "agencies/sign_in.html", context, status=status)


def _sign_in_with(request: Request, form: SignInForm) -> SignedIn | None:
    """Return who proved who they are; None if the form lacks something."""
    if not form.is_bound:
        number, answer = read_answer(request.POST["passkey"])
        return signing.sign_in_with_passkey(
            SYSTEM, challenge=number, answer=answer, site=site_of(request), tools=request.tools
        )
    if not form.is_valid():
        return None
    return signing.sign_in(SYSTEM, **form.cleaned_data, tools=request.tools)


@require_POST
def sign_in_passkey(request: Request) -> HttpResponse:
    """Give a stranger's browser a challenge for whichever passkey it holds."""
    return challenge_of(*signing.passkey_challenge(site=site_of(request), tools=request.tools))


@require_POST
def sign_out(request: Request) -> HttpResponse:
    """End the session and record it."""
    signing.sign_out(request.actor, tools=request.tools)
    request.session.flush()
    response = HttpResponseRedirect(reverse("sign_in"))
    # Whatever the browser kept of this session, it drops now.
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def take_step_up(request: Request) -> HttpResponse | None:
    """Take the proof that a form brought along, if it did; the request goes on as proved.

    For the gate, after the form's own token was checked and before its view runs.

    Returns:
        The page that asks again, if the proof does not hold; then the view must not run.
    """
    if request.method != "POST":
        return None
    code, answer = request.POST.get(CODE, "").strip(), request.POST.get(ANSWER, "")
    if not (code or answer):
        return None
    try:
        if answer:
            number, said = read_answer(answer)
            at = stepping.step_up_with_passkey(
                request.actor,
                challenge=number,
                answer=said,
                site=site_of(request),
                tools=request.tools,
            )
        else:
            at = stepping.step_up(request.actor, code=code, tools=request.tools)
    except NotSignedIn as refusal:
        return step_up_page(request, refusal=refusal.detail)
    sessions.stepped_up(request.session, at, by=Factor.PASSKEY if answer else Factor.TOTP)
    request.actor = sessions.actor_of(cast("Person", request.user), request.session)
    return None


def step_up_page(request: Request, *, refusal: str = "") -> HttpResponse:
    """Ask who it is, and keep what was posted in the form, so that one proof later it goes on.

    Passwords and files are not kept: such a form, like a page, is opened anew after the proof.
    """
    here, back = request.get_full_path(), came_from(request)
    if request.headers.get("HX-Request"):
        # The page would land in a fragment of the page.
        away = f"{reverse('step_up')}?next={quote(back)}"
        return HttpResponse(status=PROOF_NEEDED, headers={"HX-Redirect": away})
    is_page = request.path == reverse("step_up")
    posted = request.method == "POST" and not is_page
    unkept = posted and (bool(request.FILES) or any(map(_is_unkept, request.POST)))
    action, kept = here, []
    if not is_page and (unkept or not posted):
        action = f"{reverse('step_up')}?next={quote(here)}"
    elif posted:
        kept = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in {CODE, ANSWER, "csrfmiddlewaretoken"}
            for value in values
        ]
    kinds = {one.kind for one in factors.of(request.actor)}
    context = {
        "action": action,
        "kept": kept,
        "unkept": unkept,
        "refusal": refusal,
        "back": back,
        "has_passkey": Factor.PASSKEY in kinds,
        "has_app": Factor.TOTP in kinds,
    }
    return render(request, "agencies/step_up.html", context, status=PROOF_NEEDED)


@require_http_methods(["GET", "HEAD", "POST"])
def step_up(request: Request) -> HttpResponse:
    """Ask for a proof; once it was taken (by the gate, as for every form), go where one wanted."""
    if request.method == "POST" and is_stepped_up(request.actor, now=request.tools.clock()):
        return HttpResponseRedirect(where_to(request))
    page = step_up_page(request)
    page.status_code = 200 if request.method != "POST" else REFUSED
    return page


@require_POST
def step_up_passkey(request: Request) -> HttpResponse:
    """Give the browser of a signed-in person a challenge for one of their passkeys."""
    site, tools = site_of(request), request.tools
    return challenge_of(*signing.passkey_challenge(site=site, purpose=Purpose.PROVE, tools=tools))


def where_to(request: Request) -> str:
    """Return where one wanted to go; never to another site."""
    where = request.POST.get("next") or request.GET.get("next", "")
    return where if url_has_allowed_host_and_scheme(where, allowed_hosts=None) else "/"


def came_from(request: HttpRequest) -> str:
    """Return the page of ours from which a request came, without the form it sent."""
    came = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came, allowed_hosts={request.get_host()}):
        return "/"
    parts = urlsplit(came)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _is_unkept(name: str) -> bool:
    return any(part in name for part in NOT_KEPT)
