"""Reading leads."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.cases.models import Case
from countenance.apps.cases.queries import cases, sees
from countenance.apps.leads.models import Lead
from countenance.errors import NotFound
from countenance.policy import Actor


def has_open_lead(case: Case) -> bool:
    """Say whether nobody has said yet what became of a lead of this case."""
    return Lead.objects.filter(case=case, outcome_at=None).exists()


def leads(actor: Actor, *, of_case: Case | None = None) -> QuerySet[Lead]:
    """Return the leads of all cases that the actor sees, or of one, newest first; slice it."""
    seen = cases(actor).order_by().values("pk")
    found = Lead.objects.filter(agency_id=actor.agency, case__in=seen)
    if of_case is not None:
        found = found.filter(case=of_case)
    return found.select_related("case", "search", "released_by").order_by("-released_at", "pk")


def lead(actor: Actor, lead_id: UUID) -> Lead:
    """Return one lead.

    Raises:
        NotFound: there is none, or its case is not the actor's to see: said alike.
    """
    found = (
        Lead.objects.filter(agency_id=actor.agency, pk=lead_id)
        .select_related("case", "search__probe", "released_by")
        .first()
    )
    if found is None or not sees(actor, found.case):
        raise NotFound("There is no such lead.")
    found.check_links()
    return found
