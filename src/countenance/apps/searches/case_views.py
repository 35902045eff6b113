"""Cases with their searches and probes, and the list of all searches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from countenance.apps.cases import queries as case_queries
from countenance.apps.cases.models import Case
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Gallery
from countenance.apps.searches import afterwards, case_rows, knowing, queries
from countenance.apps.searches.afterwards import Afterwards
from countenance.apps.searches.candidates import NO_CANDIDATE, NO_FACE, QUALITY_TOO_LOW
from countenance.apps.searches.erasable import KIND, asked_for, left_of
from countenance.apps.searches.footage_views import videos_of
from countenance.apps.searches.kept import kept
from countenance.apps.searches.models import (
    Probe,
    RequestState,
    Search,
    SearchRequest,
    SearchState,
)
from countenance.apps.searches.probe_faces import name_of
from countenance.policy import Actor, Deed, may
from countenance.policy import approvals as approval_rules
from countenance.policy.approvals import KINDS, ApprovalKind
from countenance.ui.requests import Request

ROWS_A_PAGE = 50
LISTED_PROBES = 50
MOST_QUERY = 200
RUNS_AT_MOST = timedelta(minutes=1)
"""No search takes this long, so one that has not ended by then was probably cut off."""
REQUEST_STATES = {
    RequestState.WAITING: "Waits for an examiner",
    RequestState.DONE: "Searched",
    RequestState.DECLINED: "Declined",
    RequestState.WITHDRAWN: "Withdrawn",
}
OVER_WITH_CASE = "Not run: the case was closed"
EXAMINED = "Candidates are being examined"
ANSWERS = {
    NO_CANDIDATE: "No candidate",
    NO_FACE: "No face found",
    QUALITY_TOO_LOW: "Quality too low",
}


@require_safe
def cases(request: Request) -> HttpResponse:
    """List the cases that this person sees; those that wait for them come first, the others in pages."""
    query = request.GET.get("q", "").strip()[:MOST_QUERY]
    found = case_rows.rows(request.actor, query=query, today=request.tools.clock().date())
    yours = [row for row in found if row.yours]
    page = Paginator([row for row in found if not row.yours], ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    entries = case_rows.last_entries([row.case for row in (*yours, *page.object_list)])
    context = {
        "section": "cases",
        "query": query,
        "page_query": urlencode({"q": query}) if query else "",
        "count": len(found),
        "yours": [(row, entries.get(row.case.pk)) for row in yours],
        "others": [(row, entries.get(row.case.pk)) for row in page.object_list],
        "page": page,
        "looked_through": case_rows.MOST_CASES if len(found) == case_rows.MOST_CASES else 0,
        "may_open": may(request.actor, Deed.CASE_OPEN),
    }
    return render(request, "cases/list.html", context)


@require_safe
def case(request: Request, case_id: UUID) -> HttpResponse:
    """Show one case: what is next, its authority and members, its evidence, requests and searches."""
    one = case_queries.case(request.actor, case_id)
    now = request.tools.clock()
    page = _page(request, queries.searches(request.actor, of_case=one))
    facts = case_queries.facts_of(one, now=now)
    evidence = queries.probes(one)
    context = {
        "section": "cases",
        "case": one,
        "row": case_rows.described(request.actor, [one], today=now.date())[0],
        "opened_by": one.opened_by.name,
        "members": [
            person.name for person in case_queries.people_named(one.member_ids, request.actor)
        ],
        "glass_until": facts.glass_until,
        "searches": _search_rows(request.actor, page, now=now),
        "page": page,
        "requests": [_request_row(row) for row in queries.requests_of(one)[:LISTED_PROBES]],
        "probes": [_probe_row(probe) for probe in evidence[:LISTED_PROBES]],
        "more_probes": max(0, evidence.count() - LISTED_PROBES),
        "videos": videos_of(one)[:LISTED_PROBES],
        "sensitive": _sensitive(request, one),
        **_kept(request, one),
        **_case_offers(request, one),
    }
    return render(request, "cases/detail.html", context)


def _kept(request: Request, one: Case) -> dict[str, Any]:
    """Return until when things of a case are kept, and who set a hold and since when."""
    said = kept(one, now=request.tools.clock())
    hold, erasable = said.hold, one.closed_at is not None and not said.needed and not said.erasure
    asked = None if said.erasure else _erasure_asked(request, one)
    return {
        "kept": said,
        "results_gone": _all_purged(one),
        "held_by": _named(request, hold, "by"),
        "held_at": datetime.fromisoformat(hold["at"]) if hold else None,
        "erased_early": _erased_early(request, one),
        "erasure_asked": asked,
        "may_erase": erasable
        and asked is None
        and hold is None
        and may(request.actor, Deed.CASE_ERASE)
        and any(left_of(one.pk)),
        "may_hold": may(request.actor, Deed.CASE_HOLD),
        "may_disclose": may(request.actor, Deed.BUNDLE_EXPORT),
    }


def _erasure_asked(request: Request, one: Case) -> dict[str, Any] | None:
    """Return the request to erase a case that waits, for those who read such requests; None if there is none."""
    if KIND not in approval_rules.seen_by(request.actor.roles):
        return None
    found = asked_for(one, tools=request.tools)
    if found is None:
        return None
    state = approval_rules.state_words(found.facts, now=request.tools.clock())
    asked_by = _named(request, found.details, "asked_by")
    return {"id": found.pk, "by": asked_by, "at": found.asked_at, "state": state}


def _erased_early(request: Request, one: Case) -> dict[str, Any] | None:
    """Return when and by whom a case was erased before its time, with its certificates; None if it was not."""
    ordered = one.erasure
    if ordered is None:
        return None
    gone = Search.objects.filter(case=one, purged_at__isnull=False).order_by("intended_at", "pk")
    return {
        "at": datetime.fromisoformat(ordered["at"]),
        "asked_by": _named(request, ordered, "asked_by"),
        "approved_by": _named(request, ordered, "approved_by"),
        "reason": ordered["reason"],
        "left": any(left_of(one.pk)),
        "certificates": [(search.pk, queries.code_of(search)) for search in gone],
    }


def _named(request: Request, said: dict[str, Any] | None, name: str) -> str:
    """Return who did something, by name; nobody where a restore did it again."""
    by = (said or {}).get(name)
    found = case_queries.people_named([UUID(by)] if by else [], request.actor)
    return next((person.name for person in found), "")


def _all_purged(one: Case) -> bool:
    searches = Search.objects.filter(case=one)
    return searches.exists() and not searches.filter(purged_at=None).exists()


def _sensitive(request: Request, one: Case) -> list[dict[str, Any]]:
    """Return the sensitive galleries of a case's authority, and whether the case may search them."""
    authority, actor = one.authority, request.actor
    if authority is None or one.closed_at is not None:
        return []
    found = list(Gallery.objects.filter(pk__in=authority.galleries, closed_at=None))
    asks = bool(actor.roles & KINDS[ApprovalKind.SENSITIVE_GALLERY].ask)
    with grants.reading(actor, found, tools=request.tools) as opened:
        facts = [
            (gallery, grants.facts_of(actor, gallery, case=one.pk, tools=opened))
            for gallery in found
        ]
        return [
            {
                "id": gallery.pk,
                "name": gallery.name,
                "approved": said.approved,
                "asks": asks and not said.approved,
            }
            for gallery, said in facts
            if said.sensitive
        ]


def _case_offers(request: Request, one: Case) -> dict[str, bool]:
    """Return what this person may be offered in a case; each service judges for itself."""
    is_open = case_rows.status_of(one, today=request.tools.clock().date()) == "Open"
    leads = one.opened_by_id == request.actor.person or may(request.actor, Deed.AUTHORITY_DECIDE)
    return {
        "may_add": is_open and may(request.actor, Deed.EVIDENCE_ADD),
        "may_view": may(request.actor, Deed.EVIDENCE_VIEW),
        "may_authorise": is_open and may(request.actor, Deed.CASE_OPEN),
        "may_members": is_open and leads and may(request.actor, Deed.CASE_MEMBERS),
        "may_widen": is_open and may(request.actor, Deed.CASE_WIDEN),
        "may_run": may(request.actor, Deed.SEARCH_RUN),
        "may_break": is_open and may(request.actor, Deed.GLASS_BREAK),
        "may_close": one.closed_at is None and leads and may(request.actor, Deed.CASE_CLOSE),
        "may_read_authority": may(request.actor, Deed.AUTHORITY_READ),
    }


def _probe_row(probe: Probe) -> dict[str, Any]:
    return {
        "id": probe.pk,
        "name": name_of(probe),
        "faces": len(probe.details["faces"]),
        "at": probe.added_at,
        "by": probe.added_by.name,
        "derived": probe.derived_from_id is not None,
    }


def _request_row(one: SearchRequest) -> dict[str, Any]:
    return {
        "id": one.pk,
        "reason": one.wishes["reason"],
        "by": one.asked_by.name,
        "at": one.asked_at,
        "state": OVER_WITH_CASE
        if one.state == RequestState.WAITING and one.case.closed_at is not None
        else REQUEST_STATES[RequestState(one.state)],
        "said": (one.answer or {}).get("reason", ""),
    }


@require_safe
def searches(request: Request) -> HttpResponse:
    """List the searches of the agency, newest first."""
    page = _page(request, queries.searches(request.actor))
    rows = _search_rows(request.actor, page, now=request.tools.clock())
    context = {"section": "searches", "searches": rows, "page": page}
    return render(request, "searches/list.html", context)


def _page(request: Request, rows: QuerySet[Any]) -> Page[Any]:
    """Return the page that was asked for; only its rows are read and opened."""
    page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    return page


def _search_rows(actor: Actor, page: Page[Any], *, now: datetime) -> list[dict[str, Any]]:
    searches = list(page.object_list)
    came = afterwards.came_of(actor, searches)
    return [row_of(one, now=now, actor=actor, came=came.get(one.pk)) for one in searches]


def row_of(
    search: Search, *, now: datetime, actor: Actor, came: Afterwards | None = None
) -> dict[str, Any]:
    """Return a search as the lists show it, with what came of it, if the actor may know."""
    # Of one that they could draw, an examiner reads no more than anybody else.
    examines = may(actor, Deed.CANDIDATES_VIEW) and not knowing.is_kept_unseen(actor, search)
    return {
        "id": search.pk,
        "code": queries.code_of(search),
        "case": search.case,
        "reason": search.reason,
        "outcome": outcome_words(search, now=now, examines=examines, came=came),
        "leads": () if came is None else came.leads,
        "at": search.intended_at,
    }


def is_stuck(search: Search, *, now: datetime) -> bool:
    """Say whether a search began so long ago that it no longer looks like one that runs."""
    return search.state == SearchState.INTENDED and now - search.intended_at > RUNS_AT_MOST


def outcome_words(
    search: Search, *, now: datetime, examines: bool = True, came: Afterwards | None = None
) -> str:
    """Return what came of a search, in words; whoever does not examine reads only how far it is."""
    ended = _without_result(search, now=now)
    if ended or search.outcome is None:
        return ended or "Running"
    if not examines:
        return EXAMINED if came is None else came.words
    count = len(search.outcome["candidates"])
    if count:
        found = f"{count} {'candidate' if count == 1 else 'candidates'}"
        return found if came is None else f"{found}. {came.words}"
    return ANSWERS.get(search.outcome["answer"], "No candidate")


def _without_result(search: Search, *, now: datetime) -> str:
    """Return why a search has nothing to show, in words; empty if it may have."""
    if search.purged_at is not None:
        return "Destroyed"
    if search.frozen_at is not None:
        return "Frozen"
    if search.state == SearchState.ABORTED:
        return "Held, not run" if search.request.get("held") else "Aborted, no result"
    return "Not ended, no result" if is_stuck(search, now=now) else ""
