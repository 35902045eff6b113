"""The frame of every page: who is signed in, where one may go, what waits, which alarm is on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.agencies import sessions
from countenance.apps.agencies.models import Person
from countenance.apps.approvals import queries as approvals
from countenance.apps.records import queries as records
from countenance.apps.records import waiting
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools
from countenance.ui.requests import Alarm, LastEntry, NavItem, Request, Shell
from countenance.web import access, wiring


def shell_of(person: Person, actor: Actor, tools: Tools) -> Shell:
    """Return the frame of somebody's pages; what it shows is read when a page is drawn."""
    return Shell(
        person=person.name,
        agency=person.agency.own_name or "",
        demo_keys=wiring.uses_demo_keys(),
        reads_ledger=may(actor, Deed.LEDGER_READ),
        read_last_entry=_last_entry,
        read_nav=partial(_nav, actor, tools),
        read_alarms=partial(_alarms, actor, tools),
    )


@require_safe
def home(request: Request) -> HttpResponse:
    """Go to the page on which this person's work begins; to their account, if nothing else is open yet."""
    if sessions.is_recovery(request.session):
        return HttpResponseRedirect(reverse(access.ACCOUNT_PAGE))
    return HttpResponseRedirect(reverse(access.first_page(request.actor)))


def _last_entry() -> LastEntry | None:
    for row in records.newest_entries(1):
        receipt = records.receipt_of(row)
        return LastEntry(number=row.index, code=receipt.code, at=row.at)
    return None


def _nav(actor: Actor, tools: Tools) -> Sequence[NavItem]:
    waits = {
        "inbox": partial(waiting.count, actor, tools=tools),
        "approvals": partial(approvals.waiting_for, actor, now=tools.clock()),
    }
    return [
        NavItem(
            label=label,
            href=reverse(route),
            section=section,
            waiting=waits[route]() if route in waits else 0,
        )
        for label, route, section in access.offered(actor)
    ]


def _alarms(actor: Actor, tools: Tools) -> Sequence[Alarm]:
    if not may(actor, Deed.APPROVAL_READ):
        return ()
    return [
        Alarm(
            broken_at=one.broken_at,
            review_by=one.review_by,
            overdue=one.overdue,
            href=reverse("approval", args=[one.approval]),
        )
        for one in approvals.open_alarms(actor, now=tools.clock())
    ]
