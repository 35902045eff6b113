"""Reading leads."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from countenance.apps.cases.models import Case
from countenance.apps.cases.queries import cases, sees
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.queries import Sight, examines, sight
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.leads.models import Lead
from countenance.apps.searches.models import Search
from countenance.errors import NotFound
from countenance.policy import Actor, Deed, may

REEXAMINED = Exists(
    Comparison.objects.filter(
        examination__search=OuterRef("search"), recorded_at__gt=OuterRef("released_at")
    )
)
"""Something was concluded of a lead's search since its release, so that it may not stand any more."""


def has_open_lead(case: Case) -> bool:
    """Say whether nobody has said yet what became of a lead of this case.

    Nobody is asked about one that was destroyed or withdrawn.
    """
    waits = {"outcome_at": None, "withdrawn_at": None, "object_key__isnull": False}
    return Lead.objects.filter(case=case, **waits).exists()


def leads(actor: Actor, *, of_case: Case | None = None) -> QuerySet[Lead]:
    """Return the leads of all cases that the actor sees, or of one, newest first; slice it.

    Of those who examine, only the ones that they may know of, so that no count tells of others.
    """
    seen = cases(actor).order_by().values("pk")
    found = Lead.objects.filter(agency_id=actor.agency, case__in=seen)
    if of_case is not None:
        found = found.filter(case=of_case)
    if examines(actor):
        own = Examination.objects.filter(search=OuterRef("search"), examiner_id=actor.person)
        known = Q(Exists(own.filter(state=ExaminationState.RECORDED)))
        if may(actor, Deed.LEAD_RELEASE):
            known |= ~Exists(own) & Q(search__closing__isnull=False)
        found = found.filter(known)
    found = found.annotate(reexamined=REEXAMINED)
    return found.select_related("case", "search", "released_by").order_by("-released_at", "pk")


def lead(actor: Actor, lead_id: UUID) -> Lead:
    """Return one lead.

    Raises:
        NotFound: there is none, or its case is not the actor's to see: said alike.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    found = (
        Lead.objects.filter(agency_id=actor.agency, pk=lead_id)
        .select_related("case", "search__probe", "released_by")
        .first()
    )
    if found is None or not sees(actor, found.case) or not may_know(actor, found.search):
        raise NotFound("There is no such lead.")
    if not found.destroyed:
        found.check_links()
    return found


def may_know(actor: Actor, search: Search) -> bool:
    """Say whether the actor may know that there is a lead of a search.

    Whoever could still be asked to examine it must not learn from a lead what others concluded.
    """
    return not examines(actor) or sight(actor, search) == Sight.EVERYTHING


def leads_of(search: Search) -> list[Lead]:
    """Return the leads of a search, those that were withdrawn too."""
    found = list(Lead.objects.filter(search=search, object_key__isnull=False).order_by("number"))
    for one in found:
        one.check_links()
    return found


def released(search: Search) -> dict[UUID, Lead]:
    """Return the leads of a search that were not withdrawn, by the candidate that each is about.

    Examiners may come to support anew whom they no longer supported; then another lead can be released.
    """
    return {
        UUID(one.details["subject"]): one for one in leads_of(search) if one.withdrawn_at is None
    }
