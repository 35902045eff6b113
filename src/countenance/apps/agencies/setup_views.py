"""The custodian's first way through: the first agency, and the two people with whom it begins.

Where one stands follows from what is there, so it can be left and taken up again at any step.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.agencies import inviting, queries
from countenance.apps.agencies.agency_views import AgencyForm, admit, described, proof_context
from countenance.apps.agencies.inviting_views import invitation_context, link_of
from countenance.apps.agencies.models import Agency
from countenance.errors import Conflict, InputError, NotPermitted
from countenance.policy import Role
from countenance.ui.forms import DateInput, ErrorsOn, Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

SECTION = "agencies"
NEEDED = (Role.COORDINATOR, Role.SUPERVISOR)
STEPS = ("Your account", "First agency", "Its first people", "Done")


class FirstPeopleForm(Form):
    """The coordinator and the supervisor with whom an agency begins; whoever is invited already is left out."""

    def __init__(self, *args: Any, missing: list[Role], **kwargs: Any) -> None:
        """Ask for those who are missing."""
        super().__init__(*args, **kwargs)
        for role in missing:
            self.fields[f"{role}_name"] = forms.CharField(
                max_length=200, label=f"{role.capitalize()}'s name"
            )
            self.fields[f"{role}_email"] = forms.EmailField(
                max_length=254, label=f"{role.capitalize()}'s e-mail address"
            )
        if Role.SUPERVISOR in missing:
            self.fields["trained_until"] = forms.DateField(
                required=False,
                label="Last day of the supervisor's training",
                widget=DateInput(),
                help_text="Supervisors sign in with training in date only. Their coordinator can record it too.",
            )

    def clean(self) -> dict[str, Any]:
        """Refuse one person for both: they are there to agree with each other."""
        said: dict[str, Any] = super().clean() or {}
        given = [said[f"{role}_email"].casefold() for role in NEEDED if said.get(f"{role}_email")]
        if len(set(given)) < len(given):
            self.add_error(
                "supervisor_email",
                "The supervisor is another person than the coordinator: they agree with each other.",
            )
        return said


def set_up(request: Request) -> HttpResponse:
    """Show the step that comes next, and take it."""
    agencies = queries.admitted()
    if not agencies:
        return _first_agency(request)
    first = agencies[0]
    missing = _missing(request, first)
    return _first_people(request, first, missing) if missing else _done(request, first)


def _first_agency(request: Request) -> HttpResponse:
    """Take what is said of the first agency."""
    form = AgencyForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and admit(request, form) is not None:
        return HttpResponseRedirect(reverse("set_up"))
    return _step(request, 2, form=form, **proof_context(request))


def _first_people(request: Request, first: Agency, missing: list[Role]) -> HttpResponse:
    """Invite the first people, and show their links this once."""
    bound = request.POST if request.method == "POST" else None
    form = FirstPeopleForm(bound, missing=missing)
    links: list[dict[str, Any]] = []
    if request.method == "POST" and form.is_valid():
        links = _invite(request, first, missing, form)
    left = [role for role in missing if str(role) not in {link["role"] for link in links}]
    if links and not left:
        return _step(request, 3, agency=described(first), links=links)
    return _step(request, 3, agency=described(first), links=links, form=form)


def _invite(
    request: Request, first: Agency, missing: list[Role], form: FirstPeopleForm
) -> list[dict[str, Any]]:
    """Invite one after the other; return what was made even if a later one is refused."""
    said, links = form.cleaned_data, []
    for role in missing:
        with ErrorsOn(form, InputError, Conflict, NotPermitted, field=f"{role}_email"):
            invitation, secret = inviting.invite_first(
                request.actor,
                agency=first,
                role=role,
                name=said[f"{role}_name"],
                email=said[f"{role}_email"],
                trained_until=said.get("trained_until") if role is Role.SUPERVISOR else None,
                tools=request.tools,
            )
            shown = {**invitation_context(invitation), "role": str(role)}
            links.append({**shown, "link": link_of(request, secret)})
    return links


def _done(request: Request, first: Agency) -> HttpResponse:
    """Say what is there and what comes next."""
    sent = [
        {**invitation_context(one), "accepted": one.accepted_at is not None}
        for one in queries.custodian_invitations(first)
        if one.withdrawn_at is None
    ]
    return _step(request, 4, agency=described(first), invitations=sent)


def _missing(request: Request, first: Agency) -> list[Role]:
    """Return the roles for which nobody was invited, or whose invitation came to nothing."""
    sent = [
        role
        for one in queries.custodian_invitations(first)
        if one.accepted_at or queries.is_pending(one, tools=request.tools)
        for role in one.details["roles"]
    ]
    return [role for role in NEEDED if str(role) not in sent]


def _step(request: Request, step: int, **context: Any) -> HttpResponse:
    form = context.get("form")
    status = status_of(form) if form is not None else 200
    context |= {"section": SECTION, "step": step, "steps": list(enumerate(STEPS, start=1))}
    return render(request, "agencies/setup.html", context, status=status)
