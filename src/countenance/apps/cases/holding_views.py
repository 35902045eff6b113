"""Setting the legal hold of a case, and lifting it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from countenance.apps.cases import holding, queries
from countenance.errors import InputError
from countenance.ui.forms import ErrorsOn, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "cases"


def hold(request: Request, case_id: UUID) -> HttpResponse:
    """Keep everything of a case until the hold is lifted."""
    case = queries.case(request.actor, case_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError, field="reason"):
            holding.hold_case(request.actor, case=case, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return form_page(
        request,
        form,
        heading="Set a legal hold",
        verb="Set the hold",
        back=reverse("case", args=[case.pk]),
        back_label=f"Case {case.reference}",
        section=SECTION,
        lede="While it is on, no clock destroys photos or results of this case, also after it is closed. "
        "What was found under an authority that was refused is destroyed all the same.",
    )


def release(request: Request, case_id: UUID) -> HttpResponse:
    """Lift the hold of a case."""
    case = queries.case(request.actor, case_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError, field="reason"):
            holding.release_case(request.actor, case=case, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return confirm_page(
        request,
        form,
        heading="Lift the legal hold",
        verb="Lift the hold",
        back=reverse("case", args=[case.pk]),
        back_label=f"Case {case.reference}",
        crumb="Lift the hold",
        section=SECTION,
        consequences=[
            "The clocks of this case run again, from the day on which it was closed.",
            "What should have been destroyed by now is destroyed within the hour, for good.",
        ],
        keep="Keep the hold",
    )
