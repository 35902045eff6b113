"""Pages that belong to no app: health, unsealing, the ledger's export, and what went wrong."""

from __future__ import annotations

import sys

import structlog
from django import forms
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance import config
from countenance.apps.approvals import exporting
from countenance.errors import (
    CountenanceError,
    DatabaseUnavailable,
    InputError,
    KeyUnavailable,
)
from countenance.sealing.factors import SPLIT
from countenance.sealing.keyfile import factor_kind
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import form_page
from countenance.ui.requests import Request
from countenance.web import problems, wiring

log = structlog.get_logger()


@require_safe
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 # a view is given its request
    """Say that the process answers, and whether it is sealed; nothing else."""
    return JsonResponse({"status": "sealed" if wiring.is_sealed() else "ok"})


class UnsealForm(Form):
    """The passphrase, once."""

    passphrase = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
        strip=False,
    )


def unseal(request: HttpRequest) -> HttpResponse:
    """Open the keys when the passphrase is posted."""
    if not wiring.is_sealed():
        return HttpResponseRedirect("/")
    form = UnsealForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if wiring.unseal_with_passphrase(form.cleaned_data["passphrase"]) is None:
                # A fresh form: it can only be told of two together whether they are right.
                return sealed(request, brought=True)
        except (InputError, KeyUnavailable):
            split = factor_kind(config.current().key_file) == SPLIT
            wrong = (
                "No two of what was typed so far open it. Each waits for ten minutes: type the other passphrase, or this "
                "one again."
                if split
                else "This is not the passphrase."
            )
            form.add_error("passphrase", wrong)
        else:
            return HttpResponseRedirect("/")
    return sealed(request, form)


def sealed(
    request: HttpRequest, form: UnsealForm | None = None, *, brought: bool = False
) -> HttpResponse:
    """Show the unseal page in place of whatever was asked for."""
    split = factor_kind(config.current().key_file) == SPLIT
    context = {"form": form or UnsealForm(), "split": split, "brought": brought}
    return render(request, "agencies/unseal.html", context, status=503)


def ledger_export(request: Request) -> HttpResponse:
    """Ask a second person to let the bodies of the agency's own entries be exported."""
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError, field="reason"):
            asked = exporting.ask_for_bodies(
                request.actor, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("approval", args=[asked.pk]))
    return form_page(
        request,
        form,
        heading="Export the ledger with bodies",
        verb="Ask for approval",
        back=reverse("ledger"),
        back_label="Ledger",
        section="ledger",
        lede="The bodies say who did what, and why. Once a supervisor or another auditor has approved it, "
        "“countenance ledger export FILE --bodies” writes them, for one day and once.",
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 # Django gives it
    """Say that a form was too old, or not from here; its content was not used."""
    return problems.problem_page(
        request,
        status=403,
        code="form_expired",
        detail="This form is too old or comes from another page, so it was not used.",
        way_out="Go back, load the page again, and send it once more.",
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 # Django gives it
    """Answer what cannot be read."""
    return problems.problem_page(
        request, status=400, code="bad_request", detail="The request is not one of ours."
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 # Django gives it
    """Answer what Django itself refuses."""
    return problems.problem_page(
        request, status=403, code="not_permitted", detail="This is not permitted."
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 # Django gives it
    """Answer an address that leads nowhere."""
    return problems.problem_page(
        request,
        status=404,
        code="not_found",
        detail="There is no page at this address.",
        way_out="Check the address, or start from the list of cases.",
    )


def failed(request: HttpRequest) -> HttpResponse:
    """Answer for a fault of ours; the cause is in the log, under the request's number."""
    error = sys.exception()
    log.error("request.failed", error=type(error).__name__)
    if isinstance(error, CountenanceError):
        return problems.page_of(request, error)
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        # Before or after a service, such as reading the session; services say it themselves.
        return problems.page_of(
            request, DatabaseUnavailable("The database does not answer just now.")
        )
    return problems.problem_page(
        request,
        status=500,
        code="error",
        detail="This is a fault of the program, not of what you did. Nothing half done was kept.",
        way_out="Try again. If it happens again, tell the custodian the number below.",
    )
