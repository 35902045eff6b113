"""Making, showing once and withdrawing invitations into an agency."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.agencies import inviting, queries, staff
from countenance.apps.agencies.models import Invitation
from countenance.errors import Conflict, NotFound
from countenance.policy import Role
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SECTION = "people"


class InviteForm(Form):
    """Whom to invite."""

    name = forms.CharField(max_length=200)
    email = forms.EmailField(
        label="E-mail address", max_length=254, help_text="With which they will sign in."
    )


def invite(request: Request) -> HttpResponse:
    """Invite somebody, and show the link this once."""
    custodian = Role.CUSTODIAN in request.actor.roles
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            if custodian:
                own = queries.agency(request.actor)
                invitation, secret = inviting.invite_first(
                    request.actor,
                    agency=own,
                    role=Role.CUSTODIAN,
                    **form.cleaned_data,
                    tools=request.tools,
                )
            else:
                invitation, secret = inviting.invite_person(
                    request.actor, **form.cleaned_data, tools=request.tools
                )
            return shown_once(request, invitation, secret, back=reverse("people"))
    return form_page(
        request,
        form,
        heading="Invite a custodian" if custodian else "Invite a person",
        verb="Make the invitation",
        back=reverse("people"),
        back_label="People",
        section=SECTION,
        lede="You get a link that works once, for 72 hours. Hand it over by a way you trust. "
        + (
            "Whoever accepts it can do what you can."
            if custodian
            else "They come without any role; each role needs a second person's approval."
        ),
    )


def withdraw(request: Request, invitation_id: UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = _invitation(request, invitation_id)
    back = (
        reverse("agency", args=[invitation.agency_id])
        if invitation.by_custodian and invitation.agency_id != request.actor.agency
        else reverse("people")
    )
    form = Form(request.POST or None)
    if request.method == "POST":
        form = Form(request.POST)
        with ErrorsOn(form, Conflict):
            inviting.withdraw_invitation(request.actor, invitation=invitation, tools=request.tools)
            return HttpResponseRedirect(back)
    return confirm_page(
        request,
        form,
        heading=f"Withdraw the invitation of {invitation.details['name']}?",
        verb="Withdraw it",
        back=back,
        back_label="People" if back == reverse("people") else "Agency",
        crumb="Withdraw an invitation",
        section=SECTION if back == reverse("people") else "agencies",
        consequences=["The link opens nothing any more. You can invite them again."],
    )


def reinvite(request: Request, person_id: UUID) -> HttpResponse:
    """Let somebody in anew who lost their means of signing in; for people with roles, ask first."""
    one = queries.person_of(request.actor, person_id)
    form: Form = (ReasonForm if one.roles else Form)(
        request.POST if request.method == "POST" else None
    )
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            if isinstance(form, ReasonForm):
                approval = staff.ask_for_recovery(
                    request.actor, person=one, **form.cleaned_data, tools=request.tools
                )
                return HttpResponseRedirect(reverse("approval", args=[approval.pk]))
            invitation, secret = staff.reinvite_person(
                request.actor, person=one, tools=request.tools
            )
            back = reverse("person", args=[one.pk])
            return shown_once(request, invitation, secret, back=back)
    consequences = [
        "Their sessions end, and they get a new link.",
        "With it they set a new password and new means of signing in; the old ones stop working then.",
    ]
    if one.roles:
        consequences.append(
            "Whoever holds the link has the account. They have roles, so a second person has to agree first."
        )
    return confirm_page(
        request,
        form,
        heading=f"Let {one.name} in anew?",
        verb="Ask for approval" if one.roles else "Make a new link",
        keep="Leave it",
        back=reverse("person", args=[one.pk]),
        back_label=one.name,
        crumb="Lost means of signing in",
        section=SECTION,
        consequences=consequences,
    )


def shown_once(request: Request, invitation: Invitation, secret: str, *, back: str) -> HttpResponse:
    """Show the link of an invitation, which is kept nowhere."""
    context = {
        "section": SECTION if back.startswith(reverse("people")) else "agencies",
        "invitation": invitation_context(invitation),
        "link": link_of(request, secret),
        "back": back,
    }
    return render(request, "agencies/invited.html", context)


def link_of(request: Request, secret: str) -> str:
    """Return the address at which an invitation is accepted."""
    return request.build_absolute_uri(reverse("invitation", args=[secret]))


def invitation_context(one: Invitation) -> dict[str, Any]:
    """Return an invitation as the screens show it."""
    return {
        "id": one.pk,
        "name": one.details["name"],
        "email": one.details["email"],
        "roles": ", ".join(one.details.get("roles", ())) or "no role yet",
        "again": bool(one.details.get("replaces")),
        "invited_at": one.invited_at,
        "expires_at": one.expires_at,
    }


def _invitation(request: Request, invitation_id: UUID) -> Invitation:
    """Return an invitation that the actor's side sent.

    Raises:
        NotFound: there is none of this id, or another side sent it.
    """
    found = Invitation.objects.filter(pk=invitation_id).first()
    custodian = Role.CUSTODIAN in request.actor.roles
    if found is None or found.by_custodian != custodian:
        raise NotFound("There is no such invitation.")
    if not custodian and found.agency_id != request.actor.agency:
        raise NotFound("There is no such invitation.")
    return found
