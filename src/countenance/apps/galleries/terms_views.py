"""Asking a second person about a gallery or a source, and carrying out what was approved."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from countenance.apps.agencies import queries as agencies
from countenance.apps.agencies.approval_views import carry_out_page
from countenance.apps.approvals import queries as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.services import ask
from countenance.apps.galleries import grants, queries, terms
from countenance.apps.galleries.models import Gallery, GalleryGrant, Source
from countenance.errors import NotFound
from countenance.policy import SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "galleries"
KINDS = [(str(kind), str(kind).capitalize()) for kind in SearchKind]


class TermsForm(ReasonForm):
    """A gallery's terms, and why they change."""

    sensitive = forms.BooleanField(
        required=False,
        label="Sensitive: a supervisor approves each case that searches here",
    )
    field_order = ("sensitive", "reason")


class GrantForm(ReasonForm):
    """To whom a gallery is granted, for what and until when."""

    agency = forms.ChoiceField(required=False, help_text="Agencies that are listed.")
    code = forms.UUIDField(
        required=False,
        label="Or the agency's code",
        help_text="An agency that is not listed finds its code on its people's account page.",
    )
    kinds = forms.MultipleChoiceField(
        label="For searches of these kinds", choices=KINDS, widget=forms.CheckboxSelectMultiple
    )
    until = forms.DateField(label="Last day", widget=DateInput())
    field_order = ("agency", "code", "kinds", "until", "reason")

    def clean(self) -> dict[str, Any]:
        """Say so at once if no agency is named."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("agency") and not cleaned.get("code"):
            self.add_error("agency", "Choose an agency, or give its code.")
        return cleaned


class RetentionForm(ReasonForm):
    """Until when photos are to be kept, and why."""

    until = forms.DateField(label="New last day", widget=DateInput())
    field_order = ("until", "reason")


class LargeForm(ReasonForm):
    """From which source very many photos are to come."""

    source = forms.ChoiceField()
    field_order = ("source", "reason")


def gallery_terms(request: Request, gallery_id: UUID) -> HttpResponse:
    """Ask a second person to change a gallery's terms."""
    one = queries.gallery(request.actor, gallery_id)
    form = TermsForm(request.POST or None, initial={"sensitive": one.sensitive})
    if request.method == "POST" and form.is_valid():
        wanted = terms.terms_payload(sensitive=form.cleaned_data["sensitive"])
        said = "sensitive" if wanted["sensitive"] else "not sensitive"
        summary = f"Terms of the gallery {one.name}: {said}."
        with ErrorsOn(form):
            return _ask(request, form, ApprovalKind.GALLERY_TERMS, one.pk, summary, wanted)
    return form_page(
        request,
        form,
        heading=f"Terms of {one.name}",
        verb="Ask for approval",
        **_back(one),
        lede="A supervisor approves the change; then you carry it out. Both are on the ledger.",
    )


def gallery_grant(request: Request, gallery_id: UUID) -> HttpResponse:
    """Ask a second person to grant a gallery to another agency."""
    one = queries.gallery(request.actor, gallery_id)
    form = GrantForm(request.POST or None)
    listed = agencies.directory(request.actor)
    form.fields["agency"].choices = [("", "—"), *((str(pk), name) for pk, name in listed)]  # type: ignore[attr-defined] # a ChoiceField
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        grantee = said["code"] or UUID(said["agency"])
        kinds = [SearchKind(kind) for kind in said["kinds"]]
        wanted = grants.payload(gallery=one, grantee=grantee, kinds=kinds, until=said["until"])
        name = dict(listed).get(grantee, f"the agency of the code {grantee}")
        summary = (
            f"Grant the gallery {one.name} to {name} for {', '.join(sorted(kinds))}, "
            f"until {said['until']:%d %B %Y}."
        )
        with ErrorsOn(form):
            return _ask(request, form, ApprovalKind.GALLERY_GRANT, one.pk, summary, wanted)
    return form_page(
        request,
        form,
        heading=f"Grant {one.name} to another agency",
        verb="Ask for approval",
        **_back(one),
        lede="The other agency's examiners may then search this gallery, under the stricter of both "
        "agencies' policy packs. You can end the grant at any time.",
    )


def grant_end(request: Request, grant_id: UUID) -> HttpResponse:
    """End a grant at once."""
    grant = GalleryGrant.objects.filter(pk=grant_id, agency_id=request.actor.agency).first()
    if grant is None:
        raise NotFound("There is no such grant.")
    back = reverse("gallery", args=[grant.gallery_id])
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            grants.end_grant(request.actor, grant=grant, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(back)
    return confirm_page(
        request,
        form,
        heading=f"End the grant of {grant.details['gallery']}?",
        verb="End the grant",
        keep="Keep the grant",
        back=back,
        back_label=grant.details["gallery"],
        crumb="End a grant",
        section=SECTION,
        consequences=[
            "The other agency can neither search this gallery nor see its photos any more.",
            "What its examiners wrote down stays with them.",
        ],
    )


def retention_extend(request: Request, source_id: UUID) -> HttpResponse:
    """Ask a second person to keep a source's photos for longer."""
    one = queries.source(request.actor, source_id)
    form = RetentionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        until: date = form.cleaned_data["until"]
        summary = f"Keep the photos of {one.name} until {until:%d %B %Y} instead of {one.retention_until:%d %B %Y}."
        wanted = {"until": until.isoformat()}
        with ErrorsOn(form):
            return _ask(request, form, ApprovalKind.RETENTION_EXTENSION, one.pk, summary, wanted)
    return form_page(
        request,
        form,
        heading=f"Keep the photos of {one.name} for longer",
        verb="Ask for approval",
        back=reverse("source", args=[one.pk]),
        back_label=one.name,
        section=SECTION,
        lede="The passport says when these photos are to be erased. Keeping them beyond that day needs a second person.",
    )


def enrol_large(request: Request, gallery_id: UUID) -> HttpResponse:
    """Ask a second person for an enrolment of very many photos."""
    one = queries.gallery(request.actor, gallery_id)
    form = LargeForm(request.POST or None)
    found = [source for source in queries.sources(request.actor) if source.removed_at is None]
    form.fields["source"].choices = [(str(source.pk), source.name) for source in found]  # type: ignore[attr-defined] # a ChoiceField
    if request.method == "POST" and form.is_valid():
        source = queries.source(request.actor, UUID(form.cleaned_data["source"]))
        summary = (
            f"Enrol {terms.LARGE_ENROLMENT:,} or more photos of {source.name} into {one.name}."
        )
        wanted = {"source": str(source.pk)}
        with ErrorsOn(form):
            return _ask(request, form, ApprovalKind.LARGE_ENROLMENT, one.pk, summary, wanted)
    return form_page(
        request,
        form,
        heading=f"A large enrolment into {one.name}",
        verb="Ask for approval",
        **_back(one),
        lede=f"From {terms.LARGE_ENROLMENT:,} photos on, a second person approves an enrolment. One approval is for one enrolment.",
    )


def carry_out(request: Request, approval_id: UUID) -> HttpResponse:
    """Do what a second person approved: change terms, grant, or keep for longer."""
    approval = approvals.approval(request.actor, approval_id)
    do = DOERS.get(ApprovalKind(approval.kind))
    if do is None:
        raise NotFound("There is nothing to carry out here.")
    form = Form(request.POST or None)
    if request.method == "POST":
        return HttpResponseRedirect(do(request, approval))
    return carry_out_page(request, form, approval)


def _back(one: Gallery) -> dict[str, str]:
    return {
        "back": reverse("gallery", args=[one.pk]),
        "back_label": one.name,
        "section": SECTION,
    }


def _do_terms(request: Request, approval: Approval) -> str:
    one: Gallery = queries.gallery(request.actor, approval.subject)
    wanted = approval.details["payload"]
    terms.change_terms(
        request.actor, gallery=one, sensitive=wanted["sensitive"], tools=request.tools
    )
    return reverse("gallery", args=[one.pk])


def _do_grant(request: Request, approval: Approval) -> str:
    one = queries.gallery(request.actor, approval.subject)
    wanted = approval.details["payload"]
    grants.grant_gallery(
        request.actor,
        gallery=one,
        grantee=agencies.agency_of(UUID(wanted["grantee"])),
        kinds=[SearchKind(kind) for kind in wanted["kinds"]],
        until=date.fromisoformat(wanted["until"]),
        tools=request.tools,
    )
    return reverse("gallery", args=[one.pk])


def _do_retention(request: Request, approval: Approval) -> str:
    one: Source = queries.source(request.actor, approval.subject)
    until = date.fromisoformat(approval.details["payload"]["until"])
    terms.extend_retention(request.actor, source=one, until=until, tools=request.tools)
    return reverse("source", args=[one.pk])


DOERS = {
    ApprovalKind.GALLERY_TERMS: _do_terms,
    ApprovalKind.GALLERY_GRANT: _do_grant,
    ApprovalKind.RETENTION_EXTENSION: _do_retention,
}


def _ask(  # noqa: PLR0917 # one call in each form
    request: Request,
    form: ReasonForm,
    kind: ApprovalKind,
    subject: UUID,
    summary: str,
    payload: dict[str, object] | dict[str, str],
) -> HttpResponse:
    approval = ask(
        request.actor,
        kind=kind,
        subject=subject,
        summary=summary,
        payload=payload,
        reason=form.cleaned_data["reason"],
        tools=request.tools,
    )
    return HttpResponseRedirect(reverse("approval", args=[approval.pk]))
