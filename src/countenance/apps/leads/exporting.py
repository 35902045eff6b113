"""What leaves the program with a lead: its report, and the photo of its candidate."""

from __future__ import annotations

import hashlib

from countenance.apps.examinations.permits import terms_of
from countenance.apps.leads import papers
from countenance.apps.leads.locking import open_lead
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import export_facts, support_of
from countenance.apps.records.services import Record, accountable
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.policy.examining import permit_photo_export
from countenance.reports import Size, lead_pdf
from countenance.tools import Tools

REPORT, PHOTO = "report", "photo"


@accountable(Action.LEAD_EXPORTED, deed=Deed.LEAD_EXPORT)
def export_report(
    actor: Actor, record: Record, *, lead: Lead, size: Size = Size.A4, tools: Tools
) -> bytes:
    """Return a lead's report as PDF, whose hash is on the ledger; without a photo that may not leave yet.

    Raises:
        NotPermitted, SearchFrozen: recorded.
        ImageRejected, InputError: it cannot be set in type.
    """
    locked = open_lead(actor, record, lead, tools=tools)
    made = lead_pdf(papers.paper_of(actor, locked, leaves=True, tools=tools), size=size)
    record.note(what=REPORT, size=str(size), sha256=hashlib.sha256(made).hexdigest())
    return made


@accountable(Action.LEAD_EXPORTED, deed=Deed.LEAD_EXPORT)
def export_photo(actor: Actor, record: Record, *, lead: Lead, reason: str, tools: Tools) -> bytes:
    """Return the photo of a lead's candidate as a JPEG, bystanders blurred, once the packs allow it.

    Args:
        actor: who takes it out.
        record: filled in by `@accountable`.
        lead: a released lead.
        reason: what for, and who gets it.
        tools: the keys, the engine.

    Raises:
        LeadNotSupported: it is withdrawn, or the examiners no longer support it; recorded.
        ForbiddenByPack: the authority is not granted yet, or no independent evidence is recorded where a
            pack asks for it; recorded.
        ReasonMissing: it is not said what for.
        NotPermitted, SearchFrozen: recorded.
        NotFound: the photo was removed since.
    """
    record.note(what=PHOTO, reason=reason.strip())
    locked = open_lead(actor, record, lead, tools=tools)
    facts = export_facts(locked, support_of(locked), reason=reason)
    permit = permit_photo_export(actor, facts, terms=terms_of(locked.search))
    photo = papers.candidate_photo(actor, locked, tools=tools)
    record.note(rule=permit.rule, sha256=hashlib.sha256(photo).hexdigest())
    return photo
