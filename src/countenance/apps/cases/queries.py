"""Reading cases."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.cases.models import Case
from countenance.errors import NotFound
from countenance.policy import Actor
from countenance.tools import Tools


def reference_index(actor: Actor, reference: str, *, tools: Tools) -> bytes:
    """Return the blind index of a case reference within the agency."""
    return tools.keyring.blind_index(
        reference.strip(), purpose="case.reference", agency=actor.agency
    )


def cases(actor: Actor) -> QuerySet[Case]:
    """Return the agency's cases, newest first; slice it."""
    return (
        Case.objects.filter(agency_id=actor.agency)
        .select_related("opened_by")
        .order_by("-opened_at", "pk")
    )


def case(actor: Actor, case_id: UUID) -> Case:
    """Return one case.

    Raises:
        NotFound: there is none, or it is another agency's.
    """
    found = Case.objects.filter(agency_id=actor.agency, pk=case_id).first()
    if found is None:
        raise NotFound("There is no such case.")
    return found


def case_by_reference(actor: Actor, reference: str, *, tools: Tools) -> Case | None:
    """Return the case of this reference, if there is one."""
    index = reference_index(actor, reference, tools=tools)
    return Case.objects.filter(agency_id=actor.agency, reference_index=index).first()
