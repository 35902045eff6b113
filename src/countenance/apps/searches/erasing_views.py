"""Asking for the erasure of a closed case before its time, and carrying it out once it is approved."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from countenance.apps.approvals import queries as approvals
from countenance.apps.cases import queries as cases
from countenance.apps.searches.erasable import KIND
from countenance.apps.searches.erasing import ask_to_erase, erase_case
from countenance.errors import Conflict, NotFound
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "cases"


class ErasureForm(ReasonForm):
    """Why a case is erased before its time."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Say what kind of reason is meant, and that it stays."""
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = (
            "Such as a court's order, a person's request, or a mistake. It stays in the case and on the "
            "ledger, so name nobody whom the case is about."
        )


def erase(request: Request, case_id: UUID) -> HttpResponse:
    """Ask a second person to let a closed case be erased."""
    case = cases.case(request.actor, case_id)
    form = ErasureForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            asked = ask_to_erase(request.actor, case=case, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(reverse("approval", args=[asked.pk]))
    return form_page(
        request,
        form,
        heading="Erase this case early",
        verb="Ask a second person",
        back=reverse("case", args=[case.pk]),
        back_label=f"Case {case.reference}",
        section=SECTION,
        lede="Photos, videos, what searches found and what was written about it are destroyed before their time. "
        "Another supervisor or an auditor approves it; then you carry it out. That the case was there, "
        "who searched, where, when and why, stays.",
    )


def erased(request: Request, approval_id: UUID) -> HttpResponse:
    """Erase a case as a second person approved it."""
    approval = approvals.approval(request.actor, approval_id)
    if approval.kind != KIND:
        raise NotFound("There is nothing to carry out here.")
    case = cases.case(request.actor, approval.subject)
    form = Form(request.POST or None)
    if request.method == "POST":
        with ErrorsOn(form, Conflict):
            erase_case(request.actor, case=case, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Erase case {case.reference}?",
        verb="Erase it now",
        keep="Not now",
        back=reverse("approval", args=[approval.pk]),
        back_label="The request",
        crumb="Erase the case",
        section=SECTION,
        consequences=[
            "Its photos and videos, what its searches found, and what examiners and leads say of it are destroyed at once.",
            "Nobody can bring them back, also not the custodian.",
            "Each destruction has a certificate and an entry on the ledger.",
        ],
    )
