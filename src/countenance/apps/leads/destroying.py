"""A purge of a search destroys what its leads say too, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

from countenance.apps.leads.models import Lead
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.ledger.entry import Action

SAID = (
    Action.LEAD_RELEASED,
    Action.LEAD_WITHDRAWN,
    Action.LEAD_EXPORTED,
    Action.LEAD_EVIDENCE_RECORDED,
    Action.LEAD_OUTCOME_RECORDED,
)


def destroy_leads(search: Search) -> Sequence[str]:
    """Destroy the keys of a search's leads; that they were released, by whom and when, stays."""
    rows = Lead.objects.filter(search=search, object_key__isnull=False)
    leads = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    if not leads:
        return ()
    rows.filter(pk__in=leads).update(
        object_key=None, outcome=None, independent=None, withdrawn=None
    )
    # They repeat whom it was about and what people wrote; their commitments stay, so the tree still verifies.
    LedgerRow.objects.filter(about__in=leads, action__in=[str(one) for one in SAID]).update(
        body=None
    )
    return (
        "what its leads say, with the keys that it was sealed with",
        "the ledger's sealed copies of whom its leads were of, what became of them, and why they left",
    )
