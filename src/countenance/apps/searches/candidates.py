"""From a probe's face to candidates: one per subject, the most similar first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Face, Gallery, Source
from countenance.apps.galleries.nearest import nearest
from countenance.apps.searches.models import Search
from countenance.faces.types import Template
from countenance.tools import Tools

CANDIDATES = "candidates"
NO_CANDIDATE = "no_candidate"
NO_FACE = "no_face"
QUALITY_TOO_LOW = "quality_too_low"
SAME_FACE = 0.9
"""How much two boxes must overlap to be those of one face in one photo."""


def find_candidates(
    search: Search,
    galleries: Sequence[Gallery],
    template: Template | None,
    *,
    tools: Tools,
) -> dict[str, Any]:
    """Return the outcome of a search: its answer, and the candidates as ids and similarities.

    Args:
        search: what is asked.
        galleries: where to look.
        template: of the face that was chosen, from `several.fused`.
        tools: the shelf, the clock.
    """
    faces = search.probe.details["faces"]
    if not faces:
        return _outcome(NO_FACE)
    if template is None:
        reason = faces[search.request["face"]]["quality"]["reason"]
        return _outcome(QUALITY_TOO_LOW, reason=reason)
    found = nearest_subjects(
        template,
        galleries,
        top=search.request["top"],
        threshold=search.request["threshold"],
        tools=tools,
    )
    versions = {str(one.pk): tools.shelf.version(one.pk) for one in galleries}
    answer = CANDIDATES if found else NO_CANDIDATE
    return _outcome(answer, candidates=found, versions=versions)


def nearest_subjects(
    template: Template,
    galleries: Sequence[Gallery],
    *,
    top: int,
    threshold: float | None,
    without: Collection[UUID] = (),
    tools: Tools,
) -> list[dict[str, Any]]:
    """Return the subjects who look most alike, best first: ids and similarities, as they are recorded.

    A subject with several photos is as similar as the one template that is fused from all of them.

    Args:
        template: of the face to look for.
        galleries: where to look.
        top: how many subjects at most.
        threshold: the least similarity; None for none.
        without: photos that are left out, as if they were not enrolled.
        tools: the shelf, the clock.

    Raises:
        SealBroken: somebody changed a date or a link in the database.
    """
    for source in Source.objects.filter(agency_id__in={one.agency_id for one in galleries}):
        # Faces are left out by its date in clear: nobody may go missing because somebody changed it.
        source.check_links()
    synchronise(galleries, tools=tools)
    ids = [gallery.pk for gallery in galleries]
    present = _present(tools.clock().date()).exclude(photo_id__in=without)
    found = nearest(template, ids, present, top=top, shelf=tools.shelf)
    return [one for one in found if threshold is None or one["similarity"] >= threshold]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the share of two boxes (x, y, width, height) that they have in common, 0 to 1."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _outcome(
    answer: str,
    *,
    candidates: Sequence[dict[str, Any]] = (),
    versions: dict[str, int | None] | None = None,
    reason: str = "",
) -> dict[str, Any]:
    return {
        "answer": answer,
        "reason": reason,
        "versions": versions or {},
        "candidates": list(candidates),
    }


def _present(today: date) -> QuerySet[Face]:
    """Return the faces that may be found: not removed, and their source's retention runs."""
    return Face.objects.filter(
        removed_version=None,
        photo__source__removed_at=None,
        photo__source__retention_until__gte=today,
    )
