"""Registering sources, creating galleries, removing photos, subjects and sources."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from countenance import policy
from countenance.apps.galleries.certificates import Counts, Erased, certificate
from countenance.apps.galleries.erased_with import erase_with
from countenance.apps.galleries.models import (
    PASSPORT,
    RELEASE,
    EnrolmentRun,
    Face,
    Gallery,
    IndexSnapshot,
    Photo,
    Source,
    StagedPhoto,
    Subject,
)
from countenance.apps.galleries.queries import gallery_name_index, source_name_index
from countenance.apps.records.objects import delete_objects, ids_in
from countenance.apps.records.services import Record, accountable
from countenance.errors import (
    AlreadyExists,
    InputError,
    PassportIncomplete,
    ReasonMissing,
    WrongState,
)
from countenance.index.rotation import Rotation
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools


@accountable(Action.SOURCE_REGISTERED, deed=Deed.SOURCE_REGISTER)
def register_source(
    actor: Actor, record: Record, *, name: str, passport: Mapping[str, str], tools: Tools
) -> Source:
    """Register a source of photos with its passport.

    Args:
        actor: the steward who answers for it.
        record: filled in by `@accountable`.
        name: unique in the agency.
        passport: every entry of `PASSPORT`, and `RELEASE` if there are written releases; dates as
            YYYY-MM-DD.
        tools: keys and clock.

    Raises:
        PassportIncomplete: an entry is missing or empty.
        InputError: a date cannot be read, or retention ends before it begins.
        AlreadyExists: the name is taken.
    """
    name = name.strip()
    entries = {key: str(passport.get(key, "")).strip() for key in PASSPORT}
    missing = [key for key, value in entries.items() if not value]
    if release := str(passport.get(RELEASE, "")).strip():
        entries[RELEASE] = release
    if missing or not name:
        raise PassportIncomplete(
            f"The passport lacks: {', '.join(missing or ['name'])}. No photo is enrolled without it."
        )
    collected, until = _date(entries, "collected_on"), _date(entries, "retention_until")
    if until < collected:
        raise InputError("Retention cannot end before the photos were collected.")
    index = source_name_index(actor, name, tools=tools)
    if Source.objects.filter(agency_id=actor.agency, name_index=index).exists():
        raise AlreadyExists("A source of this name is already there.")
    source = Source(
        agency_id=actor.agency,
        name=name,
        name_index=index,
        passport=entries,
        retention_until=until,
        registered_at=tools.clock(),
    )
    source.save(force_insert=True)
    record.note(about=source.pk, name=name, passport=entries)
    return source


@accountable(Action.GALLERY_CREATED, deed=Deed.GALLERY_CREATE)
def create_gallery(actor: Actor, record: Record, *, name: str, tools: Tools) -> Gallery:
    """Create an empty gallery for templates of the present model.

    Raises:
        InputError: the name is empty.
        AlreadyExists: the name is taken.
    """
    name = name.strip()
    if not name:
        raise InputError("A gallery needs a name.")
    index = gallery_name_index(actor, name, tools=tools)
    if Gallery.objects.filter(agency_id=actor.agency, name_index=index).exists():
        raise AlreadyExists("A gallery of this name is already there.")
    rotation = Rotation.generate(tools.engine.dimensions, tools.token_bytes)
    gallery = Gallery(
        agency_id=actor.agency,
        name=name,
        name_index=index,
        model=tools.engine.model,
        rotation=rotation.to_bytes(),
        created_at=tools.clock(),
    )
    gallery.save(force_insert=True)
    record.note(about=gallery.pk, name=name, model=gallery.model)
    return gallery


@accountable(Action.PHOTO_REMOVED, deed=Deed.PHOTO_REMOVE)
def remove_photo(actor: Actor, record: Record, *, photo: Photo, reason: str, tools: Tools) -> None:
    """Remove a photo: out of the index at once, its key destroyed, its bytes deleted.

    Raises:
        ReasonMissing, WrongState, NotPermitted.
    """
    record.note(about=photo.pk, reason=reason.strip())
    _check(actor, record, photo.gallery.agency_id, reason)
    _lock([photo.gallery_id])
    _still_there(Photo.objects.filter(pk=photo.pk))
    erased = _erase([photo.pk], [photo.gallery_id], tools=tools)
    record.note(certificate=certificate(actor, Erased.PHOTO, photo.pk, erased, at=tools.clock()))


@accountable(Action.SUBJECT_REMOVED, deed=Deed.PHOTO_REMOVE)
def remove_subject(
    actor: Actor, record: Record, *, subject: Subject, reason: str, tools: Tools
) -> None:
    """Remove a subject with every photo filed under it, and its faces in other subjects' photos.

    Raises:
        ReasonMissing, WrongState, NotPermitted.
    """
    record.note(about=subject.pk, reason=reason.strip())
    _check(actor, record, subject.gallery.agency_id, reason)
    _lock([subject.gallery_id])
    _still_there(Subject.objects.filter(pk=subject.pk))
    photos = Photo.objects.filter(subject=subject, removed_at=None).values_list("pk", flat=True)
    erased = _erase(list(photos), [subject.gallery_id], tools=tools)
    version = Gallery.objects.values_list("version", flat=True).get(pk=subject.gallery_id)
    # Of a face in other people's photos too.
    erased += _forget_faces(Face.objects.filter(subject=subject), version)
    _forget_subjects([subject.pk], tools.clock())
    erased.controls += erase_with([subject.gallery_id], subjects=[subject.pk])
    erased.subjects = max(1, erased.subjects)
    record.note(
        certificate=certificate(actor, Erased.SUBJECT, subject.pk, erased, at=tools.clock())
    )


@accountable(Action.SOURCE_REMOVED, deed=Deed.SOURCE_REMOVE)
def remove_source(
    actor: Actor, record: Record, *, source: Source, reason: str, tools: Tools
) -> None:
    """Remove a source with all its photos; its row and passport stay, to answer for the past.

    Raises:
        ReasonMissing, WrongState, NotPermitted.
    """
    record.note(about=source.pk, reason=reason.strip())
    _check(actor, record, source.agency_id, reason)
    # First of all, so that no enrolment commits another photo of it from here on.
    source = Source.objects.select_for_update(no_key=True).get(pk=source.pk)
    _still_there(Source.objects.filter(pk=source.pk))
    of_source = Photo.objects.filter(source=source, removed_at=None)
    galleries = set(of_source.values_list("gallery_id", flat=True))
    _lock(galleries)
    erased = _erase(list(of_source.values_list("pk", flat=True)), galleries, tools=tools)
    erased.uploads = _forget_uploads(source, tools=tools)
    record.note(certificate=certificate(actor, Erased.SOURCE, source.pk, erased, at=tools.clock()))
    source.removed_at = tools.clock()
    source.save(update_fields=("removed_at",))


def _forget_uploads(source: Source, *, tools: Tools) -> int:
    """Destroy what waits to be enrolled from a source, and the names of what was turned away; return how much waited."""
    staged = StagedPhoto.objects.filter(run__source=source)
    waiting = list(staged.values_list("pk", flat=True))
    staged.delete()
    transaction.on_commit(lambda: delete_objects(waiting, tools=tools))
    for run in EnrolmentRun.objects.select_for_update(no_key=True).filter(source=source):
        run.rejects = []
        run.save(update_fields=("rejects",))
    return len(waiting)


def _still_there(row: QuerySet[Any]) -> None:
    """Look again under the lock: somebody may have removed it a moment ago."""
    if not row.filter(removed_at=None).exists():
        raise WrongState("This was removed already.")


def _check(actor: Actor, record: Record, agency: UUID, reason: str) -> None:
    record.agency = agency
    if actor != SYSTEM:  # Which only repeats after a restore what somebody of the agency did.
        policy.permit_own(actor, agency)
    if not reason.strip():
        raise ReasonMissing("Say in words why this is removed.")


def _date(entries: Mapping[str, str], key: str) -> date:
    try:
        return date.fromisoformat(entries[key])
    except ValueError:
        raise InputError(f"{key} must be a date such as 2026-03-14.") from None


def _lock(galleries: Collection[UUID]) -> list[Gallery]:
    """Lock galleries in one order, so that two removals cannot wait for each other."""
    return list(
        Gallery.objects.select_for_update(no_key=True).filter(pk__in=galleries).order_by("pk")
    )


def _erase(photos: list[UUID], galleries: Collection[UUID], *, tools: Tools) -> Counts:
    """Destroy keys, templates and details of photos; the index drops their rows by version. Return how much that was."""
    now = tools.clock()
    erased = Counts(photos=photos)
    for gallery in _lock(galleries):
        gallery.version += 1
        gallery.save(update_fields=("version",))
        faces = Face.objects.filter(photo_id__in=photos, gallery=gallery)
        erased += _forget_faces(faces, gallery.version)
        erased.snapshots += _drop_snapshot(gallery, tools=tools)
    Photo.objects.filter(pk__in=photos).update(
        object_key=None, details=None, content_index=None, removed_at=now
    )
    touched = Subject.objects.filter(faces__photo_id__in=photos).distinct()
    empty = touched.exclude(faces__removed_version=None).values_list("pk", flat=True)
    erased.subjects = _forget_subjects(list(empty), now)
    erased.controls = erase_with(galleries, photos=photos)
    # After the commit: a crash in between leaves objects without a row, which the sweep removes.
    transaction.on_commit(lambda: delete_objects(photos, tools=tools))
    return erased


def _forget_faces(faces: QuerySet[Face], version: int) -> Counts:
    """Destroy templates and crops of faces; return how many there were."""
    present = faces.filter(removed_version=None)
    found = Counts(
        faces=present.count(),
        templates=present.filter(template__isnull=False).count(),
        crops=present.filter(crop__isnull=False).count(),
    )
    present.update(template=None, crop=None, details=None, removed_version=version)
    return found


def _drop_snapshot(gallery: Gallery, *, tools: Tools) -> int:
    snapshots = list(IndexSnapshot.objects.filter(gallery=gallery))
    for snapshot in snapshots:
        parts = ids_in(snapshot.parts)
        transaction.on_commit(lambda parts=parts: delete_objects(parts, tools=tools))  # type: ignore[misc]
        snapshot.delete()
    return len(snapshots)


def _forget_subjects(subjects: list[UUID], now: datetime) -> int:
    rows = Subject.objects.filter(pk__in=subjects)
    return rows.update(label=None, label_index=None, removed_at=now)
