"""The clocks of closed cases: what searches found, and the photos of the case, are kept for a time only.

How long is policy, and less if two people ordered that a case is erased early (`erasing`). The clocks start when a case is closed, stand still while a legal hold is on, and while
somebody still needs what there is (`cases.keeping`). The clock of an authority that was refused or came too
late is another one (`purging`): what nobody was allowed to find is destroyed in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.destroying import (
    ALWAYS_KEPT,
    destroy_evidence,
    destroy_results,
    each,
    lock_search,
)
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.kept import Kept, days_for, fewest_days, kept
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

RESULTS_ENDED, EVIDENCE_ENDED = "retention.results", "retention.evidence"
ERASED = "erasure.ordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why something is destroyed, as its certificate says it; `ordered` names who asked and who approved."""

    rule: str
    says: str
    sections: list[str]
    ordered: dict[str, str] | None = None


@accountable(Action.SEARCH_PURGED, deed=Deed.SEARCH_PURGE)
def purge_results(actor: Actor, record: Record, *, search: Search, tools: Tools) -> Search:
    """Destroy what a search found whose case has been closed for long enough, with a certificate.

    Raises:
        WrongState: it is destroyed already, still running, or it is not time.
    """
    search = lock_search(actor, record, search)
    if search.purged_at is not None:
        raise WrongState("What this search found is destroyed already.")
    if search.state == SearchState.INTENDED:
        raise WrongState("This search is still running; it is destroyed when it has ended.")
    said = kept(search.case, now=tools.clock(), days=days_for(search))
    _permit(said, until=said.results_until, now=tools.clock())
    why = _erased(said) or Grounds(
        rule=RESULTS_ENDED,
        says=_why("What a search found is kept", said.days.results, said),
        sections=_sections(said.days.results_law, said),
    )
    destroy_results(
        actor,
        record,
        search,
        rule=why.rule,
        says=why.says,
        kept=ALWAYS_KEPT,
        sections=why.sections,
        ordered=why.ordered,
        tools=tools,
    )
    return search


@accountable(Action.EVIDENCE_PURGED, deed=Deed.SEARCH_PURGE)
def _record_evidence(
    actor: Actor, record: Record, *, case: Case, tools: Tools
) -> tuple[Case, list[UUID]]:
    record.note(about=case.pk)
    if actor != SYSTEM:
        policy.permit_own(actor, case.agency_id)
    record.agency = case.agency_id
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    said = kept(case, now=tools.clock())
    _permit(said, until=said.evidence_until, now=tools.clock())
    why = _erased(said) or Grounds(
        rule=EVIDENCE_ENDED,
        says=_why("Photos and videos are kept", said.days.evidence, said),
        sections=_sections(said.days.evidence_law, said),
    )
    gone = destroy_evidence(
        actor,
        record,
        case,
        rule=why.rule,
        says=why.says,
        sections=why.sections,
        ordered=why.ordered,
        tools=tools,
    )
    return case, gone


@composed_of(_record_evidence)
def purge_evidence(actor: Actor, *, case: Case, tools: Tools) -> Case:
    """Destroy the photos of a case that has been closed for long enough, with a certificate.

    The keys go with the commit; the sealed bytes, which nothing opens any more, right after it. If the
    program stops in between, the sweep at the next start deletes them.

    Raises:
        WrongState: it has no photo left, or it is not time.
        SealBroken: none of its photos can be told to be its own.
    """
    case, gone = _record_evidence(actor, case=case, tools=tools)
    for photo in gone:
        tools.store.delete(photo)
    return case


@composed_of(purge_results)
def purge_ended_results(actor: Actor, *, case: Case | None = None, tools: Tools) -> int:
    """Destroy what searches of cases found that were closed for long enough; return of how many.

    Called every hour and at start, so that a stop delays it and nothing else; and for a case that is erased.
    """
    left = Search.objects.filter(_ended("case__", tools=tools), purged_at=None)
    left = left if case is None else left.filter(case=case)
    rows = left.exclude(state=SearchState.INTENDED).order_by("intended_at")
    return each(actor, purge_results, rows, tools=tools)


@composed_of(purge_evidence)
def purge_ended_evidence(actor: Actor, *, case: Case | None = None, tools: Tools) -> int:
    """Destroy the photos of cases that were closed for long enough; return of how many cases."""
    left = Q(pk__in=Probe.objects.filter(purged_at=None).values("case"))
    left |= Q(pk__in=Footage.objects.filter(purged_at=None).values("case"))
    rows = Case.objects.filter(left, _ended("", tools=tools)).order_by("opened_at")
    rows = rows if case is None else rows.filter(pk=case.pk)
    return each(actor, purge_evidence, rows, tools=tools, name="case")


def _ended(prefix: str, *, tools: Tools) -> Q:
    """Return the condition of cases of which it may be time; each is judged by itself.

    They ended long ago, or their erasure was ordered.
    """
    before = tools.clock() - timedelta(days=fewest_days())
    closed = Q(**{f"{prefix}closed_at__lt": before})
    ordered = Q(**{f"{prefix}erase_from__isnull": False})
    return closed | ordered | Q(**{f"{prefix}expires_on__lt": before.date()})


def _permit(said: Kept, *, until: datetime | None, now: datetime) -> None:
    """Permit to destroy what is kept until this moment.

    Raises:
        WrongState: it is not over, or a hold or an open lead keeps it.
    """
    if until is None or now < until:
        raise WrongState("It is kept for longer.")
    if said.hold is not None:
        raise WrongState("A legal hold is on, so nothing of this case is destroyed.")
    if said.needed:
        raise WrongState("A lead of this case has no outcome yet, so nothing of it is destroyed.")


def _erased(said: Kept) -> Grounds | None:
    """Return what a certificate says of a case that was erased early; None of any other."""
    ordered = said.erasure
    if ordered is None:
        return None
    if ordered["by"] is None:
        return Grounds(
            rule=ERASED, says=f"The case was erased early. {ordered['reason']}", sections=[]
        )
    asked, approved = (
        datetime.fromisoformat(ordered[f"{one}_at"]) for one in ("asked", "approved")
    )
    named = ("asked_by", "asked_at", "approved_by", "approved_at", "by", "at")
    return Grounds(
        rule=ERASED,
        says="The case was erased early, before the time was over for which it would have been kept. "
        f"A supervisor asked for it on {_day(asked)}, and a second person approved it on {_day(approved)}.",
        sections=[],
        ordered={name: ordered[name] for name in named},
    )


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _why(what: str, days: int, said: Kept) -> str:
    """Return in words why something is destroyed."""
    why = f"{what} for {days} days after a case ends. That time is over."
    if not said.unanswered:
        return why
    return (
        f"{why} Nobody said what came of a lead; what a lead stands on is kept for {said.days.lead} days "
        "at most. That time is over too."
    )


def _sections(law: str, said: Kept) -> list[str]:
    return [law, said.days.lead_law] if said.unanswered and said.days.lead_law != law else [law]
