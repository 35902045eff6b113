"""Until when what there is of a case is kept: how long is policy, from when on is the end of the case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import keeping
from countenance.apps.cases.models import Case
from countenance.apps.searches.models import Search
from countenance.policy import DEFAULT_PACK, packs


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """For how many days after the end of its case something is kept, and by which law."""

    results: int
    evidence: int
    lead: int
    results_law: str
    evidence_law: str
    lead_law: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Until when things of a case are kept.

    Attributes:
        days: for how long, by the agency's policy.
        results_until: what searches found; None while the case is open.
        evidence_until: the photos; None while the case is open.
        hold: who set the legal hold that stops both, when and why; None if there is none.
        needed: something else keeps all of it, such as a lead that nobody has said the outcome of.
        needed_until: when that keeps it no longer, whatever is said; None while the case is open.
        unanswered: that time is over, and nobody has said it.
        erasure: who ordered that it is destroyed before its time, when and why; None if nobody did. Then
            results and photos are kept until that moment.
    """

    days: Days
    results_until: datetime | None
    evidence_until: datetime | None
    hold: dict[str, Any] | None
    needed: bool
    needed_until: datetime | None
    unanswered: bool
    erasure: dict[str, Any] | None


def days_of(names: Iterable[str]) -> Days:
    """Return for how long things are kept under all of these policy packs: the fewest days count."""
    # A pack that nobody knows permits nothing; how long things are kept is then what holds everywhere.
    known = [packs.terms_of(name) for name in names if name in packs.PACKS]
    said = packs.kept(packs.stricter(packs.terms_of(DEFAULT_PACK), *known))
    assert said is not None  # noqa: S101 # the rules that hold everywhere say it
    return Days(
        results=said.results_days,
        evidence=said.evidence_days,
        lead=said.lead_days,
        results_law=said.results.citation,
        evidence_law=said.evidence.citation,
        lead_law=said.lead.citation,
    )


def days_for(search: Search) -> Days:
    """Return for how long what a search found is kept: by the asker's pack, and those of the galleries' owners."""
    owners = Agency.objects.filter(gallery__in=search.request["galleries"]).distinct()
    return days_of({search.agency.pack, *(owner.pack for owner in owners)})


def fewest_days() -> int:
    """Return after how many days something may be over at the earliest, under any pack there is."""
    days = [days_of([name]) for name in packs.PACKS]
    return min(min(one.results, one.evidence) for one in days)


def ended_at(case: Case, *, now: datetime) -> datetime | None:
    """Return when a case was closed, or when its last day was over if that came first; None while it goes on.

    Raises:
        SealBroken: a plain column of the case was changed.
    """
    ends = [] if case.closed_since is None else [case.closed_since]
    if case.expires_on is not None:
        over = datetime.combine(case.expires_on, time(), tzinfo=UTC) + timedelta(days=1)
        ends += [over] if over <= now else []
    return min(ends, default=None)


def kept(case: Case, *, now: datetime, days: Days | None = None) -> Kept:
    """Return until when what there is of a case is kept, by its agency's pack if nothing else is said.

    Raises:
        SealBroken: a plain column of the case was changed.
    """
    days, since = days or days_of([case.agency.pack]), ended_at(case, now=now)
    needed_until = None if since is None else since + timedelta(days=days.lead)
    waits = needed_until is not None and keeping.is_kept(case)
    over = needed_until is not None and now > needed_until
    return Kept(
        days=days,
        results_until=_until(case, since, days=days.results),
        evidence_until=_until(case, since, days=days.evidence),
        hold=case.hold,
        needed=waits and not over,
        needed_until=needed_until,
        unanswered=waits and over,
        erasure=case.erasure,
    )


def _until(case: Case, since: datetime | None, *, days: int) -> datetime | None:
    """Return until when something is kept: so many days after the end, or until its erasure was ordered."""
    ends = [] if since is None else [since + timedelta(days=days)]
    return min(ends if case.erase_from is None else [*ends, case.erase_from], default=None)
