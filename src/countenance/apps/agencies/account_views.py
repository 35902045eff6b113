"""What a person sees and changes of their own account: means of signing in, sessions, tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from countenance.apps.agencies import (
    factors,
    notices,
    noticing,
    providers,
    queries,
    sessions,
    tokens,
)
from countenance.apps.agencies.account_forms import (
    AppForm,
    NameForm,
    NewPasswordForm,
    PasswordForm,
    TokenForm,
)
from countenance.apps.agencies.models import Factor
from countenance.apps.agencies.views import challenge_of, read_answer, site_of, step_up_page
from countenance.errors import Conflict, InputError, NotFound
from countenance.policy import Scope, is_stepped_up
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import confirm_page, form_page, status_of
from countenance.ui.requests import Request

P = ParamSpec("P")

METHODS: Mapping[str, str] = {
    Factor.PASSKEY: "with a passkey",
    Factor.TOTP: "with password and app",
    Factor.RECOVERY: "with a recovery code",
    sessions.PROVIDER: "with your organisation's sign-in",
}
SCOPES: Mapping[Scope, str] = {
    Scope.READ: "Read: galleries, cases, authorities and their lists",
    Scope.ENROL: "Enrol: sources and photos",
    Scope.CASES: "Cases: open them, add evidence, ask for searches",
    Scope.SEARCH: "Search: run searches and see candidates, for 12 hours at most",
    Scope.MANAGE: "Manage: people, approvals, terms, removal of sources, for 12 hours at most",
    Scope.AUDIT: "Audit: read and export the ledger, for 12 hours at most",
}
HOUR = timedelta(hours=1)
LOCKED = (
    "Your password opens nothing since a backup was restored. Prove with a passkey who you are, then set a new one. "
    "Without a passkey, your coordinator lets you in anew."
)


def proved(
    view: Callable[Concatenate[Request, P], HttpResponse],
) -> Callable[Concatenate[Request, P], HttpResponse]:
    """Ask for a recent proof before the page of a key operation is shown, not only when it is sent."""

    @wraps(view)
    def wrapper(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not is_stepped_up(request.actor, now=request.tools.clock()):
            return step_up_page(request)
        return view(request, *args, **kwargs)

    return wrapper


@require_safe
def account(request: Request) -> HttpResponse:
    """Show a person everything that belongs to their own account."""
    means = factors.of(request.actor)
    person = queries.person(request.actor)
    app = next((one for one in means if one.kind == Factor.TOTP), None)
    codes = next((one for one in means if one.kind == Factor.RECOVERY), None)
    shown = sessions.of(request.actor, here=row_of(request), tools=request.tools)
    context = {
        "section": "account",
        "person": person,
        "roles": sorted(role.value for role in request.actor.roles),
        "passkeys": [one for one in means if one.kind == Factor.PASSKEY],
        "app": app,
        "codes": codes,
        "password_locked": factors.is_password_locked(request.actor),
        "recovering": sessions.is_recovery(request.session),
        "sessions": [{"row": one, "method": METHODS.get(one.method, "")} for one in shown],
        "tokens": tokens.of(request.actor, tools=request.tools),
        "provider": providers.of(request.actor),
        "linked_at": providers.linked_at(request.actor),
        "notices": noticing.wants_notices(person),
        "done": request.session.pop("done", ""),
    }
    return render(request, "agencies/account.html", context)


@require_POST
def notices_change(request: Request) -> HttpResponse:
    """Switch notices by e-mail on or off."""
    wanted = request.POST.get("notices") == "on"
    notices.set_notices(request.actor, wanted=wanted, tools=request.tools)
    said = "on: you are told that something waits" if wanted else "off: look into your inbox"
    return _done(request, f"Notices by e-mail are {said}.")


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def passkey_new(request: Request) -> HttpResponse:
    """Add a passkey that the browser has just made."""
    form = NameForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        number, answer = read_answer(request.POST.get("passkey", ""))
        with ErrorsOn(form, InputError):
            factors.add_passkey(
                request.actor,
                challenge=number,
                answer=answer,
                name=form.cleaned_data["name"],
                site=site_of(request),
                tools=request.tools,
            )
            sessions.recovered(request.session)
            return _done(request, "The passkey was added. From now on you can sign in with it.")
    context = {"form": form, "section": "account"}
    return render(request, "agencies/passkey_new.html", context, status=status_of(form))


@require_POST
def passkey_options(request: Request) -> HttpResponse:
    """Give the browser a challenge for a passkey to be made."""
    made = factors.passkey_registration(request.actor, site=site_of(request), tools=request.tools)
    return challenge_of(*made)


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def app_new(request: Request) -> HttpResponse:
    """Set up an authenticator app; the present one goes on working until the new one is proved."""
    if request.method == "POST":
        form = AppForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data
            with ErrorsOn(form, InputError, field="code"):
                factors.add_app(
                    request.actor,
                    secret=given["app_secret"],
                    code=given["code"],
                    tools=request.tools,
                )
                sessions.recovered(request.session)
                return _done(request, "The authenticator app was set up.")
    else:
        form = AppForm(initial={"app_secret": factors.begin_app(tools=request.tools)})
    person = queries.person(request.actor)
    context = {
        "form": form,
        "section": "account",
        "replaces": any(one.kind == Factor.TOTP for one in factors.of(request.actor)),
        **app_pictures(form["app_secret"].value(), person.email),
    }
    return render(request, "agencies/app_new.html", context, status=status_of(form))


def app_pictures(secret: object, label: str) -> dict[str, Any]:
    """Return the secret of an app in groups of four, and as a picture.

    Raises:
        InputError: it is not one of ours, because somebody changed the form.
    """
    text = str(secret or "")
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    try:
        svg = factors.qr_svg(factors.app_uri(text, label))
    except ValueError:
        raise InputError("This form is not complete any more. Open its page anew.") from None
    return {"app_secret": groups, "qr": mark_safe(svg)}  # noqa: S308 # drawn by us, of no one's words


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def factor_remove(request: Request, *, factor_id: UUID) -> HttpResponse:
    """Remove a passkey or the app, after asking."""
    means = next((one for one in factors.of(request.actor) if one.id == factor_id), None)
    if means is None or means.kind == Factor.RECOVERY:
        raise NotFound
    what = f"the passkey “{means.name}”" if means.kind == Factor.PASSKEY else "the app"
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        with ErrorsOn(form, Conflict):
            factors.remove_factor(request.actor, factor=factor_id, tools=request.tools)
            return _done(request, f"{what[:1].upper()}{what[1:]} was removed.")
    return confirm_page(
        request,
        form,
        heading=f"Remove {what}?",
        verb="Remove it",
        back=reverse("account"),
        back_label="My account",
        crumb="Remove",
        section="account",
        consequences=["Nobody can sign in with it any more. Your sessions go on."],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def recovery_codes_new(request: Request) -> HttpResponse:
    """Make new recovery codes and show them once."""
    if request.method == "POST":
        codes = factors.make_recovery_codes(request.actor, tools=request.tools)
        return recovery_codes_page(request, codes, joined=False)
    return confirm_page(
        request,
        Form(),
        heading="Make new recovery codes?",
        verb="Make new codes",
        back=reverse("account"),
        back_label="My account",
        crumb="Recovery codes",
        section="account",
        keep="Keep the present ones",
        consequences=["Those that you have stop working at once. The new ones are shown once."],
    )


def recovery_codes_page(request: Request, codes: list[str], *, joined: bool) -> HttpResponse:
    """Show recovery codes, this once."""
    context = {
        "codes": codes,
        "joined": joined,
        "next": reverse("sign_in" if joined else "account"),
        "section": "account",
    }
    return render(request, "agencies/recovery_codes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def password_change(request: Request) -> HttpResponse:
    """Change the password; the other sessions end."""
    if factors.is_password_locked(request.actor):
        return _password_again(request)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError):
            factors.change_password(
                request.actor,
                old=form.cleaned_data["old_password"],
                new=form.cleaned_data["new_password"],
                keep=row_of(request),
                tools=request.tools,
            )
            sessions.renew(request)
            return _done(request, "The password was changed. Your other sessions have ended.")
    return form_page(
        request,
        form,
        heading="Change the password",
        verb="Change the password",
        back=reverse("account"),
        back_label="My account",
        section="account",
        lede="Your other sessions end; passkeys, app and tokens go on working.",
    )


def _password_again(request: Request) -> HttpResponse:
    """Set a password in place of one that a restore locked; only a passkey proves enough for that."""
    if not sessions.is_by_passkey(request.session):
        return step_up_page(request, refusal=LOCKED)
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError):
            factors.replace_locked_password(
                request.actor,
                new=form.cleaned_data["new_password"],
                by_passkey=sessions.is_by_passkey(request.session),
                keep=row_of(request),
                tools=request.tools,
            )
            sessions.renew(request)
            return _done(request, "The new password was set. Your other sessions have ended.")
    return form_page(
        request,
        form,
        heading="Set a new password",
        verb="Set the password",
        back=reverse("account"),
        back_label="My account",
        section="account",
        lede="A backup was restored, and your earlier passwords open nothing any more. "
        "Your other sessions end; passkeys, app and tokens go on working.",
    )


@require_POST
def session_end(request: Request, *, session_id: UUID) -> HttpResponse:
    """End one of the person's own sessions."""
    sessions.end(request.actor, session_id=session_id, tools=request.tools)
    return _done(request, "The session has ended. Whoever used it is out at the next click.")


@require_POST
def sessions_end(request: Request) -> HttpResponse:
    """End all of the person's sessions but this one."""
    sessions.end_others(request.actor, here=row_of(request), tools=request.tools)
    return _done(request, "Your other sessions have ended.")


@require_http_methods(["GET", "HEAD", "POST"])
@proved
def token_new(request: Request) -> HttpResponse:
    """Make a token and show its secret once."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    scopes = cast("forms.ChoiceField", form.fields["scopes"])
    scopes.choices = [(one.value, SCOPES[one]) for one in tokens.usable_scopes(request.actor)]
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        with ErrorsOn(form, InputError):
            token, secret = tokens.make_token(
                request.actor,
                name=given["name"],
                scopes=given["scopes"],
                lasts=given["hours"] * HOUR,
                tools=request.tools,
            )
            context = {
                "section": "account",
                "name": given["name"],
                "scopes": [one.value for one in given["scopes"]],
                "secret": secret,
                "expires_at": token.expires_at,
            }
            return render(request, "agencies/token.html", context)
    return form_page(
        request,
        form,
        heading="Make a token",
        verb="Make the token",
        back=reverse("account"),
        back_label="My account",
        section="account",
        lede="A token lets the command line act in your name, never with more than your roles.",
    )


@require_POST
def token_revoke(request: Request, *, token_id: UUID) -> HttpResponse:
    """Make one of the person's own tokens useless."""
    tokens.revoke_token(request.actor, token=token_id, tools=request.tools)
    return _done(request, "The token was revoked.")


def row_of(request: Request) -> UUID | None:
    """Return the id of the session's row, by which its owner may name it."""
    return cast("sessions.SessionStore", request.session).row_id


def _done(request: Request, said: str) -> HttpResponse:
    request.session["done"] = said
    return HttpResponseRedirect(reverse("account"))
