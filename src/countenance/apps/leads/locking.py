"""What services of leads do inside their transactions: lock a lead after its search, and judge it."""

from __future__ import annotations

from countenance import policy
from countenance.apps.examinations.locking import lock_search
from countenance.apps.leads import queries
from countenance.apps.leads.models import Lead
from countenance.apps.records.services import Record
from countenance.errors import NotFound, SearchFrozen
from countenance.policy import Actor
from countenance.tools import Tools


def open_lead(actor: Actor, record: Record, lead: Lead, *, tools: Tools) -> Lead:
    """Lock a lead after its search and return it, if the actor may see it; call it inside a service.

    Raises:
        NotPermitted: its case is not the actor's to see, or they could still be asked to examine it.
        SearchFrozen: its authority was refused or came too late, or what it says was destroyed.
    """
    record.note(about=lead.pk, case=lead.case_id)
    policy.permit_own(actor, lead.agency_id)
    policy.permit_case_member(actor, lead.case.facts)
    search = lock_search(actor, lead.search, tools=tools)
    if not queries.may_know(actor, search):
        raise NotFound("There is no such lead.")
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    if locked.destroyed:
        raise SearchFrozen("What this lead said was destroyed with what its search found.")
    locked.check_links()
    return locked
