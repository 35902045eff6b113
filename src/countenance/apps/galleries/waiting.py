"""What waits on a steward: sources whose photos are soon kept for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse

from countenance.apps.galleries.models import Photo, Source
from countenance.apps.records.waiting import Waiting
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

SOON = timedelta(days=30)
"""So long before its last day a source is on its steward's list."""
URGENT = timedelta(days=7)


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the sources whose retention ends soon, or is over, while they have photos."""
    if not may(actor, Deed.SOURCE_REMOVE):
        return
    today = tools.clock().date()
    enrolled = Photo.objects.filter(source=OuterRef("pk"), removed_at=None)
    rows = Source.objects.filter(
        Exists(enrolled),
        agency_id=actor.agency,
        removed_at=None,
        retention_until__lte=today + SOON,
    )
    for one in rows.order_by("retention_until", "pk"):
        one.check_links()
        last = one.retention_until
        day = f"{last.day} {last:%B %Y}"
        over = last < today
        what = (
            f"Remove the photos of {one.name}, or ask to keep them: their retention ended on {day}"
            if over
            else f"Remove the photos of {one.name} by {day}, or ask to keep them longer"
        )
        since = datetime.combine(last, time(), tzinfo=UTC) - SOON
        yield Waiting(
            what=what,
            since=since,
            href=reverse("source", args=[one.pk]),
            urgent=last <= today + URGENT,
        )
