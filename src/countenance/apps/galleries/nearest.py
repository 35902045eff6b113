"""Who looks most like a probe; subjects with several photos by one template that is fused from all of them.

An index holds single photos, so it says which subjects to look at. Whom of them to look at closely is
found with the templates that the index keeps; what is recorded is computed from the sealed ones, with the
quality of each photo as its weight. A photo that is removed, or whose retention has run out, is in neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from countenance.apps.galleries.models import Face
from countenance.faces.fusing import MOST_FUSED, fuse, worth
from countenance.faces.types import Template
from countenance.index.base import MOST_CANDIDATES, Hit
from countenance.index.flat import rescored
from countenance.index.shelf import Shelf

ROWS = 1_000
"""So many rows, and so the subjects in them, are looked at, however short the list is to be.

A subject's fused template may be near a probe though none of its photos is. `tests/bench` measures whom this
loses of those that comparing every fused template would rank first.
"""
ROWS_PER_SUBJECT = 4
"""How many rows to ask of the index per wanted subject at first; more follow if they are too few."""
SPARE = 30
"""So many subjects with several photos, more than are wanted, are compared by their sealed templates.

The index keeps no quality of a photo, so its fused templates are near those that count, not the same.
"""
MOST_LISTED = 50
"""How many photos of one subject are listed with it."""
DECIMALS = 6


@dataclass(slots=True)
class Found:
    """A subject whose photos are near the probe, with the similarity of each row that the index returned."""

    subject: UUID
    hits: dict[int, float] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    gallery: UUID | None = None
    """Rows and gallery of its photos that may be found, only where there are several; the oldest first."""

    @property
    def best(self) -> float:
        """Return the similarity of the most similar photo."""
        return max(self.hits.values())

    @property
    def fused(self) -> list[int]:
        """Return the rows whose templates are fused."""
        return self.rows[:MOST_FUSED]


def similarity_of(candidate: Mapping[str, Any]) -> float:
    """Return the similarity that a candidate was ranked by, as it is recorded.

    That of its fused template; of its photo, if it has one; and of its best photo in records of before photos
    were fused.
    """
    similarity: float = candidate.get("similarity", candidate["faces"][0]["similarity"])
    return similarity


def nearest(
    template: Template,
    galleries: Sequence[UUID],
    present: QuerySet[Face],
    *,
    top: int,
    shelf: Shelf,
) -> list[dict[str, Any]]:
    """Return the subjects who look most alike, the most similar first, as a search records them.

    Args:
        template: of the probe.
        galleries: where to look; the shelf follows them already.
        present: the faces that may be found.
        top: how many subjects at most.
        shelf: with the index of each gallery.

    Raises:
        SealBroken: somebody changed a date or a link in the database.
    """
    held = sum(len(shelf.get(gallery).index) for gallery in galleries)
    wanted = min(max(top * ROWS_PER_SUBJECT, ROWS), MOST_CANDIDATES)
    while True:
        rows = shelf.search(template.vector, galleries=galleries, k=wanted, model=template.model)
        found = by_subject([hit for _, hit in rows], present)
        if len(found) >= top or wanted >= min(held, MOST_CANDIDATES):
            break
        wanted = min(wanted * 4, MOST_CANDIDATES)
    note_rows(found, present)
    near = nearest_first(found, template, shelf=shelf)
    # Of those with one photo the order is known already, so no more of them are opened than may be listed.
    single = [one for one in near if not one.rows][:top]
    several = [one for one in near if one.rows][: top + SPARE]
    ranked = compared([*single, *several], template, present)
    ranked.sort(key=lambda one: (-one["similarity"], one["faces"][0]["face"]))
    return ranked[:top]


def by_subject(hits: Sequence[Hit], every: QuerySet[Face]) -> list[Found]:
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


def note_rows(found: Sequence[Found], present: QuerySet[Face]) -> None:
    """Note gallery and rows of each subject that has several photos among the faces that may be found."""
    filed = present.filter(
        subject_id__in=[one.subject for one in found], template__isnull=False
    ).order_by("pk")
    rows: defaultdict[UUID, list[int]] = defaultdict(list)
    galleries: dict[UUID, UUID] = {}
    for row, subject, gallery in filed.values_list("pk", "subject_id", "gallery_id"):
        rows[subject].append(row)
        galleries[subject] = gallery
    for one in found:
        if len(rows[one.subject]) > 1:
            one.rows, one.gallery = rows[one.subject], galleries[one.subject]


def nearest_first(found: Sequence[Found], template: Template, *, shelf: Shelf) -> list[Found]:
    """Return subjects in the order in which to look at them closely.

    Those with several photos come by the template that is fused from all of them, as they are ranked in the end: by
    their best photo, a few dozen with one lucky photo each would come before somebody who is more alike.

    Args:
        found: whom the index returned, in its order, with the photos of each.
        template: of the probe.
        shelf: with the index of each gallery.
    """
    of_gallery: defaultdict[UUID, list[Found]] = defaultdict(list)
    for one in found:
        if one.gallery is not None:
            of_gallery[one.gallery].append(one)
    near = {one.subject: one.best for one in found}
    for gallery, several in of_gallery.items():
        similar = shelf.similarities(
            template.vector, gallery=gallery, groups=[one.fused for one in several]
        )
        for one, similarity in zip(several, similar, strict=True):
            near[one.subject] = similarity
    return sorted(found, key=lambda one: -near[one.subject])


def compared(
    found: Sequence[Found], template: Template, present: QuerySet[Face]
) -> list[dict[str, Any]]:
    """Return subjects as a search records them, each compared by the sealed templates of its photos.

    Raises:
        SealBroken: somebody exchanged rows: a face is filed under a subject it was not enrolled for.
    """
    related = present.select_related("photo__gallery", "photo__source")
    # Large, and of no use here.
    related = related.defer("crop", "photo__gallery__rotation")
    rows = [row for one in found for row in _opened(one)]
    faces = {face.pk: face for face in related.filter(pk__in=rows)}
    for face in faces.values():
        face.check_links()
    of_each = [(one, {row: faces[row] for row in _opened(one) if row in faces}) for one in found]
    # Nobody whose last photo was removed a moment ago.
    return [_candidate(one, there, template) for one, there in of_each if there]


def _opened(one: Found) -> list[int]:
    """Return the rows of a subject that are opened: its best photos, and all that are fused."""
    best = sorted(one.hits, key=lambda row: -one.hits[row])[:MOST_LISTED]
    return list(dict.fromkeys([*best, *one.fused]))


def _candidate(one: Found, faces: Mapping[int, Face], template: Template) -> dict[str, Any]:
    # Not what the index says: that may keep less of a template, and may be another machine's.
    rows = list(faces)
    exact = rescored(np.stack([_vector(faces[row]) for row in rows]), template.vector)
    similar = dict(zip(rows, exact.tolist(), strict=True))
    listed = sorted(faces, key=lambda row: (-similar[row], row))[:MOST_LISTED]
    rows = [row for row in one.fused if row in faces]
    similarity = similar[listed[0]]
    if len(rows) > 1:
        weights = [worth(faces[row].details["quality"]) for row in rows]
        mean = fuse(np.stack([_vector(faces[row]) for row in rows]), weights)
        similarity = float(mean.astype(np.float64) @ template.vector.astype(np.float64))
    return {
        "subject": str(one.subject),
        "similarity": round(similarity, DECIMALS),
        "fused": max(len(rows), 1),
        "faces": [
            {
                "face": row,
                "photo": str(faces[row].photo_id),
                "similarity": round(similar[row], DECIMALS),
            }
            for row in listed
        ],
    }


def _vector(face: Face) -> np.ndarray:
    return np.frombuffer(face.template, dtype=np.float32)
