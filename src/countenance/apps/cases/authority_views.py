"""Authorities: the list, one of them with its document, proposing, deciding, taking back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.queries import agency
from countenance.apps.cases import authorities as services
from countenance.apps.cases import queries, words
from countenance.apps.cases.coverage import coverable
from countenance.apps.cases.documents import CONTENT_TYPES, MAX_BYTES, SUFFIXES, Document
from countenance.apps.cases.models import Authority, AuthorityState
from countenance.apps.records.queries import entries_about, receipt_of
from countenance.ledger.entry import Action
from countenance.policy import Deed, SearchKind, may, packs
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, status_of
from countenance.ui.requests import Request

SECTION = "authorities"
ROWS_A_PAGE = 50
LISTED_ENTRIES = 20
KINDS = [(str(kind), str(kind).capitalize()) for kind in SearchKind]
DOCUMENT_HELP = f"PDF, JPEG, PNG or plain text, at most {MAX_BYTES // 1024**2} MB. It is sealed."
DOCUMENT_TYPES = ".pdf,.jpg,.jpeg,.png,.txt"


class ProposalForm(Form):
    """What an authority says."""

    kind = forms.ChoiceField(label="Kind of search", choices=KINDS, widget=forms.RadioSelect)
    statute = forms.CharField(
        max_length=500,
        label="Statute or warrant",
        help_text="The section of the law, or the reference of the warrant or order.",
    )
    purpose = forms.CharField(
        max_length=500, help_text="What the searches are to find out, and for whom."
    )
    offence = forms.ChoiceField(
        required=False,
        help_text="From the list of your agency's policy pack, where it asks for one.",
    )
    galleries = forms.MultipleChoiceField(
        label="Galleries that it covers", widget=forms.CheckboxSelectMultiple
    )
    quota = forms.IntegerField(
        label="Number of searches", min_value=1, max_value=services.MAX_QUOTA, initial=10
    )
    expires_on = forms.DateField(label="Last day", widget=DateInput())
    document = forms.FileField(
        required=False,
        help_text=DOCUMENT_HELP,
        widget=forms.FileInput(attrs={"accept": DOCUMENT_TYPES}),
    )
    note = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What else the supervisor who decides should know.",
    )

    def offer(self, request: Request) -> None:
        """Fill in the galleries and offences that this person can choose from."""
        found = [one for one in coverable(request.actor, tools=request.tools) if not one.closed]
        galleries: Any = self.fields["galleries"]
        galleries.choices = [
            (str(one.id), f"{one.name} ({one.owner})" if one.owner else one.name) for one in found
        ]
        offences = packs.offences_of(packs.terms_of(agency(request.actor).pack))
        offence: Any = self.fields["offence"]
        offence.choices = [("", "None"), *offences]
        if not offences:
            del self.fields["offence"]


class DocumentForm(Form):
    """A document that comes after the proposal."""

    document = forms.FileField(
        help_text=DOCUMENT_HELP, widget=forms.FileInput(attrs={"accept": DOCUMENT_TYPES})
    )


@require_safe
def authorities(request: Request) -> HttpResponse:
    """List the agency's authorities; those that wait for this person come first."""
    today = request.tools.clock().date()
    page = Paginator(queries.authorities(request.actor), ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    waiting = [
        _row(one, today=today)
        for one in queries.authorities(request.actor).filter(decided_at=None, revoked_at=None)
        if may(request.actor, Deed.AUTHORITY_DECIDE)
        and one.proposed_by_id != request.actor.person
        and one.state(today=today) == AuthorityState.WAITING
    ]
    first = {row["id"] for row in waiting}
    context = {
        "section": SECTION,
        "waiting": waiting,
        "others": [_row(one, today=today) for one in page.object_list if one.pk not in first],
        "page": page,
        "may_propose": may(request.actor, Deed.AUTHORITY_PROPOSE),
    }
    return render(request, "cases/authorities.html", context)


def authority_new(request: Request) -> HttpResponse:
    """Propose an authority."""
    form = ProposalForm(request.POST or None, request.FILES or None)
    form.offer(request)
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        said["kind"] = SearchKind(said["kind"])
        said["galleries"] = [UUID(one) for one in said["galleries"]]
        said["document"] = _document(said["document"])
        with ErrorsOn(form):
            made = services.propose_authority(request.actor, **said, tools=request.tools)
            return HttpResponseRedirect(reverse("authority", args=[made.pk]))
    context = {
        "section": SECTION,
        "form": form,
        "heading": "Propose an authority",
        "verb": "Propose the authority",
        "lede": "An authority says by what law a search may run, where, how often and until when. "
        "A supervisor who is somebody else grants or refuses it. It is sealed, and on the ledger.",
        "back": reverse("authorities"),
        "back_label": "Authorities",
    }
    return render(request, "cases/upload_form.html", context, status=status_of(form))


@require_safe
def authority(request: Request, authority_id: UUID) -> HttpResponse:
    """Show one authority."""
    return _page(request, queries.authority(request.actor, authority_id), ReasonForm())


@require_POST
def authority_decide(request: Request, authority_id: UUID) -> HttpResponse:
    """Grant or refuse an authority."""
    one = queries.authority(request.actor, authority_id)
    form = ReasonForm(request.POST)
    decision = request.POST.get("decision")
    if form.is_valid() and decision in {"grant", "refuse"}:
        with ErrorsOn(form):
            services.decide_authority(
                request.actor,
                authority=one,
                grant=decision == "grant",
                **form.cleaned_data,
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("authority", args=[one.pk]))
    elif form.is_valid():
        form.add_error(None, "Grant it or refuse it.")
    return _page(request, one, form)


def authority_attach(request: Request, authority_id: UUID) -> HttpResponse:
    """Put a document to an authority that waits."""
    one = queries.authority(request.actor, authority_id)
    form = DocumentForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        document = _document(form.cleaned_data["document"])
        assert document is not None  # noqa: S101 # the form requires one
        with ErrorsOn(form):
            services.attach_document(
                request.actor, authority=one, document=document, tools=request.tools
            )
            return HttpResponseRedirect(reverse("authority", args=[one.pk]))
    context = {
        "section": SECTION,
        "form": form,
        "heading": "Add the document",
        "verb": "Add the document",
        "lede": "The warrant, order or request itself, before the decision. It cannot be exchanged afterwards.",
        "back": reverse("authority", args=[one.pk]),
        "back_label": one.details["statute"],
    }
    return render(request, "cases/upload_form.html", context, status=status_of(form))


def authority_revoke(request: Request, authority_id: UUID) -> HttpResponse:
    """Take back an authority with a reason."""
    one = queries.authority(request.actor, authority_id)
    back = reverse("authority", args=[one.pk])
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.revoke_authority(
                request.actor, authority=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(back)
    return confirm_page(
        request,
        form,
        heading="Take this authority back?",
        verb="Take it back",
        keep="Keep it",
        back=back,
        back_label=one.details["statute"],
        crumb="Take back",
        section=SECTION,
        consequences=[
            "No search runs under it from now on. It cannot be given again; a new one can be proposed.",
            "Its cases stay open, and need another authority for the next search.",
        ],
    )


@require_safe
def authority_document(request: Request, authority_id: UUID) -> HttpResponse:
    """Return the document as a download; each look is an entry."""
    one = queries.authority(request.actor, authority_id)
    data = services.view_authority_document(request.actor, authority=one, tools=request.tools)
    kind = (one.document or {})["format"]
    # Never shown in place: what is in it must not run as a page of ours. Its own name stays here.
    return HttpResponse(
        data,
        content_type=CONTENT_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="authority-{one.pk.hex[:8]}.{SUFFIXES[kind]}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _page(request: Request, one: Authority, form: ReasonForm) -> HttpResponse:
    today = request.tools.clock().date()
    state = one.state(today=today)
    covered = {area.id: area for area in coverable(request.actor, tools=request.tools)}
    decision, revoked = one.decision, one.standing["revoked"]
    waiting = state == AuthorityState.WAITING
    context = {
        "section": SECTION,
        "form": form,
        "authority": {
            "id": one.pk,
            "expires_on": one.expires_on,
            "used": one.used,
            "left": one.left,
            "proposed_at": one.proposed_at,
            "proposed_by": one.proposed_by.name,
            **{name: one.details[name] for name in ("statute", "purpose", "quota", "note")},
            "kind": str(one.kind),
            "offence": packs.OFFENCES.get(one.details["offence"], one.details["offence"]),
        },
        "document": one.document,
        "state": state,
        "state_words": words.state_words(one, today=today),
        "standing_words": words.standing_words(one, today=today),
        "galleries": [
            covered[pk].name if pk in covered else "A gallery that is granted to you no more"
            for pk in sorted(one.galleries)
        ],
        "decided": _decided(request, one, decision),
        "revoked": _decided(request, one, revoked),
        "cases": list(queries.cases(request.actor).filter(authority=one)[:ROWS_A_PAGE]),
        "entries": [
            {
                "words": Action(row.action).meaning,
                "at": row.at,
                "number": row.index,
                "code": receipt_of(row).code,
            }
            for row in entries_about(one.pk, LISTED_ENTRIES)
        ],
        "waiting": waiting,
        "proposed_it": one.proposed_by_id == request.actor.person,
        "may_decide": may(request.actor, Deed.AUTHORITY_DECIDE),
        "may_revoke": may(request.actor, Deed.AUTHORITY_REVOKE)
        and state not in {AuthorityState.REFUSED, AuthorityState.REVOKED},
        "may_attach": may(request.actor, Deed.AUTHORITY_PROPOSE)
        and one.proposed_by_id == request.actor.person
        and waiting
        and one.document is None,
    }
    return render(request, "cases/authority.html", context, status=status_of(form))


def _decided(
    request: Request, one: Authority, deed: dict[str, Any] | None
) -> dict[str, Any] | None:
    if deed is None:
        return None
    people = queries.people_named([UUID(deed["by"])] if deed["by"] else [], request.actor)
    return {
        "by": people[0].name if people else "" if deed["by"] else "the restored deployment",
        "at": one.revoked_at if deed is one.standing["revoked"] else one.decided_at,
        "reason": deed["reason"],
    }


def _document(upload: Any) -> Document | None:
    return Document(file_name=upload.name, data=upload.read()) if upload else None


def _row(one: Authority, *, today: Any) -> dict[str, Any]:
    return {
        "id": one.pk,
        "statute": one.details["statute"],
        "purpose": one.details["purpose"],
        "kind": str(one.kind),
        "state": words.state_words(one, today=today),
        "proposed_by": one.proposed_by.name,
        "proposed_at": one.proposed_at,
    }
