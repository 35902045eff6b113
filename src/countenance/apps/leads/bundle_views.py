"""The page that says what is in a case's disclosure bundle, and hands it over."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse

from countenance.apps.cases import queries
from countenance.apps.leads.bundling import export_bundle
from countenance.errors import InputError, WrongState
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import confirm_page
from countenance.ui.requests import Request

SECTION = "cases"
IN_IT = [
    (
        "One signed file with everything that was done in this case: every photo that was searched with, how copies "
        "were made of it, every request and search with its candidate list, also those that found nobody or were "
        "stopped, every examination and conclusion, leads with their reports, the authorities with their documents, "
        "the model cards, the error rates of the examiners, and the entries of the ledger with their proofs."
    ),
    (
        "Photos of galleries are not in it, except on the reports of leads whose photos may leave. What a frozen search found is not in it, "
        "only that it ran. What was destroyed is named. Controls are left out."
    ),
    (
        "It holds photos and names in clear. Hand it over only to whom the law names, and by a safe way; whoever "
        "receives it verifies it offline with “countenance verify-bundle”."
    ),
    (
        "That it was exported, by whom and when, is on the ledger, with its SHA-256. It is exported here only: no "
        "personal token can do it on the command line."
    ),
]


def case_bundle(request: Request, case_id: UUID) -> HttpResponse:
    """Export the disclosure bundle of a case, after saying what is in it."""
    case = queries.case(request.actor, case_id)
    form = Form(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        with ErrorsOn(form, WrongState, InputError):
            made = export_bundle(request.actor, case=case, tools=request.tools)
            answer = HttpResponse(made, content_type="application/zip")
            answer["Content-Disposition"] = f'attachment; filename="bundle-{case.pk.hex[:8]}.zip"'
            return answer
    return confirm_page(
        request,
        form,
        heading="Export the disclosure bundle",
        verb="Export the bundle",
        back=reverse("case", args=[case.pk]),
        back_label=f"Case {case.reference}",
        crumb="Export the bundle",
        section=SECTION,
        consequences=IN_IT,
        keep="Do not export",
    )
