"""From a probe's face to candidates: one per subject, best face first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np

from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Face, Gallery
from countenance.apps.records.objects import get_object
from countenance.apps.searches.models import Search
from countenance.faces.types import Gate, Template
from countenance.index.base import Hit
from countenance.tools import Tools

CANDIDATES = "candidates"
NO_CANDIDATE = "no_candidate"
NO_FACE = "no_face"
QUALITY_TOO_LOW = "quality_too_low"
FACES_PER_SUBJECT = 4
"""How many rows to ask of the index per wanted subject at first; more follow if they are too few."""
MOST_FACES = 50
"""How many photos of one subject are listed with it."""


def find_candidates(
    search: Search, galleries: Sequence[Gallery], *, tools: Tools
) -> dict[str, Any]:
    """Return the outcome of a search: its answer, and the candidates as ids and similarities."""
    faces = search.probe.details["faces"]
    if not faces:
        return _outcome(NO_FACE)
    chosen = faces[search.request["face"]]
    if chosen["quality"]["gate"] == Gate.UNUSABLE:
        return _outcome(QUALITY_TOO_LOW, reason=chosen["quality"]["reason"])
    upload = get_object(search.probe, tools=tools)
    analysis = tools.engine.analyse(upload, only=search.request["face"])
    template = analysis.faces[search.request["face"]].template
    if template is None:
        return _outcome(QUALITY_TOO_LOW, reason=chosen["quality"]["reason"])
    synchronise(galleries, tools=tools)
    versions = {str(one.pk): tools.shelf.version(one.pk) for one in galleries}
    found = _best_subjects(search, template, galleries, tools=tools)
    answer = CANDIDATES if found else NO_CANDIDATE
    return _outcome(answer, candidates=found, versions=versions)


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


def _best_subjects(
    search: Search, template: Template, galleries: Sequence[Gallery], *, tools: Tools
) -> list[dict[str, Any]]:
    """Ask the index for more rows until there are enough subjects, or no more rows."""
    top, threshold = search.request["top"], search.request["threshold"]
    ids = [gallery.pk for gallery in galleries]
    held = sum(len(tools.shelf.get(gallery_id).index) for gallery_id in ids)
    wanted = top * FACES_PER_SUBJECT
    while True:
        rows = tools.shelf.search(
            template.vector, galleries=ids, k=max(wanted, 1), model=template.model
        )
        hits = [hit for _, hit in rows if threshold is None or hit.similarity >= threshold]
        found = _by_subject(hits)
        if len(found) >= top or wanted >= held or len(hits) < len(rows):
            return [_with_other_faces(one, template) for one in found[:top]]
        wanted *= 4


def _with_other_faces(candidate: dict[str, Any], template: Template) -> dict[str, Any]:
    """Add the subject's faces that lay beyond the rows asked for, so that its photos are complete."""
    known = {face["face"] for face in candidate["faces"]}
    others = (
        Face.objects.filter(
            subject_id=candidate["subject"], removed_version=None, template__isnull=False
        )
        .exclude(pk__in=known)
        .select_related("photo__gallery")
        .order_by("pk")[:MOST_FACES]
    )
    faces = candidate["faces"] + [
        _face(other.pk, other.photo_id, float(_vector(other) @ template.vector)) for other in others
    ]
    faces.sort(key=lambda face: -face["similarity"])
    return {**candidate, "faces": faces[:MOST_FACES]}


def _vector(face: Face) -> np.ndarray:
    return np.frombuffer(face.template, dtype=np.float32)


def _face(row: int, photo: UUID, similarity: float) -> dict[str, Any]:
    return {"face": row, "photo": str(photo), "similarity": round(similarity, 6)}


def _by_subject(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Group rows by subject, in the order of each subject's best face.

    The database has the last word: a face that was removed a moment ago is left out.
    """
    present = Face.objects.filter(pk__in=[hit.row for hit in hits], removed_version=None)
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
