"""Releasing a lead, showing it, and recording what became of it."""

from __future__ import annotations

from uuid import UUID

from countenance import policy
from countenance.apps.agencies.models import Agency
from countenance.apps.cases.models import Case
from countenance.apps.examinations.locking import lock_search
from countenance.apps.examinations.permits import (
    examiners_of,
    facts_of,
)
from countenance.apps.examinations.queueing import requeue
from countenance.apps.leads import papers, queries
from countenance.apps.leads.locking import open_lead
from countenance.apps.leads.models import Lead, Outcome
from countenance.apps.leads.proving import prove_examinations
from countenance.apps.leads.standing import bearing_on, candidate_of
from countenance.apps.records.services import Record, accountable
from countenance.apps.searches.models import Search
from countenance.errors import Conflict, InputError
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.examining import permit_release
from countenance.policy.reasons import what_is_vague
from countenance.tools import Tools

LONGEST_NOTE = 2000


@accountable(Action.LEAD_RELEASED, deed=Deed.LEAD_RELEASE)
def release_lead(
    actor: Actor, record: Record, *, search: Search, subject: UUID, tools: Tools
) -> Lead:
    """Release one candidate of a search to the case's investigator.

    Args:
        actor: a supervisor who examined nothing of the search, and did not ask for it.
        record: filled in by `@accountable`.
        search: what returned the candidate.
        subject: the candidate.
        tools: the clock, the keys.

    Raises:
        LeadNotSupported: fewer distinct, current examiners concur than a lead needs; recorded.
        SamePerson, SearchFrozen, NotPermitted: recorded.
        Conflict: it is a lead already.
        NotFound: the search returned no such candidate.
        SealBroken: rows contradict the ledger.
    """
    record.note(about=search.pk, subject=subject)
    policy.permit_own(actor, search.agency_id)
    # In the order in which searches lock them; the agency's row also keeps two from taking one number.
    agency = Agency.objects.select_for_update(no_key=True).get(pk=actor.agency)
    case = Case.objects.select_for_update(no_key=True).get(pk=search.case_id)
    search = lock_search(actor, search, tools=tools)
    now = tools.clock()
    permit_release(actor, facts_of(search, today=now.date()))
    one = candidate_of(search, subject)
    prove_examinations(search)
    bearing, waiver = bearing_on(actor, search, one, today=now.date())
    if subject in queries.released(search):
        raise Conflict("This candidate is released as a lead already.")
    lead = Lead(
        agency=agency,
        case=case,
        search=search,
        number=_free_number(agency, tools=tools),
        released_by_id=actor.person,
        released_at=now,
    )
    lead.details = {
        "links": lead.links,
        "subject": str(subject),
        "rank": one.rank,
        "similarity": one.similarity,
        "bearing": [str(said.id) for said in bearing],
        "waiver": None if waiver is None else {"law": waiver.law, "section": waiver.section},
        "examiners": examiners_of(search),
        "paper": papers.snapshot(actor, lead, one, bearing=bearing, waiver=waiver, tools=tools),
    }
    lead.save(force_insert=True)
    requeue(search, record, tools=tools)
    record.note(about=lead.pk, search=search.pk, number=lead.number)
    record.note(bearing=lead.details["bearing"], waiver=lead.details["waiver"])
    return lead


def _free_number(agency: Agency, *, tools: Tools) -> int:
    """Draw a number of six digits that no lead of a locked agency has.

    It does not count: from gaps an examiner would learn of leads that they may not know of yet.
    """
    taken = set(Lead.objects.filter(agency=agency).values_list("number", flat=True))
    while True:
        number = 100_000 + int.from_bytes(tools.token_bytes(8)) % 900_000
        if number not in taken:
            return number


@accountable(Action.LEAD_VIEWED, deed=Deed.LEAD_READ)
def view_lead(actor: Actor, record: Record, *, lead: Lead, tools: Tools) -> Lead:
    """Record that a lead is looked at; show it only after this returned.

    Raises:
        NotPermitted: its case is not the actor's to see.
        SearchFrozen: its authority was refused or came too late, or what it says was destroyed.
    """
    return open_lead(actor, record, lead, tools=tools)


@accountable(Action.LEAD_EVIDENCE_RECORDED, deed=Deed.LEAD_OUTCOME)
def record_independent(
    actor: Actor, record: Record, *, lead: Lead, what: str, tools: Tools
) -> Lead:
    """Record evidence that does not come from the search; some packs ask for it before a photo leaves.

    Raises:
        InputError: it says too little, or too much.
        NotPermitted, SearchFrozen: as `view_lead`.
    """
    locked = open_lead(actor, record, lead, tools=tools)
    said = what.strip()
    if what_is_vague(said) or len(said) > LONGEST_NOTE:
        raise InputError(
            f"Say in a few words what the evidence is and where it comes from; at most "
            f"{LONGEST_NOTE:,} characters."
        )
    at = tools.clock().isoformat()
    known = locked.independent or []
    locked.independent = [*known, {"what": said, "by": str(actor.person), "at": at}]
    locked.save(update_fields=("independent",))
    record.note(what=said)
    return locked


@accountable(Action.LEAD_OUTCOME_RECORDED, deed=Deed.LEAD_OUTCOME)
def record_outcome(
    actor: Actor, record: Record, *, lead: Lead, outcome: str, note: str = "", tools: Tools
) -> Lead:
    """Record what became of a lead; said again, the last one counts, and what was said before stays.

    Raises:
        InputError: that is no outcome, or the note is too long.
        NotPermitted, SearchFrozen: as `view_lead`.
    """
    locked = open_lead(actor, record, lead, tools=tools)
    if outcome not in Outcome.values:
        raise InputError("Say what became of the lead: right, wrong, unknown or no action.")
    if len(note) > LONGEST_NOTE:
        raise InputError(f"A note has at most {LONGEST_NOTE:,} characters.")
    at, earlier = tools.clock(), locked.outcome or {}
    before = earlier.pop("before", []) + ([earlier] if earlier else [])
    locked.outcome_at = at
    locked.outcome = {
        "outcome": outcome,
        "note": note.strip(),
        "by": str(actor.person),
        "at": at.isoformat(),
        "before": before,
    }
    locked.save(update_fields=("outcome", "outcome_at"))
    record.note(outcome=outcome)
    return locked
