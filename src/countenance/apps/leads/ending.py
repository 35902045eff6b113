"""Leads without an outcome whose time ends: somebody is asked well before what they stand on is destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from countenance.apps.cases import queries as cases
from countenance.apps.examinations import queries as examinations
from countenance.apps.leads.models import Lead
from countenance.apps.leads.queries import may_know
from countenance.apps.records.waiting import YOU, Waiting, of_each
from countenance.apps.searches.kept import days_for, kept
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

ASKED = timedelta(days=90)
"""So long before the end somebody is asked what came of a lead."""
URGENT = timedelta(days=14)
ASKS = 30
"""So many leads are opened to say whose time ends; this is asked whenever a page is drawn."""


def ending(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the leads that nobody said the outcome of and that are destroyed soon.

    They wait on the investigators of their cases; supervisors see on whom. Nothing is said while an
    examination is open that the actor drew, or of a search that they could be asked to examine.
    """
    tells = may(actor, Deed.LEAD_OUTCOME)
    if not tells and not may(actor, Deed.LEAD_RELEASE):
        return
    if examinations.examines(actor) and examinations.open_draw(actor) is not None:
        return
    now = tools.clock()
    leads = _of_ended_cases(actor, now)[:ASKS]
    yield from of_each(leads, lambda lead: _asked(actor, lead, tells=tells, now=now))


def _asked(actor: Actor, lead: Lead, *, tells: bool, now: datetime) -> Iterator[Waiting]:
    end = ends_at(lead, now=now)
    if end is not None and now >= end - ASKED and may_know(actor, lead.search):
        yield Waiting(
            what=f"Say what came of lead {lead.number}: what it stands on is destroyed on "
            f"{end.day} {end:%B %Y}",
            since=end - ASKED,
            href=reverse("lead_outcome" if tells else "lead", args=[lead.pk]),
            urgent=now >= end - URGENT,
            whose=YOU if tells else "The case's investigator",
        )


def ends_at(lead: Lead, *, now: datetime) -> datetime | None:
    """Return when what a lead stands on is destroyed although it has no outcome; None: not yet, or a hold is on.

    Raises:
        SealBroken: a plain column of the case was changed.
    """
    said = kept(lead.case, now=now, days=days_for(lead.search))
    if said.results_until is None or said.needed_until is None or said.hold is not None:
        return None
    return max(said.results_until, said.needed_until)


def _of_ended_cases(actor: Actor, now: datetime) -> QuerySet[Lead]:
    ended = Q(case__closed_at__isnull=False) | Q(case__expires_on__lt=now.date())
    rows = Lead.objects.filter(
        ended,
        agency_id=actor.agency,
        case__in=cases.cases(actor).order_by().values("pk"),
        outcome_at=None,
        object_key__isnull=False,
        search__frozen_at=None,
        withdrawn_at=None,
    )
    return rows.select_related("case__agency", "search__agency").order_by("released_at", "pk")
