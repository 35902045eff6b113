"""Agencies, as the custodian admits, changes and suspends them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.agencies import inviting, queries, services
from countenance.apps.agencies.inviting_views import InviteForm, invitation_context, shown_once
from countenance.apps.agencies.models import Agency, Invitation
from countenance.errors import Conflict, InputError, NotPermitted
from countenance.policy import Role, is_stepped_up
from countenance.policy.packs import PACKS
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page, status_of
from countenance.ui.requests import Request

SECTION = "agencies"
TYPE = "application/octet-stream"


def pack_choices() -> list[tuple[str, str]]:
    """Return the policy packs to choose from, each with what it is for."""
    return [(pack.name, f"{pack.title}. {pack.summary}") for pack in PACKS.values()]


class ManyFiles(forms.ClearableFileInput):
    """The browser's file field, for several files."""

    allow_multiple_selected = True


class Documents(forms.FileField):
    """Any number of files; empty ones are judged by the service."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Return the files as a list."""
        files = data if isinstance(data, list | tuple) else [data]
        return [super(Documents, self).clean(one, initial) for one in files if one]


class TermsForm(Form):
    """Which law binds an agency, and whether others may know that it is here."""

    pack = forms.ChoiceField(
        label="Policy pack", choices=pack_choices, widget=forms.RadioSelect, initial="default"
    )
    listed = forms.BooleanField(
        required=False,
        initial=True,
        label="Listed",
        help_text="Other agencies see its name when they grant a gallery. Unlisted, only whoever has its code can.",
    )


class AgencyForm(TermsForm):
    """What is said of an agency when it is admitted."""

    name = forms.CharField(max_length=200)
    checked_by = forms.CharField(
        max_length=200, label="Who checked it", help_text="Name and office."
    )
    checked_on = forms.DateField(label="When", widget=DateInput())
    what = forms.CharField(
        max_length=4000,
        label="What was checked",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Such as its founding law, its duty to search for people, and who answers for it.",
    )
    documents = Documents(
        required=False,
        widget=ManyFiles(attrs={"multiple": True}),
        help_text="At most 10 files of 20 MB. Sealed; only custodians open them, and each look is recorded.",
    )
    field_order = ("name", "pack", "listed", "checked_by", "checked_on", "what", "documents")


class FirstForm(InviteForm):
    """Whom of an agency to invite first, and in which role."""

    role = forms.ChoiceField(
        choices=[(str(role), role.capitalize()) for role in inviting.FIRST_ROLES],
        widget=forms.RadioSelect,
    )
    trained_until = forms.DateField(
        required=False,
        label="Last day of their training",
        widget=DateInput(),
        help_text="If it was part of the vetting. Supervisors sign in with training in date only; their "
        "coordinator can record it too.",
    )
    instead = forms.CharField(
        required=False,
        max_length=1000,
        label="Why whoever holds the role is lost to it",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only if the agency has somebody in this role. They are suspended when the new one accepts.",
    )
    field_order = ("role", "name", "email", "trained_until", "instead")


@require_safe
def agencies(request: Request) -> HttpResponse:
    """List the admitted agencies; before there is one, go to the set-up."""
    rows = [described(one) for one in queries.admitted()]
    if not rows:
        return HttpResponseRedirect(reverse("set_up"))
    return render(request, "agencies/agencies.html", {"section": SECTION, "agencies": rows})


def agency_new(request: Request) -> HttpResponse:
    """Admit an agency."""
    form = AgencyForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        one = admit(request, form)
        if one is not None:
            return HttpResponseRedirect(reverse("agency", args=[one.pk]))
    context = {"section": SECTION, "form": form, **proof_context(request)}
    return render(request, "agencies/agency_new.html", context, status=status_of(form))


def admit(request: Request, form: AgencyForm) -> Agency | None:
    """Admit the agency that a form describes; None if the form came back with errors."""
    if not form.is_valid():
        return None
    said = form.cleaned_data
    with ErrorsOn(form):
        return services.admit_agency(
            request.actor,
            name=said["name"],
            pack=said["pack"],
            listed=said["listed"],
            vetting=services.Vetting(
                checked_by=said["checked_by"], checked_on=said["checked_on"], what=said["what"]
            ),
            documents=[(one.name or "", one.read()) for one in said["documents"]],
            tools=request.tools,
        )
    return None


def proof_context(request: Request) -> dict[str, Any]:
    """Return what a form with files says to those who have to prove first who they are."""
    proven = is_stepped_up(request.actor, now=request.tools.clock())
    return {"proof": "" if proven else f"{reverse('step_up')}?next={quote(request.path)}"}


@require_safe
def agency(request: Request, agency_id: UUID) -> HttpResponse:
    """Show an agency as the custodian knows it: its vetting, its terms, whom custodians invited."""
    one = queries.agency_of(agency_id)
    sent = queries.custodian_invitations(one)
    context = {
        "section": SECTION,
        "agency": described(one),
        "vetting": one.vetting or {},
        "documents": [
            {
                "id": document.pk,
                "file_name": document.details["file_name"],
                "bytes": document.details["bytes"],
                "added_at": document.added_at,
            }
            for document in queries.vetting_documents(one)
        ],
        "invitations": [
            {**invitation_context(row), "state": _state(request, row), "pending": pending}
            for row in sent
            for pending in [queries.is_pending(row, tools=request.tools)]
        ],
    }
    return render(request, "agencies/agency.html", context)


def change(request: Request, agency_id: UUID) -> HttpResponse:
    """Bind an agency to another policy pack, or list or unlist it."""
    one = queries.agency_of(agency_id)
    initial = {"pack": one.pack, "listed": bool((one.standing or {}).get("listed"))}
    form = TermsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.change_agency(
                request.actor, agency=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("agency", args=[one.pk]))
    return form_page(
        request,
        form,
        heading=f"Terms of {one.name}",
        verb="Change it",
        back=reverse("agency", args=[one.pk]),
        back_label=one.name,
        section=SECTION,
        lede="The stricter of this pack and the pack of a gallery's owner holds, rule by rule.",
    )


def suspend(request: Request, agency_id: UUID) -> HttpResponse:
    """Suspend an agency."""
    one = queries.agency_of(agency_id)
    return _stand(
        request,
        one,
        services.suspend_agency,
        heading=f"Suspend {one.name}?",
        verb="Suspend the agency",
        crumb="Suspend",
        consequences=[
            "Every session of its people ends at once; their tokens and invitations stop working.",
            "Nothing of it is erased, and the clocks of its retention go on.",
        ],
    )


def restore(request: Request, agency_id: UUID) -> HttpResponse:
    """Lift an agency's suspension."""
    one = queries.agency_of(agency_id)
    return _stand(
        request,
        one,
        services.restore_agency,
        heading=f"Lift the suspension of {one.name}?",
        verb="Lift it",
        crumb="Lift the suspension",
        consequences=["Its people can sign in again."],
    )


def invite_first(request: Request, agency_id: UUID) -> HttpResponse:
    """Invite an agency's first coordinator, supervisor or auditor, and show the link this once."""
    one = queries.agency_of(agency_id)
    back = reverse("agency", args=[one.pk])
    form = FirstForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        with ErrorsOn(form, InputError, Conflict, NotPermitted):
            invitation, secret = inviting.invite_first(
                request.actor,
                agency=one,
                **{**said, "role": Role(said["role"])},
                tools=request.tools,
            )
            return shown_once(request, invitation, secret, back=back)
    return form_page(
        request,
        form,
        heading=f"Invite somebody into {one.name}",
        verb="Make the invitation",
        back=back,
        back_label=one.name,
        section=SECTION,
        lede="You appoint those without whom nobody in the agency can agree to anything. Everybody else is invited "
        "by its coordinator.",
    )


@require_safe
def vetting_document(request: Request, document_id: UUID) -> HttpResponse:
    """Hand out a document of an agency's vetting; each look is recorded."""
    document = queries.vetting_document(document_id)
    data = services.view_vetting_document(request.actor, document=document, tools=request.tools)
    response = HttpResponse(data, content_type=TYPE)
    # By its id: what it is called came from outside.
    name = f"vetting-{document.pk}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def described(one: Agency) -> dict[str, Any]:
    """Return an agency as the custodian's screens show it."""
    standing = one.standing or {}
    pack = PACKS.get(one.pack)
    return {
        "id": one.pk,
        "name": one.name,
        "pack": pack.title if pack else one.pack,
        "listed": bool(standing.get("listed")),
        "custodial": one.custodial,
        "suspended": one.suspended,
        "suspended_at": standing.get("suspended"),
        "suspended_because": (one.vetting or {}).get("suspended_because") or "",
        "admitted_at": one.admitted_at,
    }


def _stand(
    request: Request,
    one: Agency,
    service: Any,  # suspend_agency or restore_agency
    *,
    heading: str,
    verb: str,
    crumb: str,
    consequences: list[str],
) -> HttpResponse:
    """Ask for the reason of a suspension, or of its end, and carry it out."""
    back = reverse("agency", args=[one.pk])
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            service(request.actor, agency=one, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(back)
    return confirm_page(
        request,
        form,
        heading=heading,
        verb=verb,
        keep="Leave it",
        back=back,
        back_label=one.name,
        crumb=crumb,
        section=SECTION,
        consequences=consequences,
    )


def _state(request: Request, one: Invitation) -> str:
    """Return in words what became of an invitation."""
    if one.accepted_at:
        return "Accepted"
    if one.withdrawn_at:
        return "Withdrawn"
    return "Pending" if queries.is_pending(one, tools=request.tools) else "Ended unused"
