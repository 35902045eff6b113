"""Erasing again, after a restore, what was erased since the backup; the services are those that erased it."""

from __future__ import annotations

from uuid import UUID

from countenance.apps.galleries import services
from countenance.apps.galleries.grants import end_grant
from countenance.apps.galleries.models import Gallery, GalleryGrant, Photo, Source, Subject
from countenance.apps.galleries.terms import begin_terms_anew
from countenance.apps.records.services import composed_of
from countenance.policy import Actor
from countenance.tools import Tools

WHY = "It was done after the backup from which this deployment was restored."


@composed_of(services.remove_photo)
def remove_photo_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Remove the photo of this id if it is there; return how many were removed."""
    rows = Photo.objects.filter(pk=about, removed_at=None).select_related("gallery")
    for photo in rows:
        services.remove_photo(actor, photo=photo, reason=WHY, tools=tools)
    return len(rows)


@composed_of(services.remove_subject)
def remove_subject_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Remove the subject of this id if it is there; return how many were removed."""
    rows = Subject.objects.filter(pk=about, removed_at=None).select_related("gallery")
    for subject in rows:
        services.remove_subject(actor, subject=subject, reason=WHY, tools=tools)
    return len(rows)


@composed_of(services.remove_source)
def remove_source_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Remove the source of this id if it is there; return how many were removed."""
    rows = Source.objects.filter(pk=about, removed_at=None)
    for source in rows:
        services.remove_source(actor, source=source, reason=WHY, tools=tools)
    return len(rows)


@composed_of(end_grant)
def end_grants_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """End every grant of the gallery of this id: which one it was is not known; return how many."""
    rows = GalleryGrant.objects.filter(gallery=about, ended_at=None)
    for grant in rows:
        end_grant(actor, grant=grant, reason=WHY, tools=tools)
    return len(rows)


@composed_of(begin_terms_anew)
def begin_terms_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Say of the gallery of this id, if it has no terms, that those it got are lost; return how many it was."""
    rows = Gallery.objects.filter(pk=about, terms__isnull=True)
    for gallery in rows:
        begin_terms_anew(actor, gallery=gallery, tools=tools)
    return len(rows)
