"""A purge of a search destroys what its leads say too, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

from countenance.apps.leads.models import Lead
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.ledger.entry import Action


def destroy_leads(search: Search) -> Sequence[str]:
    """Destroy the keys of a search's leads; that they were released, by whom and when, stays."""
    rows = Lead.objects.filter(search=search, object_key__isnull=False)
    leads = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    if not leads:
        return ()
    rows.filter(pk__in=leads).update(object_key=None, outcome=None, independent=None)
    # It repeats what was found out about a person; its commitment stays, so the tree still verifies.
    LedgerRow.objects.filter(about__in=leads, action=str(Action.LEAD_EVIDENCE_RECORDED)).update(
        body=None
    )
    return ("what its leads say, with the keys that it was sealed with",)
