"""The approvals inbox, one request, and broken glass. Here, because names of people are this app's."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.models import Person
from countenance.apps.approvals import effects, queries, services
from countenance.apps.approvals.models import Approval
from countenance.apps.records.queries import receipt_about
from countenance.errors import Conflict, CountenanceError, NotFound
from countenance.ledger.entry import Action
from countenance.policy import Deed, may
from countenance.policy import approvals as rules
from countenance.policy.approvals import KINDS, ApprovalFacts, ApprovalKind
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, status_of
from countenance.ui.requests import Request

SECTION = "approvals"
LONGEST_LIST = 100
ROWS_A_PAGE = 25
GLASS = ApprovalKind.BREAK_GLASS
YES, NO = "yes", "no"


class DecisionForm(ReasonForm):
    """Why a request is approved or refused; the button that is pressed says which."""


class ReviewForm(ReasonForm):
    """Whether there was good reason to break the glass, and why."""

    justified = forms.ChoiceField(
        label="Was there good reason?",
        choices=(
            (YES, "Yes, it could not wait for a second person"),
            (NO, "No; if the glass is still broken, its effect ends now"),
        ),
        widget=forms.RadioSelect,
    )
    field_order = ("justified", "reason")


class GlassForm(ReasonForm):
    """Why a case cannot wait for a second person."""


@require_safe
def approvals(request: Request) -> HttpResponse:
    """Show what waits on the person first, then what waits on others, then what is over."""
    actor, now = request.actor, request.tools.clock()
    mine = list(queries.waiting_on(actor, now=now)[:LONGEST_LIST])
    others = list(queries.waiting_on_others(actor, now=now)[:LONGEST_LIST])
    for rows in (mine, others):
        rows.sort(key=lambda row: row.kind != GLASS)  # broken glass stands first
    page = Paginator(queries.over(actor, now=now), ROWS_A_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    names = _names(request, [*mine, *others, *page.object_list])
    context = {
        "section": SECTION,
        "mine": [_row(row, names, now) for row in mine],
        "others": [_row(row, names, now) for row in others],
        "over": [_row(row, names, now) for row in page.object_list],
        "page": page,
    }
    return render(request, "approvals/list.html", context)


@require_safe
def approval(request: Request, approval_id: UUID) -> HttpResponse:
    """Show one request, with the form to decide it for whoever may."""
    return _detail(request, queries.approval(request.actor, approval_id), DecisionForm())


@require_POST
def decide(request: Request, approval_id: UUID) -> HttpResponse:
    """Approve or refuse."""
    one = queries.approval(request.actor, approval_id)
    form = DecisionForm(request.POST)
    decision = request.POST.get("decision")
    if decision not in {YES, NO}:
        form.add_error(None, "Choose whether to approve or to refuse.")
    if form.is_valid():
        with ErrorsOn(form):
            services.decide(
                request.actor,
                approval=one,
                approve=decision == YES,
                reason=form.cleaned_data["reason"],
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("approval", args=[one.pk]))
    return _detail(request, queries.approval(request.actor, approval_id), form)


def withdraw(request: Request, approval_id: UUID) -> HttpResponse:
    """Take a request of one's own back."""
    one = queries.approval(request.actor, approval_id)
    back = reverse("approval", args=[one.pk])
    form = Form(request.POST or None)
    if request.method == "POST":
        with ErrorsOn(form, Conflict):
            services.withdraw(request.actor, approval=one, tools=request.tools)
            return HttpResponseRedirect(back)
    rules.permit_withdrawing(request.actor, one.facts)
    return confirm_page(
        request,
        form,
        heading="Withdraw this request?",
        verb="Withdraw it",
        back=back,
        back_label="The request",
        crumb="Withdraw",
        section=SECTION,
        consequences=[one.summary, "Nobody can decide it any more. You can ask again."],
    )


def break_glass(request: Request, case_id: UUID) -> HttpResponse:
    """Break the glass for a case."""
    name = f"case {effects.subject_name(request.actor, GLASS, case_id)}".strip()
    back = reverse("case", args=[case_id])
    form = GlassForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            made = services.break_glass(
                request.actor, case_id=case_id, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("approval", args=[made.pk]))
    return confirm_page(
        request,
        form,
        heading=f"Break the glass for {name}?",
        verb="Break the glass",
        keep="Leave it",
        back=back,
        back_label=f"C{name[1:]}",
        crumb="Break the glass",
        section="cases",
        consequences=[
            "For four hours, searches of this case do not wait for the approval of a second person.",
            "Everything else stays as it is: only evidence of the case is searched, by an examiner, on the record.",
            "Every auditor and supervisor of your agency is told at once, on each of their pages.",
            "An auditor reviews your reason within 72 hours.",
            "While a review is overdue, nobody of your agency can break the glass again.",
        ],
    )


def review(request: Request, approval_id: UUID) -> HttpResponse:
    """Review broken glass."""
    one = queries.approval(request.actor, approval_id)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.review_glass(
                request.actor,
                approval=one,
                justified=form.cleaned_data["justified"] == YES,
                reason=form.cleaned_data["reason"],
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("approval", args=[one.pk]))
    if not form.errors:
        rules.permit_review(request.actor, one.facts)
    context = {"form": form, "section": SECTION, **_described(request, one)}
    return render(request, "approvals/review.html", context, status=status_of(form))


def _detail(request: Request, one: Approval, form: Form) -> HttpResponse:
    """Show one request; with status 422 when its form came back."""
    actor, now, facts = request.actor, request.tools.clock(), one.facts
    carry_out = effects.effect_of(facts.kind).url_name
    usable = not rules.why_not_usable(facts, now=now) and actor.roles & KINDS[facts.kind].ask
    context = {
        "form": form,
        "section": SECTION,
        "can_decide": _permits(rules.permit_deciding, actor, facts, now=now)
        and may(actor, Deed.APPROVAL_DECIDE),
        "can_review": _permits(rules.permit_review, actor, facts) and may(actor, Deed.GLASS_REVIEW),
        "can_withdraw": _permits(rules.permit_withdrawing, actor, facts),
        "carry_out": reverse(carry_out, args=[one.pk]) if usable and carry_out else "",
        "can_carry_out": bool(usable),
        "own": actor.person == facts.asked_by,
        **_described(request, one),
    }
    return render(request, "approvals/detail.html", context, status=status_of(form))


def _described(request: Request, one: Approval) -> dict[str, Any]:
    """Return what pages say about one request."""
    actor, now, facts = request.actor, request.tools.clock(), one.facts
    names = _names(request, [one])
    rule = KINDS[facts.kind]
    return {
        "row": _row(one, names, now),
        "reason": one.reason,
        "subject": _subject(request, facts),
        "case_url": reverse("case", args=[facts.subject])
        if facts.kind is GLASS and may(actor, Deed.CASE_READ)
        else "",
        "exactly": effects.payload_words(actor, facts.kind, facts.subject, one.payload),
        "compared": effects.payload_compared(actor, facts.kind, facts.subject, one.payload),
        "deciders": rules.listed(rule.decide),
        "often": _often(facts),
        "decided_by": names.get(facts.decided_by, "") if facts.decided_by else "",
        "decision": one.decision,
        "decided_at": one.decided_at,
        "usable_until": facts.usable_until,
        # Of what is used as often as needed, most services only ask whether it is approved.
        "counted": rule.uses is not None,
        "uses": facts.uses,
        "reviewed_by": names.get(one.reviewed_by, "") if one.reviewed_by else "",
        "reviewed_at": one.reviewed_at,
        "review": one.review,
        "withdrawn_at": one.withdrawn_at,
        "receipt": receipt_about(one.pk, _action(facts)),
    }


def carry_out_page(request: Request, form: Form, one: Approval, *consequences: str) -> HttpResponse:
    """Ask once more before what was approved is done, by the app whose matter it is."""
    return confirm_page(
        request,
        form,
        heading="Carry out what was approved?",
        verb="Carry it out",
        keep="Not now",
        back=reverse("approval", args=[one.pk]),
        back_label="The request",
        crumb="Carry it out",
        section=SECTION,
        consequences=[one.summary, *consequences],
    )


def _row(one: Approval, names: dict[UUID, str], now: datetime) -> dict[str, Any]:
    """Return a request as the lists show it."""
    facts = one.facts
    waits = facts.decided_by is None and not facts.withdrawn and not facts.reviewed
    return {
        "id": one.pk,
        "words": KINDS[facts.kind].words,
        "summary": one.summary,
        "glass": facts.kind is GLASS,
        "asked_by": names.get(facts.asked_by, "Somebody who is no longer here"),
        "asked_at": one.asked_at,
        "decide_by": facts.expires_at,
        "waits": waits and (facts.kind is GLASS or now <= facts.expires_at),
        "overdue": facts.kind is GLASS and rules.is_overdue(facts, now=now),
        "state": rules.state_words(facts, now=now),
    }


def _subject(request: Request, facts: ApprovalFacts) -> str:
    try:
        return effects.subject_name(request.actor, facts.kind, facts.subject)
    except NotFound:
        return ""  # not everybody who decides may read what it is about


def _often(facts: ApprovalFacts) -> str:
    uses = KINDS[facts.kind].uses
    return "Once" if uses == 1 else "As often as needed until it ends"


def _names(request: Request, rows: list[Approval]) -> dict[UUID, str]:
    """Return the names of the people of these requests."""
    ids = {one for row in rows for one in (row.asked_by, row.decided_by, row.reviewed_by) if one}
    found = Person.objects.filter(agency_id=request.actor.agency, pk__in=ids)
    return {person.pk: person.name for person in found}


def _action(facts: ApprovalFacts) -> Action:
    """Return which entry of the ledger the page shows the receipt of."""
    if facts.kind is GLASS:
        return Action.GLASS_REVIEWED if facts.reviewed else Action.GLASS_BROKEN
    if facts.decided_by is not None:
        return Action.APPROVAL_DECIDED
    return Action.APPROVAL_WITHDRAWN if facts.withdrawn else Action.APPROVAL_ASKED


def _permits(rule: Any, *arguments: Any, **more: Any) -> bool:
    """Say whether a rule permits, to offer a form or not."""
    try:
        rule(*arguments, **more)
    except CountenanceError:
        return False
    return True
