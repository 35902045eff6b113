"""From a probe's face to candidates: one per subject, the most similar first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Face, Gallery, Source
from countenance.apps.searches import fused
from countenance.apps.searches.fused import Found
from countenance.apps.searches.models import Search
from countenance.faces.types import Template
from countenance.index.base import MOST_CANDIDATES, Hit
from countenance.tools import Tools

CANDIDATES = "candidates"
NO_CANDIDATE = "no_candidate"
NO_FACE = "no_face"
QUALITY_TOO_LOW = "quality_too_low"
FACES_PER_SUBJECT = 4
"""How many rows to ask of the index per wanted subject at first; more follow if they are too few."""
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
    held = sum(len(tools.shelf.get(gallery_id).index) for gallery_id in ids)
    present = _present(tools.clock().date()).exclude(photo_id__in=without)
    wanted = min(max(top * FACES_PER_SUBJECT, fused.ROWS), MOST_CANDIDATES)
    while True:
        rows = tools.shelf.search(template.vector, galleries=ids, k=wanted, model=template.model)
        found = _by_subject([hit for _, hit in rows], present)
        if len(found) >= top or wanted >= min(held, MOST_CANDIDATES):
            break
        wanted = min(wanted * 4, MOST_CANDIDATES)
    fused.note_rows(found, present)
    near = fused.nearest_first(found, template, shelf=tools.shelf)[: top + fused.SPARE]
    # Of those with one photo the order is known already, so no more of them are opened than may be listed.
    single = [one for one in near if not one.rows][:top]
    ranked = fused.compared([*single, *(one for one in near if one.rows)], template, present)
    ranked.sort(key=lambda one: (-one["similarity"], one["faces"][0]["face"]))
    return [one for one in ranked if threshold is None or one["similarity"] >= threshold][:top]


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


def _by_subject(hits: Sequence[Hit], every: QuerySet[Face]) -> list[Found]:
    """Group rows by subject, in the order of each subject's best face.

    The database has the last word: a face that was removed a moment ago is left out.
    """
    present = every.filter(pk__in=[hit.row for hit in hits])
    subjects: dict[int, UUID] = dict(present.values_list("pk", "subject_id"))
    grouped: dict[UUID, Found] = {}
    for hit in hits:
        if hit.row in subjects:
            subject = subjects[hit.row]
            grouped.setdefault(subject, Found(subject)).hits[hit.row] = hit.similarity
    return list(grouped.values())
