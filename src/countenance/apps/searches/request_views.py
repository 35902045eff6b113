"""The queue of requests, declining one, and taking one's own back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.searches import asking, queries
from countenance.apps.searches.models import SearchRequest
from countenance.policy import Actor, Deed, may
from countenance.ui.forms import ErrorsOn, ReasonForm
from countenance.ui.pages import confirm_page
from countenance.ui.requests import Request

SECTION = "requests"
ROWS_A_PAGE = 50


@require_safe
def requests(request: Request) -> HttpResponse:
    """List the open requests, oldest first."""
    page = Paginator(queries.waiting_requests(request.actor), ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    page.object_list = list(page.object_list)
    rows = [row_of(one, request.actor) for one in page.object_list]
    return render(
        request, "searches/requests.html", {"section": SECTION, "requests": rows, "page": page}
    )


def row_of(one: SearchRequest, actor: Actor) -> dict[str, Any]:
    """Return a request as the queue shows it."""
    one.check_links()
    added = one.probe.added_by_id
    own = actor.person in {one.asked_by_id, added, one.case.opened_by_id}
    return {
        "id": one.pk,
        "case": one.case,
        "probe_id": one.probe_id,
        "reason": one.wishes["reason"],
        "by": one.asked_by.name,
        "at": one.asked_at,
        "own": own,
        "asked_by_me": actor.person == one.asked_by_id,
        "runs": may(actor, Deed.SEARCH_RUN) and not own,
        "declines": may(actor, Deed.SEARCH_DECLINE) and actor.person != one.asked_by_id,
    }


def decline(request: Request, request_id: UUID) -> HttpResponse:
    """Decline a request with a reason that its asker reads."""
    one = queries.request(request.actor, request_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            asking.decline_request(
                request.actor, request=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("requests"))
    return confirm_page(
        request,
        form,
        heading=f"Decline the request in case {one.case.reference}?",
        verb="Decline the request",
        keep="Keep it waiting",
        back=reverse("requests"),
        back_label="Requests",
        crumb="Decline",
        section=SECTION,
        consequences=[
            "No search is run for this request. Whoever asked reads your reason and can ask again.",
            "The photo stays evidence of the case.",
        ],
    )


@require_POST
def withdraw(request: Request, request_id: UUID) -> HttpResponse:
    """Take back a request of one's own."""
    one = queries.request(request.actor, request_id)
    asking.withdraw_request(request.actor, request=one, tools=request.tools)
    return HttpResponseRedirect(reverse("probe", args=[one.probe_id]))
