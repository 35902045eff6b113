"""Whether a lead still stands: judged whenever it is shown or leaves, since conclusions can be followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from countenance.apps.agencies.models import Person
from countenance.apps.cases.models import Authority
from countenance.apps.examinations.permits import (
    examiners_of,
    standings_of,
    still_certified,
    terms_of,
    waiver_of,
)
from countenance.apps.examinations.standings import CandidateStanding
from countenance.apps.leads.models import Lead
from countenance.apps.leads.proving import prove_conclusions
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.errors import NotFound, NotPermitted, SealBroken
from countenance.examination.combine import (
    EXAMINERS,
    Concluded,
    Standing,
    Waiver,
    combine,
    permit_lead,
)
from countenance.ledger.entry import Action
from countenance.policy import Actor
from countenance.policy.examining import ExportFacts, permit_photo_leaves
from countenance.reports.words import moment

WITHDRAWN, UNSUPPORTED = "Withdrawn", "No longer supported"
LOST = (
    "An examiner has concluded something else since it was released. Do not act on it. "
    "A supervisor withdraws it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How a lead stands now.

    Attributes:
        withdrawn: a supervisor withdrew it.
        lost_at: since when too few examiners support it; None if enough do.
        words: what is said of it first, in one word and in sentences; nothing of a lead that stands.
    """

    withdrawn: bool
    lost_at: datetime | None
    words: tuple[str, ...]


def candidate_of(search: Search, subject: UUID) -> CandidateStanding:
    """Return how far a candidate of a search is, as the ledger proves it.

    Raises:
        NotFound: the search returned no such candidate.
        SealBroken: somebody replaced a conclusion, or took one away.
    """
    for one in standings_of(search):
        if one.subject == subject:
            prove_conclusions(search, one.concluded)
            return one
    raise NotFound("This search returned no such candidate.")


def support_of(lead: Lead) -> Support:
    """Return how a lead stands now, by the rules under which it was released.

    Raises:
        SealBroken: somebody replaced a conclusion, took one away, or hid that the lead is withdrawn.
    """
    told = LedgerRow.objects.filter(about=lead.pk, action=str(Action.LEAD_WITHDRAWN)).exists()
    if told != (lead.withdrawn is not None):
        raise SealBroken("A lead does not say what the ledger says of its withdrawal.")
    lost_at = _lost_at(lead)
    if lead.withdrawn is not None:
        return Support(withdrawn=True, lost_at=lost_at, words=(WITHDRAWN, withdrawal_words(lead)))
    if lost_at is not None:
        return Support(withdrawn=False, lost_at=lost_at, words=(UNSUPPORTED, LOST))
    return Support(withdrawn=False, lost_at=None, words=())


def withdrawal_words(lead: Lead) -> str:
    """Return who withdrew a lead, when and why."""
    said = lead.withdrawn
    # Nobody, where a restore withdrew again what had been withdrawn since the backup.
    name = Person.objects.get(pk=said["by"]).name if said["by"] else "The restored deployment"
    at = moment(datetime.fromisoformat(said["at"]))
    return f"{name} withdrew it on {at}. Do not act on it. Why: {said['reason']}"


def photo_lock(lead: Lead, support: Support) -> str:
    """Return why the photo of a lead's candidate may not leave now, and the way out; empty if it may."""
    try:
        permit_photo_leaves(export_facts(lead, support), terms=terms_of(lead.search))
    except NotPermitted as refusal:
        return refusal.detail
    return ""


def export_facts(lead: Lead, support: Support, *, reason: str = "") -> ExportFacts:
    """Return what policy needs to know of a lead whose candidate's photo is to leave."""
    search = lead.search
    return ExportFacts(
        agency=lead.agency_id,
        released=True,
        frozen=search.frozen_at is not None,
        purged=search.purged_at is not None,
        authorised=_is_authorised(search),
        independent=bool(lead.independent),
        reason=reason,
        supported=support.lost_at is None,
        withdrawn=support.withdrawn,
    )


def _is_authorised(search: Search) -> bool:
    if search.authority_id is None:
        return False
    return Authority.objects.get(pk=search.authority_id).facts.granted_by is not None


def _lost_at(lead: Lead) -> datetime | None:
    kept = lead.details
    one = candidate_of(lead.search, UUID(kept["subject"]))
    waiver = None if kept["waiver"] is None else Waiver(**kept["waiver"])
    if combine(one.concluded, waiver=waiver, examiners=kept["examiners"]) == Standing.AGREED:
        return None
    return max((said.at for said in one.concluded), default=lead.released_at)


def bearing_on(
    actor: Actor, search: Search, one: CandidateStanding, *, today: date
) -> tuple[list[Concluded], Waiver | None]:
    """Return the conclusions that a lead stands on, and the law that waives the second, if it was needed.

    Raises:
        LeadNotSupported: fewer distinct, current examiners concur than a lead needs.
    """
    waiver = waiver_of(search)
    bearing = permit_lead(
        one.concluded,
        releases=actor.person,
        certified_now=still_certified({said.examiner for said in one.concluded}, today=today),
        waiver=waiver,
        examiners=examiners_of(search),
    )
    return bearing, waiver if len(bearing) < EXAMINERS else None
