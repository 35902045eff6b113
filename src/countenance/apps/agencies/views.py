"""Signing in and out."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login, logout
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from countenance.apps.agencies import services
from countenance.errors import NotSignedIn
from countenance.policy import SYSTEM
from countenance.ui.forms import Form
from countenance.ui.requests import Request


class SignInForm(Form):
    """Address and password; that something is wrong is said, what is wrong is not."""

    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def sign_in(request: Request) -> HttpResponse:
    """Show the sign-in page, and start a session for whoever gives the right password."""
    where = request.POST.get("next") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(where, allowed_hosts=None):
        where = "/"
    if request.user.is_authenticated:
        return HttpResponseRedirect(where)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                person = services.sign_in(SYSTEM, **form.cleaned_data, tools=request.tools)
            except NotSignedIn as refusal:
                form.add_error(None, refusal.detail)
            else:
                login(request, person, backend="django.contrib.auth.backends.ModelBackend")
                return HttpResponseRedirect(where)
        status = 422
    context = {"form": form, "next": "" if where == "/" else where}
    return render(request, "agencies/sign_in.html", context, status=status)


@require_POST
def sign_out(request: Request) -> HttpResponse:
    """End the session and record it."""
    services.sign_out(request.actor, tools=request.tools)
    logout(request)
    response = HttpResponseRedirect("/sign-in/")
    # Whatever the browser kept of this session, it drops now.
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response
