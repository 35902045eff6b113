"""Signing in with the provider of one's organisation, and coming back from it.

Everything on the way is a link or a refresh: the pages' policy sends forms to us only, and what a form
is redirected to counts as well. A visit begun from another site carries none of our strict cookies,
so whoever comes back gets a page from which our own next page is opened.
"""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_safe

from countenance.apps.agencies import flows, providers, sessions
from countenance.apps.agencies.views import SignInForm, site_of, where_to
from countenance.errors import CertificateMissing, InputError, NotFound, NotSignedIn
from countenance.policy import SYSTEM
from countenance.ui.forms import Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

COOKIE = "__Host-provider" if settings.SESSION_COOKIE_SECURE else "provider"
FOUND_COOKIE = "__Host-provider-found" if settings.SESSION_COOKIE_SECURE else "provider-found"
REFUSED, GONE = 422, 404


class CodeForm(Form):
    """The code of one's agency."""

    agency = forms.UUIDField(
        label="Code of your agency",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Your coordinator has it. Your organisation may also give you a link that holds it.",
        error_messages={"invalid": "A code has 32 letters and digits in five groups."},
    )


def callback_of(request: Request) -> str:
    """Return where a provider sends the browser back to; it has to know this address."""
    return site_of(request).origin + reverse("provider_callback")


def put_cookie(response: HttpResponseBase, name: str, number: str, *, strict: bool) -> None:
    """Let the browser hold the number of its visit; coming back from elsewhere, it shows it too."""
    response.set_cookie(
        name,
        number,
        max_age=flows.LASTS,
        path="/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict" if strict else "Lax",
    )


def drop_cookie(response: HttpResponseBase, name: str) -> None:
    """Take that number away."""
    put_cookie(response, name, "", strict=True)
    response.cookies[name]["max-age"] = 0


@require_safe
def code(request: Request) -> HttpResponse:
    """Ask a stranger for the code of their agency; the answer is the same for every code."""
    where = where_to(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(where)
    form = CodeForm(request.GET if "agency" in request.GET else None)
    if form.is_bound and form.is_valid():
        start_at = reverse("provider_start", args=[form.cleaned_data["agency"]])
        return _onward(
            request,
            _with_next(start_at, where),
            heading="To your organisation's sign-in",
            said="You are being taken there. Afterwards you come back.",
        )
    context = {"form": form, "next": "" if where == "/" else where}
    return render(request, "agencies/provider_code.html", context, status=status_of(form))


@require_GET
def start(request: Request, agency_id: UUID) -> HttpResponse:
    """Send a stranger's browser to the provider of an agency."""
    where = where_to(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(where)
    try:
        url, number = providers.begin_sign_in(
            agency_id, redirect_uri=callback_of(request), where=where, tools=request.tools
        )
    except NotFound as refusal:
        return _refused(request, refusal.detail, status=GONE)
    response = HttpResponseRedirect(url)
    put_cookie(response, COOKIE, number, strict=False)
    return response


@require_GET
def callback(request: Request) -> HttpResponse:
    """Take a browser back from a provider: to sign in, or to find the account that is to be linked."""
    number = request.COOKIES.get(COOKIE, "")
    try:
        visit = providers.take_visit(number, tools=request.tools)
    except InputError as error:
        response = _refused(request, error.detail)
    else:
        response = _sign_in(request, visit) if visit.person is None else _found(request, visit)
    drop_cookie(response, COOKIE)
    return response


def _sign_in(request: Request, visit: flows.Visit) -> HttpResponse:
    if request.user.is_authenticated:
        # Signed in meanwhile, in another window; nobody else takes this browser over.
        return HttpResponseRedirect(visit.where)
    try:
        signed_in = providers.sign_in_with_provider(
            SYSTEM, visit=visit, answer=request.GET.dict(), tools=request.tools
        )
    except (NotSignedIn, CertificateMissing) as refusal:
        return _refused(request, refusal.detail)
    sessions.begin(request, signed_in, tools=request.tools)
    return _onward(
        request,
        visit.where,
        heading="You are signed in",
        said="Your page is being opened.",
    )


def _found(request: Request, visit: flows.Visit) -> HttpResponse:
    """Keep what was found until its owner, on a page of their session, says that it is to be linked."""
    try:
        number = providers.find(visit, request.GET.dict(), tools=request.tools)
    except InputError as error:
        return _onward(
            request,
            reverse("provider_link"),
            heading="Your account was not linked",
            said=error.detail,
            at_once=False,
        )
    response = _onward(
        request,
        reverse("provider_link_confirm"),
        heading="You are back",
        said="One question is left before your account is linked.",
    )
    put_cookie(response, FOUND_COOKIE, number, strict=True)
    return response


def _onward(
    request: Request, href: str, *, heading: str, said: str, at_once: bool = True
) -> HttpResponse:
    """Show a page that opens another page of ours, by itself or by its link."""
    context = {"href": href, "heading": heading, "said": said, "at_once": at_once}
    return render(request, "agencies/provider_onward.html", context)


def _refused(request: Request, refusal: str, *, status: int = REFUSED) -> HttpResponse:
    context = {"form": SignInForm(), "refusal": refusal, "next": ""}
    return render(request, "agencies/sign_in.html", context, status=status)


def _with_next(path: str, where: str) -> str:
    return path if where == "/" else f"{path}?{urlencode({'next': where})}"
