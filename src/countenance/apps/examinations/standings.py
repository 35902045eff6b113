"""What was concluded of each candidate of a search, and how the conclusions combine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from countenance.apps.examinations.models import (
    Closing,
    Comparison,
    ControlAnswer,
    Examination,
    ExaminationState,
)
from countenance.apps.galleries.nearest import similarity_of
from countenance.apps.searches.models import Search
from countenance.errors import SealBroken
from countenance.examination.checklist import Checklist, enough_to_lead, read_comparison
from countenance.examination.combine import EXAMINERS, Concluded, Standing, Waiver, combine
from countenance.examination.control import Measured, Tried, measure
from countenance.examination.scale import Conclusion

CONCLUSIONS = {str(one): one for one in Conclusion}
MAY_BE_ONE = 0.5
"""Two enrolled faces as much alike as this may be one person's, whatever names they are filed under."""
SETTLED = frozenset({Standing.AGREED, Standing.NO_LEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateStanding:
    """How far one candidate of a search is.

    Attributes:
        subject: who was returned.
        rank: the place in the list that the search returned, from 1.
        similarity: that it was ranked by.
        standing: what the recorded conclusions say together.
        concluded: every conclusion of a recorded examination, those that were followed included.
    """

    subject: UUID
    rank: int
    similarity: float
    standing: Standing
    concluded: list[Concluded]


def recorded(search: Search) -> list[Examination]:
    """Return the recorded examinations of a search, in the order in which they were recorded.

    Raises:
        SealBroken: somebody changed who examined what, or how far it is.
    """
    if search.purged_at is not None:
        return []
    every = list(search.examinations.select_related("examiner").order_by("recorded_at", "pk"))
    for one in every:
        # All of them: one whose state or key was changed would otherwise just not be counted.
        one.check_links()
    found = [one for one in every if one.state == ExaminationState.RECORDED]
    for one in found:
        check_whole(one)
    return found


def closing_of(search: Search) -> Closing | None:
    """Return that a search was closed; None if it was not.

    Raises:
        SealBroken: a row says so that nobody sealed.
    """
    found: Closing | None = getattr(search, "closing", None)
    if found is not None:
        found.check_links()
    return found


def check_whole(one: Examination) -> None:
    """Check that a recorded examination has a conclusion on each of its candidates.

    Raises:
        SealBroken: somebody recorded it in the database.
    """
    first = one.comparisons.filter(follows=None)
    if first.filter(said__isnull=False).count() != one.about["candidates"]:
        raise SealBroken("An examination counts as recorded that was not concluded.")


def concluded(search: Search) -> dict[UUID, list[Concluded]]:
    """Return the conclusions of recorded examinations by subject, oldest first."""
    found: defaultdict[UUID, list[Concluded]] = defaultdict(list)
    rows = Comparison.objects.filter(examination__in=recorded(search))
    for row in rows.select_related("examination").order_by("recorded_at", "pk"):
        row.check_links()
        found[UUID(row.about["subject"])].append(concluded_of(row))
    return dict(found)


def concluded_of(row: Comparison) -> Concluded:
    """Return a recorded comparison as the rules of combining take it."""
    said, examination = said_of(row), row.examination
    return Concluded(
        id=row.pk,
        examiner=examination.examiner_id,
        conclusion=CONCLUSIONS[said["conclusion"]],
        enough=enough_to_lead(checklist_of(row)),
        at=row.recorded_at or examination.begun_at,
        certified=_was_certified(said),
        follows=row.follows_id,
        control=examination.control is not None,
    )


def said_of(row: Comparison) -> dict[str, Any]:
    """Return what was recorded of a candidate.

    Raises:
        SealBroken: the row says when that was otherwise than what is sealed.
    """
    said: dict[str, Any] = row.said
    if row.recorded_at is None or said["at"] != row.recorded_at.isoformat():
        raise SealBroken("A conclusion is filed under a time at which it was not recorded.")
    return said


def checklist_of(row: Comparison) -> Checklist:
    """Return the recorded checklist of a comparison."""
    return read_comparison(row.said["checklist"])


def _was_certified(said: dict[str, Any]) -> bool:
    until = said["certified_until"]
    return until is not None and date.fromisoformat(until) >= date.fromisoformat(said["at"][:10])


def standings(
    search: Search, *, waiver: Waiver | None = None, examiners: int = EXAMINERS
) -> list[CandidateStanding]:
    """Return how far each candidate of a search is, in the order of the search; none once it is purged."""
    if search.outcome is None:
        return []
    said = concluded(search)
    found = []
    for rank, one in enumerate(search.outcome["candidates"], start=1):
        subject = UUID(one["subject"])
        about = said.get(subject, [])
        found.append(
            CandidateStanding(
                subject=subject,
                rank=rank,
                similarity=similarity_of(one),
                standing=combine(about, waiver=waiver, examiners=examiners),
                concluded=about,
            )
        )
    return found


def is_settled(found: Iterable[CandidateStanding]) -> bool:
    """Say whether all candidates are compared, by as many examiners as each of them needs."""
    return all(one.standing in SETTLED for one in found)


def tried(one: Examination) -> list[tuple[Comparison, Tried | None]]:
    """Return the concluded candidates of a control, each with what was said of it beside what was known.

    None stands for a candidate of whom it is not certain who they are: filed under another name, but so
    much like the probe that one person may be enrolled twice. Such an answer counts neither way.

    Raises:
        SealBroken: somebody recorded it in the database.
    """
    known = one.control
    if known is None:
        return []
    if one.state == ExaminationState.RECORDED:
        check_whole(one)
    rows = one.comparisons.filter(follows=None, said__isnull=False).order_by("place")
    return [(row, _tried(row, known["subject"])) for row in rows]


def _tried(row: Comparison, subject: str) -> Tried | None:
    mated = row.about["subject"] == subject
    if not mated and row.about["faces"][0]["similarity"] >= MAY_BE_ONE:
        return None
    return Tried(mated=mated, conclusion=CONCLUSIONS[said_of(row)["conclusion"]])


def measured(person: UUID, *, agency: UUID) -> Measured:
    """Return what the controls that an examiner recorded, or gave up, say about them.

    What was concluded before one was given up counts, so that nobody is measured better by giving up those
    that look hard. Of those that were destroyed, what stays of them counts. One that somebody altered is
    left out and counted, so that it keeps no lead from being released, and nobody takes it for none.
    """
    controls = Examination.objects.filter(agency_id=agency, examiner_id=person, search=None)
    every: list[Tried] = []
    given_up = recorded = unreadable = 0
    for one in controls.exclude(state=ExaminationState.OPEN):
        try:
            one.check_links()
            every.extend([answer for _, answer in tried(one) if answer is not None])
        except SealBroken:
            unreadable += 1
            continue
        given_up += one.state == ExaminationState.ENDED
        recorded += one.state == ExaminationState.RECORDED
    for kept in ControlAnswer.objects.filter(agency_id=agency, examiner_id=person):
        try:
            kept.check_links()
            answers = kept.said["answers"]
        except SealBroken:
            unreadable += 1
            continue
        every.extend(Tried(mated=mated, conclusion=CONCLUSIONS[word]) for mated, word in answers)
        given_up += kept.said["given_up"]
        recorded += kept.said["recorded"]
    found = measure(every, recorded=recorded, given_up=given_up)
    return replace(found, unreadable=unreadable)
