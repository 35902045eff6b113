"""A purge of a search destroys its examinations too, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.ledger.entry import Action

SAID = (Action.PROBE_ANALYSED, Action.CONCLUSION_RECORDED, Action.CONCLUSION_FOLLOWED)
"""Entries whose sealed body repeats what was said; their commitment stays, so the tree still verifies."""


def destroy_examinations(search: Search) -> Sequence[str]:
    """Destroy the keys of a search's examinations, and end those that are open."""
    rows = Examination.objects.filter(search=search)
    examinations = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    if not examinations:
        return ()
    compared = Comparison.objects.filter(examination__in=examinations)
    about = [*examinations, *compared.values_list("pk", flat=True)]
    compared.update(object_key=None, draft=None, said=None)
    rows.filter(state=ExaminationState.OPEN).update(state=ExaminationState.ENDED)
    rows.update(object_key=None, draft=None, analysis=None)
    LedgerRow.objects.filter(about__in=about, action__in=[str(one) for one in SAID]).update(
        body=None
    )
    return ("what examiners wrote about its candidates, with the keys that it was sealed with",)
