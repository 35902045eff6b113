"""What waits about authorities: to be decided, or for a document."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from countenance.apps.cases.models import Authority, AuthorityState
from countenance.apps.records.waiting import YOU, Waiting
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the authorities that the actor decides, and those that they proposed and nobody has decided."""
    today = tools.clock().date()
    decides = may(actor, Deed.AUTHORITY_DECIDE)
    if not decides and not may(actor, Deed.AUTHORITY_PROPOSE):
        return
    rows = Authority.objects.filter(
        agency_id=actor.agency, decided_at=None, revoked_at=None, expires_on__gte=today
    )
    if not decides:
        rows = rows.filter(proposed_by=actor.person)
    for one in rows.order_by("proposed_at", "pk"):
        one.check_links()
        if one.state(today=today) == AuthorityState.WAITING:
            yield from _step(actor, one, decides=decides)


def _step(actor: Actor, one: Authority, *, decides: bool) -> Iterator[Waiting]:
    own = one.proposed_by_id == actor.person
    href = reverse("authority", args=[one.pk])
    statute = one.details["statute"]
    # A search that was run under it already is destroyed if nobody grants it in time.
    runs = one.first_used_at is not None
    if own:
        said, whose = f"You proposed an authority: {statute}", "A supervisor"
        if one.document is None:
            said, whose = f"Put a document to the authority that you proposed: {statute}", YOU
    elif decides:
        said, whose = f"Grant or refuse an authority: {statute}", YOU
    else:
        return
    yield Waiting(what=said, since=one.proposed_at, href=href, urgent=runs, whose=whose)
