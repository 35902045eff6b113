"""What waits on a steward and a supervisor: galleries whose last selftest returned more people than predicted."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from countenance.apps.evaluations.models import Evaluation, SampleKind
from countenance.apps.evaluations.selftests import MORE
from countenance.apps.records.waiting import Waiting, of_each
from countenance.policy import Actor, Role
from countenance.tools import Tools

TOLD = frozenset({Role.STEWARD, Role.SUPERVISOR})


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield each gallery whose newest selftest came back with more than its operating point predicts."""
    if not actor.roles & TOLD:
        return
    rows = Evaluation.objects.filter(agency_id=actor.agency, kind=str(SampleKind.SELFTEST))
    newest = rows.order_by("gallery", "-made_at").distinct("gallery").select_related("gallery")
    yield from of_each(newest, _told)


def _told(one: Evaluation) -> Iterator[Waiting]:
    one.check_links()
    # Of a gallery that was given another operating point since, the next selftest tells.
    present = None if one.gallery is None or one.gallery.point is None else str(one.gallery.point)
    found = one.details["selftest"]
    if one.gallery is None or found["verdict"] != MORE or found["operating_point"] != present:
        return
    yield Waiting(
        what=f"Evaluate {one.gallery.name} again: its selftest returned more people than predicted",
        since=one.made_at,
        href=reverse("gallery", args=[one.gallery.pk]),
    )
