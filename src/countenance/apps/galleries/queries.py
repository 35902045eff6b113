"""Reading sources, galleries, subjects, photos and enrolments."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.galleries.models import (
    EnrolmentRun,
    Face,
    Gallery,
    Photo,
    Source,
    Subject,
)
from countenance.errors import NotFound
from countenance.policy import Actor
from countenance.tools import Tools


def source_name_index(actor: Actor, name: str, *, tools: Tools) -> bytes:
    """Return the blind index of a source's name within the agency."""
    return tools.keyring.blind_index(name.strip(), purpose="source.name", agency=actor.agency)


def gallery_name_index(actor: Actor, name: str, *, tools: Tools) -> bytes:
    """Return the blind index of a gallery's name within the agency."""
    return tools.keyring.blind_index(name.strip(), purpose="gallery.name", agency=actor.agency)


def subject_label_index(agency: UUID, gallery: UUID, label: str, *, tools: Tools) -> bytes:
    """Return the blind index of a subject's label within its gallery."""
    return tools.keyring.blind_index(label, purpose=f"subject.label.{gallery}", agency=agency)


def sources(actor: Actor) -> list[Source]:
    """Return the agency's sources, newest first, removed ones included."""
    return list(Source.objects.filter(agency_id=actor.agency).order_by("-registered_at"))


def source(actor: Actor, source_id: UUID) -> Source:
    """Return one source, or raise NotFound."""
    found = Source.objects.filter(agency_id=actor.agency, pk=source_id).first()
    if found is None:
        raise NotFound("There is no such source.")
    return found


def source_by_name(actor: Actor, name: str, *, tools: Tools) -> Source:
    """Return the source of this name, or raise NotFound."""
    index = source_name_index(actor, name, tools=tools)
    found = Source.objects.filter(agency_id=actor.agency, name_index=index).first()
    if found is None:
        raise NotFound("There is no source of this name. `countenance source list` shows all.")
    return found


def uncounted_galleries(actor: Actor) -> list[Gallery]:
    """Return the agency's galleries, oldest first."""
    return list(Gallery.objects.filter(agency_id=actor.agency).order_by("created_at"))


def galleries(actor: Actor) -> list[Gallery]:
    """Return the agency's galleries, oldest first, each with `photo_count`, `face_count`, `subject_count`.

    Counting takes a while in large galleries; `uncounted_galleries` does without.
    """
    found = uncounted_galleries(actor)
    for one in found:
        for name, count in counts(one).items():
            setattr(one, f"{name}_count", count)
    return found


def counts(one: Gallery) -> dict[str, int]:
    """Return how many photos, faces with a template and subjects a gallery holds now."""
    faces = Face.objects.filter(gallery=one, removed_version=None, template__isnull=False)
    return {
        "photo": Photo.objects.filter(gallery=one, removed_at=None).count(),
        "face": faces.count(),
        "subject": Subject.objects.filter(gallery=one, removed_at=None).count(),
    }


def subject_counts(actor: Actor) -> dict[UUID, int]:
    """Return how many subjects each gallery holds now; an empty one is left out."""
    present = Subject.objects.filter(gallery__agency_id=actor.agency, removed_at=None)
    rows = present.order_by().values_list("gallery_id").annotate(count=Count("pk"))
    return dict(rows)


def gallery(actor: Actor, gallery_id: UUID) -> Gallery:
    """Return one gallery, or raise NotFound."""
    found = Gallery.objects.filter(agency_id=actor.agency, pk=gallery_id).first()
    if found is None:
        raise NotFound("There is no such gallery.")
    return found


def gallery_by_name(actor: Actor, name: str, *, tools: Tools) -> Gallery:
    """Return the gallery of this name, or raise NotFound."""
    index = gallery_name_index(actor, name, tools=tools)
    found = Gallery.objects.filter(agency_id=actor.agency, name_index=index).first()
    if found is None:
        raise NotFound("There is no gallery of this name. `countenance gallery list` shows all.")
    return found


def photos(one: Gallery) -> QuerySet[Photo]:
    """Return a gallery's present photos, newest first, faces at hand; slice it."""
    return (
        Photo.objects.filter(gallery=one, removed_at=None)
        .select_related("gallery", "subject__gallery", "source")
        .prefetch_related("faces__subject")
        .order_by("-enrolled_at", "pk")
    )


def photo(actor: Actor, photo_id: UUID) -> Photo:
    """Return one photo, removed ones included, or raise NotFound.

    One of a gallery that was granted opens only within `grants.reading`.

    Raises:
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    own = Q(gallery__agency_id=actor.agency)
    granted = Q(gallery__grants__grantee_id=actor.agency, gallery__grants__ended_at=None)
    found = (
        Photo.objects.filter(own | granted, pk=photo_id)
        .select_related("gallery", "subject__gallery", "source")
        .first()
    )
    if found is None:
        raise NotFound("There is no such photo.")
    return found


def faces(one: Photo) -> list[Face]:
    """Return a photo's present faces, largest first."""
    return list(
        one.faces.filter(removed_version=None)
        .select_related("photo__gallery", "subject__gallery")
        .order_by("ordinal")
    )


def subjects(one: Gallery) -> QuerySet[Subject]:
    """Return a gallery's named subjects, each with `photo_count`; slice it."""
    present = Count("photo", filter=Q(photo__removed_at=None), distinct=True)
    return (
        Subject.objects.filter(gallery=one, named=True, removed_at=None)
        .select_related("gallery")
        .annotate(photo_count=present)
        .order_by("pk")
    )


def subject(actor: Actor, subject_id: UUID) -> Subject:
    """Return one subject, or raise NotFound."""
    found = (
        Subject.objects.filter(gallery__agency_id=actor.agency, pk=subject_id)
        .select_related("gallery")
        .first()
    )
    if found is None:
        raise NotFound("There is no such subject.")
    return found


def subject_by_label(one: Gallery, label: str, *, tools: Tools) -> Subject:
    """Return the subject of this label in a gallery, or raise NotFound."""
    index = subject_label_index(one.agency_id, one.pk, label, tools=tools)
    found = Subject.objects.filter(gallery=one, label_index=index).select_related("gallery").first()
    if found is None:
        raise NotFound("There is no such subject in this gallery.")
    return found


def runs(one: Gallery) -> list[EnrolmentRun]:
    """Return a gallery's enrolments, newest first."""
    return list(
        EnrolmentRun.objects.filter(gallery=one)
        .select_related("source", "started_by")
        .order_by("-started_at")[:50]
    )


def run(actor: Actor, run_id: UUID) -> EnrolmentRun:
    """Return one enrolment, or raise NotFound."""
    found = (
        EnrolmentRun.objects.filter(agency_id=actor.agency, pk=run_id)
        .select_related("gallery", "source", "started_by")
        .first()
    )
    if found is None:
        raise NotFound("There is no such enrolment.")
    return found


def unfinished_staged_runs() -> list[EnrolmentRun]:
    """Return the enrolments that nobody else will finish: photos are waiting, or only the end is missing."""
    waiting = Q(staged__isnull=False) | Q(photos__gte=F("total"))
    return list(
        EnrolmentRun.objects.filter(waiting, finished_at=None)
        .select_related("gallery", "source", "started_by")
        .distinct()
    )
