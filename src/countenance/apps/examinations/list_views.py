"""What an examiner has open, what waits, and what they recorded; the same words whatever it is that waits."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.examinations import queries, taking
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.errors import NotFound
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

LISTED = 25


@require_safe
def examinations(request: Request) -> HttpResponse:
    """Show the examinations that the actor has open, and whether another one waits."""
    return _list(request)


@require_POST
def examination_next(request: Request) -> HttpResponse:
    """Begin the next one that waits."""
    form = Form(request.POST)
    form.is_valid()
    with ErrorsOn(form):
        try:
            begun = taking.take_examination(request.actor, tools=request.tools)
        except NotFound as nothing:
            form.add_error(None, nothing.detail)
        else:
            return HttpResponseRedirect(reverse("examination", args=[begun.pk]))
    return _list(request, form)


def _list(request: Request, form: Form | None = None) -> HttpResponse:
    actor, tools = request.actor, request.tools
    free = queries.open_draw(actor) is None
    waits = free and any(queries.waiting_searches(actor, tools=tools))
    begun = list(queries.own_examinations(actor, ExaminationState.OPEN))
    done = queries.own_examinations(actor, ExaminationState.RECORDED)[:LISTED]
    context = {
        "section": "examinations",
        "form": form or Form(),
        "free": free,
        "waits": waits,
        "open": [_row(one) for one in begun if not queries.is_altered(one)],
        "altered": any(map(queries.is_altered, begun)),
        "done": [_row(one) for one in done],
    }
    return render(
        request, "examinations/list.html", context, status=status_of(form) if form else 200
    )


def _row(one: Examination) -> dict[str, Any]:
    return {
        "id": one.pk,
        "code": one.about["code"],
        "begun_at": one.begun_at,
        "recorded_at": one.recorded_at,
        "analysed": one.analysis is not None,
        "of": one.about["candidates"],
        "said": one.comparisons.filter(follows=None, said__isnull=False).count(),
    }
