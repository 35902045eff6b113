"""A purge of a search destroys its examinations too, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from countenance.apps.examinations.models import (
    Closing,
    Comparison,
    Examination,
    ExaminationState,
)
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.errors import SealBroken
from countenance.ledger.entry import Action

SAID = (
    Action.PROBE_ANALYSED,
    Action.CONCLUSION_RECORDED,
    Action.CONCLUSION_FOLLOWED,
    Action.EXAMINATION_ENDED,
    Action.SEARCH_CLOSED,
)
"""Entries whose sealed body repeats what was said; their commitment stays, so the tree still verifies."""


def destroy_examinations(search: Search) -> Sequence[str]:
    """Destroy the keys of a search's examinations, and end those that are open."""
    rows = Examination.objects.filter(search=search)
    examinations = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    closed = _forget_why_closed(search)
    if not examinations and not closed:
        return ()
    compared = Comparison.objects.filter(examination__in=examinations)
    about = [search.pk, *examinations, *compared.values_list("pk", flat=True)]
    compared.update(object_key=None, draft=None, said=None)
    rows.filter(state=ExaminationState.OPEN).update(state=ExaminationState.ENDED)
    rows.update(object_key=None, draft=None, analysis=None)
    LedgerRow.objects.filter(about__in=about, action__in=[str(one) for one in SAID]).update(
        body=None
    )
    return (
        "what examiners wrote about its candidates, with the keys that it was sealed with",
        "why it was closed, and why examinations of it were given up, in the words of whoever did",
    )


def _forget_why_closed(search: Search) -> bool:
    """Forget why a search was closed, in words that may say what it found; return whether it was closed."""
    closing = Closing.objects.filter(search=search).first()
    with suppress(SealBroken):  # What nobody can open any more says nothing either.
        if closing is not None:
            closing.details = {**closing.details, "reason": ""}
            closing.save(update_fields=("details",))
    return closing is not None
