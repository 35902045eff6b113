"""What is destroyed of a control, and what stays: how it was answered, and nothing of anybody in it.

Called inside the transaction of whatever destroys it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from uuid import UUID

from countenance.apps.examinations.models import ControlAnswer, Examination, ExaminationState
from countenance.apps.examinations.photos import probes
from countenance.apps.examinations.standings import tried
from countenance.apps.records.models import LedgerRow
from countenance.errors import SealBroken
from countenance.ledger.entry import Action

NAMING = (
    Action.PROBE_ANALYSED,
    Action.CONCLUSION_RECORDED,
    Action.EXAMINATION_ENDED,
)
"""Entries whose sealed body names who played the probe, or repeats what was said of faces."""


def forget(one: Examination) -> None:
    """Destroy a locked control with everything written in it, and keep how it was answered."""
    _keep_answers(one)
    rows = one.comparisons.all()
    about = [one.pk, *rows.values_list("pk", flat=True)]
    # Their commitments stay, so the tree still verifies.
    LedgerRow.objects.filter(about__in=about, action__in=[str(name) for name in NAMING]).update(
        body=None
    )
    rows.delete()
    one.delete()


def forget_with(
    agencies: Collection[UUID], *, photos: Collection[UUID], subjects: Collection[UUID]
) -> int:
    """Destroy the controls of agencies in which photos or people had a part that are erased; return how many.

    An open one ends with that, as an examination does whose search is purged.
    """
    erased = {str(one) for one in (*photos, *subjects)}
    rows = Examination.objects.filter(agency__in=agencies, search=None)
    concerned = [one.pk for one in rows if not erased.isdisjoint(_names(one))]
    for one in rows.select_for_update(no_key=True).filter(pk__in=concerned):
        forget(one)
    return len(concerned)


def _names(one: Examination) -> Iterator[str]:
    """Yield whose photos a control is made of, and which; of a row that nobody can open, nothing."""
    with suppress(SealBroken):
        yield from (played["photo"] for played in probes(one))
        yield one.about["control"]["subject"]
    for row in one.comparisons.all():
        with suppress(SealBroken):
            yield row.about["subject"]
            yield from (face["photo"] for face in row.about["faces"])


def _keep_answers(one: Examination) -> None:
    """Keep each answer that counts; of a control that somebody altered none does."""
    try:
        answers = [[a.mated, str(a.conclusion)] for _, a in tried(one) if a is not None]
    except SealBroken:
        return
    kept = ControlAnswer(
        agency_id=one.agency_id,
        examiner_id=one.examiner_id,
        at=one.recorded_at or one.begun_at,
    )
    kept.said = {
        "links": kept.links,
        "answers": answers,
        "recorded": one.state == ExaminationState.RECORDED,
        "given_up": one.state == ExaminationState.ENDED,
    }
    kept.save(force_insert=True)
