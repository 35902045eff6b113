"""Opening and closing a case. The pages that show searches are beside the searches."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from countenance.apps.cases import queries, services
from countenance.errors import Conflict, InputError
from countenance.ui.forms import Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request


class CaseForm(Form):
    """What a case needs."""

    reference = forms.CharField(
        max_length=200, help_text="The case's number in your own files, such as 26-01187."
    )
    purpose = forms.CharField(
        max_length=500, help_text="What kind of duty this is, such as a missing person."
    )
    reason = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why this case needs searches. Read by your oversight body.",
    )


def new(request: Request) -> HttpResponse:
    """Open a case."""
    form = CaseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            case = services.open_case(request.actor, **form.cleaned_data, tools=request.tools)
        except (InputError, Conflict) as error:
            form.add_error(None, error.detail)
        else:
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return form_page(
        request,
        form,
        heading="Open a case",
        verb="Open the case",
        back=reverse("cases"),
        back_label="Cases",
        section="cases",
        lede="Every search belongs to a case. What you write here is sealed, and on the ledger.",
    )


def close(request: Request, case_id: UUID) -> HttpResponse:
    """Close a case with a reason."""
    case = queries.case(request.actor, case_id)
    back = reverse("case", args=[case.pk])
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.close_case(request.actor, case=case, **form.cleaned_data, tools=request.tools)
        except (InputError, Conflict) as error:
            form.add_error(None, error.detail)
        else:
            return HttpResponseRedirect(back)
    return confirm_page(
        request,
        form,
        heading=f"Close case {case.reference}?",
        verb="Close the case",
        keep="Keep it open",
        back=back,
        back_label=f"Case {case.reference}",
        crumb="Close",
        section="cases",
        consequences=[
            "A closed case allows no more probes and no more searches, and cannot be opened again.",
            "Its searches stay readable.",
        ],
    )
