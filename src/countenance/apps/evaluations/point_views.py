"""Asking for another operating point of a gallery: what it would change is shown first; and carrying it out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.agencies.approval_views import carry_out_page
from countenance.apps.approvals import queries as approvals
from countenance.apps.evaluations import changing, comparing, operating, queries, showing
from countenance.apps.evaluations.models import Evaluation
from countenance.apps.evaluations.points import numbers_of, present_of, subjects_of
from countenance.apps.evaluations.saying import share
from countenance.apps.galleries import queries as galleries
from countenance.apps.galleries.models import Gallery
from countenance.errors import InputError, ModelMismatch, NotFound
from countenance.policy.approvals import ApprovalKind
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

SECTION = "galleries"
OFFERED = 20
WANTED = "wanted"


class AskForm(ReasonForm):
    """Why the gallery is to be searched at another operating point."""


def gallery_point(request: Request, gallery_id: UUID) -> HttpResponse:
    """Show what each wanted FPIR means in a gallery, then before and after of one; and ask for it."""
    one = galleries.gallery(request.actor, gallery_id)
    form = AskForm(request.POST if request.method == "POST" else None)
    said = request.POST if request.method == "POST" else request.GET
    offered = queries.usable(request.actor, one, most=OFFERED)
    chosen = _chosen(offered, said)
    wish = _wish(said)
    if request.method == "POST" and chosen is not None and wish is None:
        form.add_error(
            None, "Choose first how often a search may return somebody who is not there."
        )
    if request.method == "POST" and chosen is not None and form.is_valid() and wish is not None:
        with ErrorsOn(form):
            asked = operating.ask_for_point(
                request.actor,
                gallery=one,
                evaluation=chosen,
                wanted_fpir=wish,
                **form.cleaned_data,
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("approval", args=[asked.pk]))
    context = {
        "section": SECTION,
        "gallery": one,
        "form": form,
        "offered": offered,
        "chosen": chosen,
        **({} if chosen is None else _meaning(request, one, chosen, wish)),
    }
    return render(request, "evaluations/point.html", context, status=status_of(form))


def point_carry_out(request: Request, approval_id: UUID) -> HttpResponse:
    """Set the operating point that a second person approved."""
    approval = approvals.approval(request.actor, approval_id)
    if approval.kind != ApprovalKind.THRESHOLD_CHANGE:
        raise NotFound("There is no operating point to set here.")
    one = galleries.gallery(request.actor, approval.subject)
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        with ErrorsOn(form):
            operating.set_operating_point(
                request.actor, gallery=one, approval=approval, tools=request.tools
            )
            return HttpResponseRedirect(reverse("gallery_evaluations", args=[one.pk]))
    return carry_out_page(
        request,
        form,
        approval,
        "Every search of this gallery from now on can be run at it. Searches that were run stay as they are.",
    )


def _chosen(offered: list[Evaluation], said: QueryDict) -> Evaluation | None:
    wanted = said.get("evaluation", "")
    return next((one for one in offered if str(one.pk) == wanted), next(iter(offered), None))


def _wish(said: QueryDict) -> float | None:
    return next((one for one in showing.WISHES if repr(one) == said.get(WANTED)), None)


def _meaning(
    request: Request, one: Gallery, chosen: Evaluation, wish: float | None
) -> dict[str, Any]:
    """Return what the page says of the chosen evaluation, and of the chosen wish if there is one."""
    numbers = numbers_of(chosen)
    subjects = subjects_of(one, today=request.tools.clock().date())
    present = present_of(one)
    said: dict[str, Any] = {
        "subjects": subjects,
        "sample": chosen.details["sample"],
        "wishes": [
            (repr(value), told)
            for value, told in zip(
                showing.told_wishes(numbers), showing.wishes(numbers, subjects), strict=True
            )
        ],
        "present": None if present is None else share(present.wanted_fpir),
        "wish": None if wish is None else repr(wish),
    }
    if wish is not None:
        try:
            payload = changing.change_of(one, chosen, wish, tools=request.tools)
        except (InputError, ModelMismatch) as error:
            return {**said, "problem": error.detail}
        said |= {
            "compared": comparing.compared(payload, changing.said_of(chosen)),
        }
    return said
