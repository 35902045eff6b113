"""The people of an agency, as its coordinator looks after them and its supervisors and auditors read them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.agencies import queries, staff
from countenance.apps.agencies.approval_views import carry_out_page
from countenance.apps.agencies.inviting_views import invitation_context, shown_once
from countenance.apps.agencies.models import Person
from countenance.apps.approvals import queries as approvals
from countenance.apps.approvals.models import Approval
from countenance.errors import (
    ApprovalNeeded,
    Conflict,
    InputError,
    NotFound,
    RolesConflict,
)
from countenance.policy import Deed, Role, may
from countenance.policy.approvals import ApprovalKind
from countenance.policy.people import TRAINING_NEEDED
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "people"
GIVEN = [role for role in Role if role is not Role.CUSTODIAN]


class RolesForm(ReasonForm):
    """Which roles somebody is to hold, and why."""

    roles = forms.MultipleChoiceField(
        required=False,
        choices=[(str(role), f"{role.capitalize()}: {staff.IN_WORDS[role]}") for role in GIVEN],
        widget=forms.CheckboxSelectMultiple,
    )
    field_order = ("roles", "reason")


class TrainingForm(Form):
    """Until when training and certificate last."""

    trained_until = forms.DateField(
        required=False,
        label="Last day of their training",
        widget=DateInput(),
        help_text="Stewards, investigators, examiners and supervisors sign in with training in date only.",
    )
    certified_until = forms.DateField(
        required=False,
        label="Last day of their examiner's certificate",
        widget=DateInput(),
        help_text="Examiners run searches with a certificate in date only.",
    )


@require_safe
def people(request: Request) -> HttpResponse:
    """List the agency's people and the invitations that are pending."""
    today = request.tools.clock().date()
    if Role.CUSTODIAN in request.actor.roles:
        own = queries.agency(request.actor)
        sent = [
            one
            for one in queries.custodian_invitations(own)
            if queries.is_pending(one, tools=request.tools)
        ]
    else:
        sent = queries.pending_invitations(request.actor, tools=request.tools)
    context = {
        "section": SECTION,
        "people": [described(one, today=today) for one in queries.people(request.actor)],
        "invitations": [invitation_context(one) for one in sent],
        "may_invite": may(request.actor, Deed.PERSON_INVITE),
        "may_set_provider": may(request.actor, Deed.OIDC_SET),
    }
    return render(request, "agencies/people.html", context)


@require_safe
def person(request: Request, person_id: UUID) -> HttpResponse:
    """Show somebody of the agency, and what the actor can change about them."""
    one = queries.person_of(request.actor, person_id)
    other = one.pk != request.actor.person
    custodian = Role.CUSTODIAN in one.roles
    context = {
        "section": SECTION,
        "person": described(one, today=request.tools.clock().date()),
        "requests": _requests_about(request, one),
        "is_self": not other,
        "may_change_roles": other and not custodian and may(request.actor, Deed.ROLES_CHANGE),
        "may_train": other and may(request.actor, Deed.TRAINING_RECORD),
        "may_suspend": other and may(request.actor, Deed.PERSON_SUSPEND),
        "may_reinvite": other and not custodian and may(request.actor, Deed.ROLES_CHANGE),
    }
    return render(request, "agencies/person.html", context)


def roles(request: Request, person_id: UUID) -> HttpResponse:
    """Change somebody's roles, or ask a second person to agree."""
    one = queries.person_of(request.actor, person_id)
    form = RolesForm(request.POST or None, initial={"roles": sorted(one.roles)})
    if request.method == "POST" and form.is_valid():
        wanted = [Role(role) for role in form.cleaned_data["roles"]]
        with ErrorsOn(form), ErrorsOn(form, RolesConflict, field="roles"):
            if staff.needs_approval(one.roles, wanted):
                approval = staff.ask_for_roles(
                    request.actor,
                    person=one,
                    roles=wanted,
                    reason=form.cleaned_data["reason"],
                    tools=request.tools,
                )
                return HttpResponseRedirect(reverse("approval", args=[approval.pk]))
            staff.change_roles(request.actor, person=one, roles=wanted, tools=request.tools)
            return HttpResponseRedirect(reverse("person", args=[one.pk]))
    return form_page(
        request,
        form,
        heading=f"Roles of {one.name}",
        verb="Change the roles",
        **_back(one),
        lede="A role more needs a supervisor or another coordinator who agrees; you then carry it out. Roles that "
        "you only take away are gone at once, except an auditor's, which needs an auditor or a supervisor to agree.",
    )


def training(request: Request, person_id: UUID) -> HttpResponse:
    """Record until when somebody's training and certificate last."""
    one = queries.person_of(request.actor, person_id)
    initial = {"trained_until": one.trained_until, "certified_until": one.certified_until}
    form = TrainingForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        staff.record_training(request.actor, person=one, **form.cleaned_data, tools=request.tools)
        return HttpResponseRedirect(reverse("person", args=[one.pk]))
    return form_page(
        request,
        form,
        heading=f"Training of {one.name}",
        verb="Record it",
        **_back(one),
        lede="Leave empty what they do not have. What you write here is on the ledger.",
    )


def suspend(request: Request, person_id: UUID) -> HttpResponse:
    """Suspend somebody."""
    one = queries.person_of(request.actor, person_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form, InputError, Conflict, ApprovalNeeded):
            staff.suspend_person(
                request.actor, person=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("person", args=[one.pk]))
    consequences = ["Their sessions end at once, and their tokens stop working."]
    if Role.AUDITOR in one.roles:
        consequences.append(
            "They are an auditor. Ask first that the role is taken away, on the page of their roles; once an auditor "
            "or a supervisor agreed, you can suspend them here."
        )
    return confirm_page(
        request,
        form,
        heading=f"Suspend {one.name}?",
        verb="Suspend them",
        keep="Leave it",
        crumb="Suspend",
        **_back(one),
        consequences=consequences,
    )


def restore(request: Request, person_id: UUID) -> HttpResponse:
    """Lift somebody's suspension."""
    one = queries.person_of(request.actor, person_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            staff.restore_person(
                request.actor, person=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("person", args=[one.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Lift the suspension of {one.name}?",
        verb="Lift it",
        keep="Leave it",
        crumb="Lift the suspension",
        **_back(one),
        consequences=["They can sign in again, with the roles that they have."],
    )


def carry_out(request: Request, approval_id: UUID) -> HttpResponse:
    """Do to a person's account what a second person agreed to."""
    approval = approvals.approval(request.actor, approval_id)
    if approval.kind not in {ApprovalKind.ROLE_GRANT, ApprovalKind.AUDITOR_REMOVAL}:
        raise NotFound("There is nothing to carry out here.")
    one = queries.person_of(request.actor, approval.subject)
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        with ErrorsOn(form, Conflict, ApprovalNeeded):
            return _do(request, approval, one)
    return carry_out_page(request, form, approval, "Their present sessions end.")


def _do(request: Request, approval: Approval, one: Person) -> HttpResponse:
    payload = approval.payload
    if payload.get("new_sign_in"):
        invitation, secret = staff.reinvite_person(request.actor, person=one, tools=request.tools)
        return shown_once(request, invitation, secret, back=reverse("person", args=[one.pk]))
    wanted = [Role(role) for role in payload["roles"]]
    staff.change_roles(request.actor, person=one, roles=wanted, tools=request.tools)
    return HttpResponseRedirect(reverse("person", args=[one.pk]))


def described(one: Person, *, today: date) -> dict[str, Any]:
    """Return a person as the screens show them."""
    held = sorted(one.roles)
    suspended = (one.standing or {}).get("suspended")
    warnings = []
    if not TRAINING_NEEDED.isdisjoint(held) and (
        one.trained_until is None or one.trained_until < today
    ):
        warnings.append("Training not in date")
    if Role.EXAMINER in held and (one.certified_until is None or one.certified_until < today):
        warnings.append("Certificate not in date")
    return {
        "id": one.pk,
        "name": one.name,
        "email": one.email,
        "roles": [{"name": role, "words": staff.IN_WORDS[role]} for role in held],
        "roles_words": ", ".join(held).capitalize() or "No role yet",
        "trained_until": one.trained_until,
        "certified_until": one.certified_until,
        "suspended": one.suspended,
        "suspended_because": suspended.get("reason", "") if isinstance(suspended, dict) else "",
        "warnings": warnings,
        "added_at": one.added_at,
        "last_login": one.last_login,
    }


def _back(one: Person) -> dict[str, str]:
    return {
        "back": reverse("person", args=[one.pk]),
        "back_label": one.name,
        "section": SECTION,
    }


def _requests_about(request: Request, one: Person) -> list[dict[str, Any]]:
    """Return what was asked for about somebody that the actor may read and is still of use."""
    now = request.tools.clock()
    kinds = [str(ApprovalKind.ROLE_GRANT), str(ApprovalKind.AUDITOR_REMOVAL)]
    rows = approvals.approvals(request.actor).filter(
        subject=one.pk, kind__in=kinds, withdrawn_at=None, expires_at__gte=now
    )
    return [
        {"id": row.pk, "summary": row.summary, "decided": row.decided_at is not None}
        for row in rows[:5]
        if not row.uses
    ]
