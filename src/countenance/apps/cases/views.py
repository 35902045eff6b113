"""Opening a case, changing who and what it is under, closing it. The pages themselves are beside the searches."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from countenance import policy
from countenance.apps.approvals import queries as approvals
from countenance.apps.approvals.services import ask
from countenance.apps.cases import queries, services, words
from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.widening import widen_case, widening
from countenance.apps.galleries import grants
from countenance.errors import NotFound
from countenance.policy.approvals import ApprovalKind
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "cases"
NO_AUTHORITY_YET = "None yet: the case waits until it has one"


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
    authority = forms.ChoiceField(
        required=False, help_text="By what right. No search runs without one that covers it."
    )
    expires_on = forms.DateField(label="Last day", widget=DateInput())
    members = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Other investigators who may see it. Examiners, supervisors and auditors always do.",
    )

    def offer(self, request: Request) -> None:
        """Fill in what this person can choose from."""
        _choose_authority(self.fields["authority"], request)
        _choose_members(self, request, besides=request.actor.person)


class AuthorityForm(Form):
    """Another authority for a case."""

    authority = forms.ChoiceField(help_text="Searches count towards it from now on.")


class MembersForm(Form):
    """Who may see a case."""

    members = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Examiners, supervisors and auditors see every case of the agency.",
    )


def new(request: Request) -> HttpResponse:
    """Open a case."""
    today = request.tools.clock().date()
    initial = {"expires_on": today + services.CASE_LASTS}
    form = CaseForm(request.POST or None, initial=initial)
    form.offer(request)
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        said["authority"] = _authority(request, said["authority"])
        said["members"] = [UUID(one) for one in said.get("members", ())]
        with ErrorsOn(form):
            case = services.open_case(request.actor, **said, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return form_page(
        request,
        form,
        heading="Open a case",
        verb="Open the case",
        back=reverse("cases"),
        back_label="Cases",
        section=SECTION,
        lede="Every search belongs to a case. What you write here is sealed, and on the ledger.",
    )


def authority(request: Request, case_id: UUID) -> HttpResponse:
    """Put a case under another authority."""
    case = queries.case(request.actor, case_id)
    form = AuthorityForm(request.POST or None, initial={"authority": str(case.authority_id or "")})
    _choose_authority(form.fields["authority"], request)
    if request.method == "POST" and form.is_valid():
        chosen = _authority(request, form.cleaned_data["authority"])
        assert chosen is not None  # noqa: S101 # the form requires one
        with ErrorsOn(form):
            services.set_authority(request.actor, case=case, authority=chosen, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return form_page(
        request,
        form,
        heading="Put the case under an authority",
        verb="Use this authority",
        **_back(case),
        lede="Listed are those of your agency that have not ended and have searches left. "
        "If none fits, propose one first.",
    )


def members(request: Request, case_id: UUID) -> HttpResponse:
    """Say who may see a case."""
    case = queries.case(request.actor, case_id)
    initial = {"members": [str(one) for one in case.member_ids]}
    form = MembersForm(request.POST or None, initial=initial)
    _choose_members(form, request, besides=case.opened_by_id)
    if "members" not in form.fields:
        raise NotFound("Nobody else of your agency can be a member of a case yet.")
    if request.method == "POST" and form.is_valid():
        wanted = [UUID(one) for one in form.cleaned_data["members"]]
        with ErrorsOn(form):
            services.change_members(request.actor, case=case, members=wanted, tools=request.tools)
            return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return form_page(
        request,
        form,
        heading="Members of the case",
        verb="Save the members",
        **_back(case),
        lede=f"{case.opened_by.name} opened the case and sees it in any case.",
    )


def widen(request: Request, case_id: UUID) -> HttpResponse:
    """Ask a supervisor to let a case be about one person more."""
    case = queries.case(request.actor, case_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = widening(case)
        with ErrorsOn(form):
            approval = ask(
                request.actor,
                kind=ApprovalKind.CASE_WIDENING,
                subject=case.pk,
                summary=f"Let case {case.reference} be about {wanted['people']} people.",
                payload=wanted,
                **form.cleaned_data,
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("approval", args=[approval.pk]))
    about = "one person" if case.people == 1 else f"{case.people} people"
    return form_page(
        request,
        form,
        heading="Widen the case",
        verb="Ask a supervisor",
        **_back(case),
        lede=f"The case is about {about}. A search for somebody else is stopped. A supervisor can widen it "
        "to one person more; then you carry it out.",
    )


def widened(request: Request, approval_id: UUID) -> HttpResponse:
    """Widen a case as a supervisor approved it."""
    approval = approvals.approval(request.actor, approval_id)
    if approval.kind != ApprovalKind.CASE_WIDENING:
        raise NotFound("There is nothing to carry out here.")
    case = queries.case(request.actor, approval.subject)
    form = Form(request.POST or None)
    if request.method == "POST":
        widen_case(request.actor, case=case, tools=request.tools)
        return HttpResponseRedirect(reverse("case", args=[case.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Widen case {case.reference}?",
        verb="Widen the case",
        keep="Not now",
        back=reverse("approval", args=[approval.pk]),
        back_label="The request",
        crumb="Widen the case",
        section=SECTION,
        consequences=["Searches for one person more are possible then. An approval works once."],
    )


def gallery_for_case(request: Request, gallery_id: UUID, case_id: UUID) -> HttpResponse:
    """Ask a supervisor to let an open case search a sensitive gallery."""
    case = queries.case(request.actor, case_id)
    policy.permit_case_work(request.actor, case.facts, today=request.tools.clock().date())
    gallery = grants.searchable(request.actor, gallery_id)
    with grants.reading(request.actor, [gallery], tools=request.tools):
        name = gallery.name
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            approval = ask(
                request.actor,
                kind=ApprovalKind.SENSITIVE_GALLERY,
                subject=gallery.pk,
                summary=f"Let case {case.reference} search the sensitive gallery {name}.",
                payload={"case": str(case.pk)},
                **form.cleaned_data,
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("approval", args=[approval.pk]))
    return form_page(
        request,
        form,
        heading=f"Search the sensitive gallery {name}",
        verb="Ask a supervisor",
        **_back(case),
        lede=f"A supervisor approves it for case {case.reference}. Until then no search of the case "
        "looks there.",
    )


def close(request: Request, case_id: UUID) -> HttpResponse:
    """Close a case with a reason."""
    case = queries.case(request.actor, case_id)
    back = reverse("case", args=[case.pk])
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.close_case(request.actor, case=case, **form.cleaned_data, tools=request.tools)
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
        section=SECTION,
        consequences=[
            "A closed case allows no more probes and no more searches, and cannot be opened again.",
            "Its searches stay readable.",
        ],
    )


def _back(case: Case) -> dict[str, str]:
    return {
        "back": reverse("case", args=[case.pk]),
        "back_label": f"Case {case.reference}",
        "section": SECTION,
    }


def _authority(request: Request, chosen: str) -> Authority | None:
    return queries.authority(request.actor, UUID(chosen)) if chosen else None


def _choose_authority(field: Any, request: Request) -> None:
    found = queries.usable_authorities(request.actor, tools=request.tools)
    today: date = request.tools.clock().date()
    waits = {one.pk for one in found if one.state(today=today) == "waiting"}
    choices = [
        (str(one.pk), words.name_of(one) + (", not granted yet" if one.pk in waits else ""))
        for one in found
    ]
    field.choices = [("", NO_AUTHORITY_YET), *choices]


def _choose_members(form: Form, request: Request, *, besides: UUID) -> None:
    found = [one for one in queries.possible_members(request.actor) if one.pk != besides]
    field: Any = form.fields["members"]
    field.choices = [(str(one.pk), one.name) for one in found]
    if not found:
        del form.fields["members"]
