"""What waits on a steward and a supervisor: selftests that nobody ran, returned too many, or are of another model."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from countenance.apps.evaluations.counting import MORE
from countenance.apps.evaluations.models import (
    Evaluation,
    NonMates,
    OperatingPoint,
    SampleKind,
)
from countenance.apps.records.waiting import Waiting, of_each
from countenance.policy import Actor, Role
from countenance.tools import Tools

TOLD = frozenset({Role.STEWARD, Role.SUPERVISOR})


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield each gallery whose newest selftest returned more than predicted, or was with another model.

    A steward is also told of each that has had none since its operating point was set.
    """
    if not actor.roles & TOLD:
        return
    rows = Evaluation.objects.filter(agency_id=actor.agency, kind=str(SampleKind.SELFTEST))
    newest = rows.order_by("gallery", "-made_at").distinct("gallery").select_related("gallery")
    yield from of_each(newest, _told)
    if Role.STEWARD in actor.roles:
        points = OperatingPoint.objects.filter(agency_id=actor.agency)
        last = points.order_by("gallery", "-set_at").distinct("gallery").select_related("gallery")
        yield from of_each(last, _untested)


def _untested(one: OperatingPoint) -> Iterator[Waiting]:
    gallery = one.gallery
    tests = Evaluation.objects.filter(gallery=gallery, kind=str(SampleKind.SELFTEST))
    # Where templates are kept, the clock runs one within the hour.
    kept = NonMates.objects.filter(gallery=gallery, ended_at=None)
    if tests.filter(made_at__gte=one.set_at).exists() or kept.exists():
        return
    one.check_links()
    if gallery.closed_at is not None or gallery.point != one.pk:
        return
    yield Waiting(
        what=f"Run a selftest of {gallery.name}: none was run since its operating point was set",
        since=one.set_at,
        href=reverse("gallery_evaluations", args=[gallery.pk]),
    )


def _told(one: Evaluation) -> Iterator[Waiting]:
    one.check_links()
    if one.gallery is None or one.gallery.closed_at is not None:
        return
    if one.details["model"] != one.gallery.model:
        # Templates that were kept for it are of that model too, and are destroyed, so the clock cannot.
        yield Waiting(
            what=f"Give new photos for a selftest of {one.gallery.name}: its last one was with another model",
            since=one.made_at,
            href=reverse("gallery_evaluations", args=[one.gallery.pk]),
        )
        return
    # Of a gallery that was given another operating point since, the next selftest tells.
    present = None if one.gallery.point is None else str(one.gallery.point)
    found = one.details["selftest"]
    if found["verdict"] != MORE or found["operating_point"] != present:
        return
    yield Waiting(
        what=f"Evaluate {one.gallery.name} again: its selftest returned more people than predicted",
        since=one.made_at,
        href=reverse("gallery", args=[one.gallery.pk]),
    )
