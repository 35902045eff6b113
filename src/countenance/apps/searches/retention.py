"""The clocks of closed cases: what searches found, and the photos of the case, are kept for a time only.

How long is policy. The clocks start when a case is closed, stand still while a legal hold is on, and while
somebody still needs what there is (`cases.keeping`). The clock of an authority that was refused or came too
late is another one (`purging`): what nobody was allowed to find is destroyed in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.destroying import (
    ALWAYS_KEPT,
    by_whom,
    destroy_results,
    each,
    lock_search,
)
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.kept import Kept, days_for, fewest_days, kept
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import SealBroken, WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

EVIDENCE: tuple[type[Probe | Footage], ...] = (Probe, Footage)
ADDED = [str(one) for one in (Action.PROBE_ADDED, Action.PROBE_DERIVED, Action.FOOTAGE_ADDED)]
"""The entries that state the hash of a photo or video."""
RESULTS_ENDED, EVIDENCE_ENDED = "retention.results", "retention.evidence"
PHOTOS_DESTROYED = (
    "the photos and videos of the case, with every frame, copy, crop and rotation that was made of them",
    "what was noted about each: its file name, its hash, the faces found in it",
    "the ledger's sealed copy of its hash",
    "the keys that all of this was sealed with",
    "the templates of the faces that were searched for",
)
PHOTOS_KEPT = (
    "that each photo or video was added to the case, by whom and when",
    "who asked for which search and ran it, when, why, and in which galleries",
    "the ledger's entries themselves",
)


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
    destroy_results(
        actor,
        record,
        search,
        rule=RESULTS_ENDED,
        says=_why("What a search found is kept", said.days.results, said),
        kept=ALWAYS_KEPT,
        sections=_sections(said.days.results_law, said),
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
    gone = _forget_photos(case, at=tools.clock())
    # Their hashes go too; the commitments stay, so the tree still verifies.
    LedgerRow.objects.filter(about__in=[one.pk for one in gone], action__in=ADDED).update(body=None)
    # Of a face whose photo is gone no template is left either, however long results are kept.
    Search.objects.filter(case=case).update(template=None)
    certificate = _certificate(actor, case, gone, said=said, at=tools.clock())
    case.set_standing(evidence=certificate)
    case.save(update_fields=("standing",))
    record.note(**certificate)
    return case, [one.pk for one in gone]


def _forget_photos(case: Case, *, at: datetime) -> list[Probe | Footage]:
    """Destroy the keys of a case's photos and videos; a row that somebody altered is left where it is."""
    gone: list[Probe | Footage] = []
    altered = False
    for kind in EVIDENCE:
        for one in kind.objects.select_for_update(no_key=True).filter(case=case, purged_at=None):
            try:
                one.check_links()
            except SealBroken:
                # It may be another case's, filed here so that it is destroyed. The others have their turn.
                altered = True
                continue
            one.forget(at)
            one.save()
            gone.append(one)
    if altered and not gone:
        raise SealBroken("A photo of a closed case cannot be told to be its own.")
    if not gone:
        raise WrongState("This case has no photo left.")
    return gone


def _certificate(
    actor: Actor, case: Case, gone: Sequence[Probe | Footage], *, said: Kept, at: datetime
) -> dict[str, Any]:
    """Return the certificate of these photos, and of those of the case that were destroyed before."""
    earlier = (case.standing or {}).get("evidence") or {"photos": [], "videos": []}
    listed: dict[type, list[dict[str, str]]] = {Probe: [], Footage: []}
    for one in gone:
        # As bundles name them, in which whoever verifies one looks for each photo that is missing.
        name = "photo" if isinstance(one, Probe) else "video"
        listed[type(one)].append({name: str(one.pk), "added_at": one.added_at.isoformat()})
    return {
        "certificate": "countenance.evidence/1",
        "case": str(case.pk),
        "closed_at": None if case.closed_at is None else case.closed_at.isoformat(),
        "destroyed_at": at.isoformat(),
        "destroyed_by": by_whom(actor),
        "rule": EVIDENCE_ENDED,
        "says": _why("Photos and videos are kept", said.days.evidence, said),
        "sections": _sections(said.days.evidence_law, said),
        "photos": [*earlier["photos"], *listed[Probe]],
        "videos": [*earlier["videos"], *listed[Footage]],
        "destroyed": list(PHOTOS_DESTROYED),
        "kept": list(PHOTOS_KEPT),
    }


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
def purge_ended_results(actor: Actor, *, tools: Tools) -> int:
    """Destroy what searches of cases found that were closed for long enough; return of how many.

    Called every hour and at start, so that a stop delays it and nothing else.
    """
    left = Search.objects.filter(_ended("case__", tools=tools), purged_at=None)
    rows = left.exclude(state=SearchState.INTENDED).order_by("intended_at")
    return each(actor, purge_results, rows, tools=tools)


@composed_of(purge_evidence)
def purge_ended_evidence(actor: Actor, *, tools: Tools) -> int:
    """Destroy the photos of cases that were closed for long enough; return of how many cases."""
    left = Q(pk__in=Probe.objects.filter(purged_at=None).values("case"))
    left |= Q(pk__in=Footage.objects.filter(purged_at=None).values("case"))
    rows = Case.objects.filter(left, _ended("", tools=tools)).order_by("opened_at")
    return each(actor, purge_evidence, rows, tools=tools, name="case")


def _ended(prefix: str, *, tools: Tools) -> Q:
    """Return the condition of cases that ended so long ago that it may be time; each is judged by itself."""
    before = tools.clock() - timedelta(days=fewest_days())
    closed = Q(**{f"{prefix}closed_at__lt": before})
    return closed | Q(**{f"{prefix}expires_on__lt": before.date()})


def _permit(said: Kept, *, until: datetime | None, now: datetime) -> None:
    """Permit to destroy what is kept until this moment.

    Raises:
        WrongState: it is not over, or a hold or an open lead keeps it.
    """
    if until is None or now <= until:
        raise WrongState("It is kept for longer.")
    if said.hold is not None:
        raise WrongState("A legal hold is on, so nothing of this case is destroyed.")
    if said.needed:
        raise WrongState("A lead of this case has no outcome yet, so nothing of it is destroyed.")


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
