"""What waits on supervisors about leads that they released: those that the examiners no longer support."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from countenance.apps.cases import queries as cases
from countenance.apps.examinations import queries as examinations
from countenance.apps.leads import queries
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import support_of
from countenance.apps.records.waiting import Waiting, of_each
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LOOKED_AT = 30
"""So many re-examined leads are judged; this is asked whenever a page is drawn."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the leads that a supervisor withdraws: those whose support conclusions since have taken away.

    Nothing while an examination is open that the actor drew: a search could be the one it is of.
    """
    if not may(actor, Deed.LEAD_WITHDRAW):
        return
    if examinations.examines(actor) and examinations.open_draw(actor) is not None:
        return
    rows = Lead.objects.filter(
        queries.REEXAMINED,
        agency_id=actor.agency,
        case__in=cases.cases(actor).order_by().values("pk"),
        withdrawn_at=None,
        object_key__isnull=False,
        search__frozen_at=None,
    )
    rows = rows.exclude(search__examinations__examiner_id=actor.person)
    rows = rows.select_related("search", "case").order_by("released_at", "pk")[:LOOKED_AT]
    yield from of_each(rows, lambda lead: _unsupported(actor, lead))


def _unsupported(actor: Actor, lead: Lead) -> Iterator[Waiting]:
    lost_at = support_of(lead).lost_at if queries.may_know(actor, lead.search) else None
    if lost_at is not None:
        yield Waiting(
            what=f"Withdraw lead {lead.number}: the examiners no longer support it",
            since=lost_at,
            href=reverse("lead", args=[lead.pk]),
        )
