"""Reading what the gallery screens list: one face a subject, sources in use, what a look covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.galleries.models import Face, Gallery, Photo, Source, Subject


def first_faces(subjects: Sequence[Subject]) -> dict[UUID, Face]:
    """Return the oldest present face of each subject, with its photo; subjects without one are left out."""
    faces = (
        Face.objects.filter(subject__in=subjects, removed_version=None, crop__isnull=False)
        .select_related("photo__gallery")
        .order_by("subject_id", "pk")
        .distinct("subject_id")
    )
    return {face.subject_id: face for face in faces}


def other_faces(photo: Photo) -> QuerySet[Face]:
    """Return the subject's present faces in other photos that have a crop, oldest first; slice it."""
    return (
        Face.objects.filter(subject=photo.subject, removed_version=None, crop__isnull=False)
        .exclude(photo=photo)
        .select_related("photo__gallery")
        .order_by("pk")
    )


def sources_of(gallery: Gallery) -> list[Source]:
    """Return the sources that a gallery's present photos come from."""
    used = Photo.objects.filter(gallery=gallery, removed_at=None).values("source")
    return list(Source.objects.filter(pk__in=used).order_by("registered_at"))


def photo_count(source: Source) -> int:
    """Return how many photos of a source are enrolled now."""
    return Photo.objects.filter(source=source, removed_at=None).count()


def passport(source: Source) -> dict[str, Any]:
    """Return a source's name and passport as the screens show it."""
    return {"id": source.pk, "name": source.name, **source.passport}
