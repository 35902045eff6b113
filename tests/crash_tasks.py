"""What the tests of crash points do inside a home, in a process of its own: tasks of `home_tasks`."""

from __future__ import annotations

import collections
import hashlib
from pathlib import Path
from typing import Any

PERSON = "anna"
SUBJECT = "zz-quiet-otter"
"""The name of the subject that is found; it stands on no page but where a candidate is shown."""
A_CASE = 25
OF_SEARCHES = {"search.intended", "search.concluded", "search.aborted", "search.held"}
MANY = {"person_a_day": 100_000, "case": 100_000, "agency_a_day": 100_000}


def ask_many(opened: Any, gallery: str, count: str, folder: str) -> dict[str, Any]:
    """Ask for searches for one person, each with a photo of its own; write the photos into a folder."""
    import factories
    from home_tasks import on

    from countenance.apps.agencies.models import Agency
    from countenance.testing import FakeEngine

    agency = Agency.objects.get(pk=opened.actor.agency)
    agency.standing = {**agency.standing, "quotas": MANY}
    agency.save()
    one, made = opened.gallery(gallery), []
    before = len(list(Path(folder).iterdir()))
    for number in range(before, before + int(count)):
        if not made or number % A_CASE == 0:
            reference = f"26-{number:05}"
            case = factories.make_case(on(opened), reference)
            factories.widen(case)
        photo = FakeEngine.photo(PERSON, shot=100 + number)
        path = Path(folder) / f"{number:05}.jpg"
        path.write_bytes(photo)
        probe = factories.ask(on(opened), case, [one], photo)
        made.append({"probe": str(probe.pk), "photo": str(path), "case": reference})
    return {"asked": made, "gallery": str(one.pk)}


def crash_report(opened: Any) -> dict[str, Any]:
    """Verify the ledger, and return what it and the rows say of searches."""
    from countenance.apps.records import queries
    from countenance.apps.records.models import LedgerRow
    from countenance.apps.searches.models import Search

    report = queries.verify_ledger(opened.tools.keyring)
    entries: dict[str, list[str]] = collections.defaultdict(list)
    codes = []
    for row in LedgerRow.objects.order_by("index"):
        leaf = hashlib.sha256(b"\x00" + bytes(row.entry)).hexdigest()
        codes.append(f"{row.index:08d}-{leaf[:8]}")
        if row.action in OF_SEARCHES:
            entries[str(row.about)].append(row.action)
    searches = Search.objects.values_list("pk", "probe_id", "state")
    return {
        "size": report.size,
        "codes": codes,
        "entries": entries,
        "searches": [[str(pk), str(probe), state] for pk, probe, state in searches],
        "viewed": LedgerRow.objects.filter(action="candidates.viewed").count(),
    }
