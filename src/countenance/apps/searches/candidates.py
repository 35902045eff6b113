"""From a probe's face to candidates: one per subject, best face first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, QuerySet

from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Face, Gallery, Source
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
MOST_FACES = 50
"""How many photos of one subject are listed with it."""


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
    wanted = top * FACES_PER_SUBJECT
    while True:
        rows = tools.shelf.search(template.vector, galleries=ids, k=wanted, model=template.model)
        hits = [hit for _, hit in rows if threshold is None or hit.similarity >= threshold]
        found = _by_subject(hits, present)
        most = wanted >= min(held, MOST_CANDIDATES)
        if len(found) >= top or most or len(hits) < len(rows):
            return _with_other_faces(found[:top], template, present)
        wanted = min(wanted * 4, MOST_CANDIDATES)


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


def _with_other_faces(
    found: Sequence[dict[str, Any]], template: Template, every: QuerySet[Face]
) -> list[dict[str, Any]]:
    """Add the subjects' faces that lay beyond the rows asked for, so that their photos are complete.

    Raises:
        SealBroken: somebody exchanged rows: a face is filed under a subject it was not enrolled for.
    """
    known = {one["subject"]: [face["face"] for face in one["faces"]] for one in found}
    present = every.filter(subject_id__in=list(known), template__isnull=False)
    related = present.select_related("photo__gallery", "photo__source").order_by("pk")
    # Large, and of no use here.
    related = related.defer("crop", "photo__gallery__rotation")
    for face in related.filter(
        pk__in=[row for rows in known.values() for row in rows[:MOST_FACES]]
    ):
        face.check_links()
    counted = present.order_by().values_list("subject_id").annotate(count=Count("pk"))
    incomplete = {str(subject) for subject, count in counted if count > len(known[str(subject)])}
    complete = []
    for one in found:
        faces = list(one["faces"])
        if one["subject"] in incomplete:
            others = related.filter(subject_id=one["subject"]).exclude(pk__in=known[one["subject"]])
            for other in others[:MOST_FACES]:
                other.check_links()
                similarity = float(_vector(other) @ template.vector)
                faces.append(_face(other.pk, other.photo_id, similarity))
        faces.sort(key=lambda face: -face["similarity"])
        complete.append({**one, "faces": faces[:MOST_FACES]})
    return complete


def _vector(face: Face) -> np.ndarray:
    return np.frombuffer(face.template, dtype=np.float32)


def _face(row: int, photo: UUID, similarity: float) -> dict[str, Any]:
    return {"face": row, "photo": str(photo), "similarity": round(similarity, 6)}


def _present(today: date) -> QuerySet[Face]:
    """Return the faces that may be found: not removed, and their source's retention runs."""
    return Face.objects.filter(
        removed_version=None,
        photo__source__removed_at=None,
        photo__source__retention_until__gte=today,
    )


def _by_subject(hits: Sequence[Hit], every: QuerySet[Face]) -> list[dict[str, Any]]:
    """Group rows by subject, in the order of each subject's best face.

    The database has the last word: a face that was removed a moment ago is left out.
    """
    present = every.filter(pk__in=[hit.row for hit in hits])
    subjects: dict[int, tuple[UUID, UUID]] = {
        row: (subject, photo)
        for row, subject, photo in present.values_list("pk", "subject_id", "photo_id")
    }
    grouped: dict[UUID, list[dict[str, Any]]] = {}
    for hit in hits:
        if hit.row in subjects:
            subject, photo = subjects[hit.row]
            grouped.setdefault(subject, []).append(_face(hit.row, photo, hit.similarity))
    return [{"subject": str(subject), "faces": faces} for subject, faces in grouped.items()]
