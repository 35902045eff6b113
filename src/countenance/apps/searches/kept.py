"""Until when what there is of a case is kept: how long is policy, from when on is the end of the case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from countenance.apps.cases import keeping
from countenance.apps.cases.models import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """For how many days after the end of its case something is kept."""

    results: int
    evidence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Until when things of a case are kept.

    Attributes:
        days: for how long, by the agency's policy.
        results_until: what searches found; None while the case is open.
        evidence_until: the photos; None while the case is open.
        hold: who set the legal hold that stops both, when and why; None if there is none.
        needed: something else keeps all of it, such as a lead that is open.
    """

    days: Days
    results_until: datetime | None
    evidence_until: datetime | None
    hold: dict[str, Any] | None
    needed: bool


HOUSE = Days(results=365, evidence=365)


def days_of(pack: str) -> Days:
    """Return for how long an agency under this policy pack keeps things after the end of a case."""
    return HOUSE


def kept(case: Case) -> Kept:
    """Return until when what there is of a case is kept.

    Raises:
        SealBroken: a plain column of the case was changed.
    """
    days, since = days_of(case.agency.pack), case.closed_since
    return Kept(
        days=days,
        results_until=None if since is None else since + timedelta(days=days.results),
        evidence_until=None if since is None else since + timedelta(days=days.evidence),
        hold=case.hold,
        needed=since is not None and keeping.is_kept(case),
    )
