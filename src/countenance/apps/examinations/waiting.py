"""What waits about examinations: those that are open, and that another one can be taken."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from countenance.apps.examinations import queries
from countenance.apps.examinations.models import ExaminationState
from countenance.apps.records.waiting import Waiting
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LOOKED_AT = 20
"""So many searches are looked at to say whether one waits; this is asked whenever a page is drawn."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the actor's open examinations; and, while none is open that they drew, that one waits.

    While one is open, that another one waits would tell a control from an examination of a search.
    """
    if not may(actor, Deed.EXAMINE):
        return
    drawn = False
    for one in queries.own_examinations(actor, ExaminationState.OPEN).order_by("begun_at", "pk"):
        drawn = drawn or one.about["drawn"]
        yield Waiting(
            what=f"Examination {one.about['code']}",
            since=one.begun_at,
            href=reverse("examination", args=[one.pk]),
        )
    if drawn:
        return
    for search in queries.waiting_searches(actor, tools=tools, at_most=LOOKED_AT):
        if search.ended_at is not None:
            since = search.ended_at.replace(minute=0, second=0, microsecond=0)
            href = reverse("examinations")
            yield Waiting(what="Take the next examination", since=since, href=href)
            return
