"""Enrolling many photos: in batches, on all cores, resumable, each photo once.

A batch is one transaction and one ledger entry. What was acknowledged is durable; after a kill the same
call goes on where it stopped, because photos are recognised by a keyed hash of their content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from django.db import transaction

from countenance import policy
from countenance.apps.galleries.batch import (
    ALREADY_HERE,
    Analysed,
    Incoming,
    Reject,
    content_index,
    store_photos,
)
from countenance.apps.galleries.models import EnrolmentRun, Gallery, Photo, Source, StagedPhoto
from countenance.apps.galleries.queries import subject_label_index
from countenance.apps.galleries.terms import LARGE_ENROLMENT, permit_large
from countenance.apps.records.objects import delete_objects, get_object, seal_for_store
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import InputError, ModelMismatch, NotFound, NotPermitted, WrongState
from countenance.faces.types import Analysis
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

BATCH_PHOTOS = 32
BATCH_BYTES = 32 * 1024 * 1024
KEPT_REJECTS = 1000
"""How many rejects a run keeps for the screen; the caller's own list is complete."""

Notify = Callable[[EnrolmentRun, Sequence[Reject]], None]


@accountable(Action.ENROLMENT_STARTED, deed=Deed.ENROL)
def start_enrolment(
    actor: Actor,
    record: Record,
    *,
    gallery: Gallery,
    source: Source,
    total: int | None,
    uploads: Sequence[tuple[Incoming, bytes]] = (),
    tools: Tools,
) -> EnrolmentRun:
    """Start an enrolment; uploads are sealed and staged with it, for a job to carry out.

    Raises:
        PassportIncomplete, SourceClosed, GalleryClosedToCase, NotPermitted: policy says no.
        ModelMismatch: the gallery holds templates of another model.
        ApprovalNeeded: so many photos need a second person's approval.
        SealBroken: the source's date of retention is not the one of its passport.
    """
    record.note(gallery=gallery.pk, source=source.pk, total=total)
    source.refresh_from_db()
    policy.permit_enrolment(
        actor, source=source.facts, gallery=gallery.facts, today=tools.clock().date()
    )
    source.check_links()
    if gallery.model != tools.engine.model:
        raise ModelMismatch(
            "This gallery holds templates of another model. Create a new gallery for this one.",
            gallery=gallery.model,
            engine=tools.engine.model,
        )
    if total is not None and total >= LARGE_ENROLMENT:
        permit_large(actor, record, gallery=gallery, source=source, tools=tools)
    run = EnrolmentRun(
        agency_id=actor.agency,
        gallery=gallery,
        source=source,
        started_by_id=actor.person,
        started_at=tools.clock(),
        total=total,
    )
    run.save(force_insert=True)
    record.note(about=run.pk)
    _stage(run, uploads, tools=tools)
    return run


@accountable(Action.PHOTOS_ENROLLED, deed=Deed.ENROL)
def enrol_batch(
    actor: Actor, record: Record, *, run: EnrolmentRun, batch: Batch, tools: Tools
) -> EnrolmentRun:
    """Store one batch of analysed photos; a photo that came in meanwhile is skipped, not doubled.

    Raises:
        SourceClosed, GalleryClosedToCase: the source was removed, or ran out, since the run started.
    """
    record.note(about=run.pk)
    # Source, gallery, run: every service that locks several locks them in this order.
    source = Source.objects.select_for_update(no_key=True).get(pk=run.source_id)
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=run.gallery_id)
    run = EnrolmentRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    run.gallery = gallery
    policy.permit_enrolment(
        actor, source=source.facts, gallery=gallery.facts, today=tools.clock().date()
    )
    source.check_links()
    if (
        run.total or 0
    ) < LARGE_ENROLMENT and run.photos < LARGE_ENROLMENT <= run.photos + batch.seen:
        # More photos came than were announced.
        permit_large(actor, record, gallery=gallery, source=source, tools=tools)
    stored, faces, late = store_photos(run, batch.analysed, tools=tools)
    run.photos += batch.seen
    run.enrolled += len(stored)
    run.faces += faces
    run.skipped += batch.skipped + late
    run.rejected += len(batch.rejects)
    room = KEPT_REJECTS - len(run.rejects)
    run.rejects = run.rejects + [
        {"label": reject.label, "code": reject.code, "reason": reject.reason}
        for reject in batch.rejects[: max(room, 0)]
    ]
    run.save()
    staged = [item.staged for item in batch.items if item.staged is not None]
    if staged:
        StagedPhoto.objects.filter(pk__in=staged).delete()
        transaction.on_commit(lambda: delete_objects(staged, tools=tools))
    record.note(
        gallery=gallery.pk,
        version=gallery.version,
        photos=[str(photo.pk) for photo in stored],
        contents=[bytes(photo.content_index or b"").hex() for photo in stored],
        faces=faces,
        skipped=batch.skipped + late,
        # Counts, not names: a name here would outlive the removal of everything else about a person.
        rejected=dict(Counter(reject.code for reject in batch.rejects)),
    )
    return run


# Ending one needs no role: it is a part of those services, and of ending what was refused on the way.
@accountable(Action.ENROLMENT_FINISHED, deed=None)
def finish_enrolment(
    actor: Actor, record: Record, *, run: EnrolmentRun, why: str = "complete", tools: Tools
) -> EnrolmentRun:
    """Close an enrolment; its counts are final, and uploads that still waited are destroyed.

    Raises:
        WrongState: it is finished already.
    """
    run = EnrolmentRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    if run.finished_at is not None:
        raise WrongState("This enrolment is finished already.")
    waiting = list(StagedPhoto.objects.filter(run=run).values_list("pk", flat=True))
    StagedPhoto.objects.filter(run=run).delete()
    transaction.on_commit(lambda: delete_objects(waiting, tools=tools))
    run.photos += len(waiting)
    run.rejected += len(waiting)
    run.finished_at = tools.clock()
    run.save(update_fields=("photos", "rejected", "finished_at"))
    record.note(
        about=run.pk,
        why=why,
        photos=run.photos,
        enrolled=run.enrolled,
        faces=run.faces,
        skipped=run.skipped,
        rejected=run.rejected,
    )
    return run


@composed_of(start_enrolment, enrol_batch, finish_enrolment)
def enrol(
    actor: Actor,
    *,
    gallery: Gallery,
    source: Source,
    incoming: Iterable[Incoming | Reject],
    total: int | None,
    tools: Tools,
    notify: Notify | None = None,
) -> EnrolmentRun:
    """Enrol photos from anywhere and return the finished run with its counts.

    Args:
        actor: the steward.
        gallery: where to.
        source: whose passport covers every photo.
        incoming: photos, read only when their turn comes, and what was turned away before.
        total: how many there are, if known, for the progress bar.
        tools: engine, keys, store, clock.
        notify: called after each batch with the run so far and the batch's rejects.

    Raises:
        PassportIncomplete, SourceClosed, GalleryClosedToCase, NotPermitted, ModelMismatch.
    """
    run = start_enrolment(actor, gallery=gallery, source=source, total=total, tools=tools)
    return _Enrolment(actor, run, tools, notify).carry_out(incoming)


@composed_of(enrol_batch, finish_enrolment)
def enrol_staged(actor: Actor, *, run: EnrolmentRun, tools: Tools) -> EnrolmentRun:
    """Carry out, or go on with, an enrolment whose photos were uploaded.

    If it is refused on the way (its source was removed, say, or whoever started it is no steward any
    more), it ends there; the refusal is recorded, and the uploads that still waited are destroyed.
    """
    if run.finished_at is not None:
        return run
    if run.started_by.suspended or run.gallery.agency.suspended:
        return finish_enrolment(actor, run=run, why="suspended", tools=tools)
    try:
        return _Enrolment(actor, run, tools).carry_out(_staged(run, tools=tools))
    except NotPermitted:
        run.refresh_from_db()
        return run


@dataclass(slots=True)
class Batch:
    """What is waiting for its commit."""

    items: list[Incoming] = field(default_factory=list)
    analysed: list[Analysed] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    seen: int = 0
    skipped: int = 0
    bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether it is time to commit."""
        return self.seen >= BATCH_PHOTOS or self.bytes >= BATCH_BYTES

    def skip(self, item: Incoming) -> None:
        """Count a photo that is enrolled already."""
        self.seen += 1
        self.skipped += 1
        self.items.append(item)

    def reject(self, reject: Reject, item: Incoming | None = None) -> None:
        """Keep a photo's reason."""
        self.seen += 1
        self.rejects.append(reject)
        if item is not None:
            self.items.append(item)

    def add(self, analysed: Analysed) -> None:
        """Keep an analysed photo."""
        self.seen += 1
        self.bytes += len(analysed.data)
        self.items.append(analysed.item)
        self.analysed.append(analysed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    """A photo that was read and waits for its analysis."""

    item: Incoming
    data: bytes
    index: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Skipped:
    """A photo that is enrolled already."""

    item: Incoming


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rejected:
    """A photo that was turned away before its analysis."""

    reject: Reject
    item: Incoming | None = None


@dataclass(slots=True)
class _Enrolment:
    """An enrolment on its way: reads, analyses, and commits batch by batch, all in one thread."""

    actor: Actor
    run: EnrolmentRun
    tools: Tools
    notify: Notify | None = None
    batch: Batch = field(default_factory=Batch)

    def carry_out(self, incoming: Iterable[Incoming | Reject]) -> EnrolmentRun:
        try:
            for tag, result in self.tools.engine.analyse_many(self._feed(incoming)):
                self._take(cast("_Waiting", tag), result)
                if self.batch.full:
                    self._commit()
            self._commit()
        except NotPermitted as refusal:
            finish_enrolment(self.actor, run=self.run, why=refusal.code, tools=self.tools)
            raise
        return finish_enrolment(self.actor, run=self.run, tools=self.tools)

    def _feed(self, incoming: Iterable[Incoming | Reject]) -> Iterator[tuple[object, bytes]]:
        for read in _read(self.run, incoming, tools=self.tools):
            if isinstance(read, _Waiting):
                yield read, read.data
                continue
            if isinstance(read, _Skipped):
                self.batch.skip(read.item)
            else:
                self.batch.reject(read.reject, read.item)
            if self.batch.full:
                self._commit()

    def _take(self, waiting: _Waiting, result: Analysis | Exception) -> None:
        item = waiting.item
        if isinstance(result, InputError):
            reject = Reject(label=item.label, code=result.code, reason=result.detail)
            self.batch.reject(reject, item)
            return
        if isinstance(result, Exception):
            # Not this photo's fault, such as no worker to be had: the run stops, and is resumed later.
            raise result
        analysed = Analysed(item=item, data=waiting.data, index=waiting.index, analysis=result)
        refusal = analysed.refusal()
        if refusal is not None:
            self.batch.reject(refusal, item)
        else:
            self.batch.add(analysed)

    def _commit(self) -> None:
        if not self.batch.seen:
            return
        done, self.batch = self.batch, Batch()
        self.run = enrol_batch(self.actor, run=self.run, batch=done, tools=self.tools)
        if self.notify is not None:
            self.notify(self.run, done.rejects)


def _read(
    run: EnrolmentRun, incoming: Iterable[Incoming | Reject], *, tools: Tools
) -> Iterator[_Waiting | _Skipped | _Rejected]:
    """Read photos one by one, and tell the ones apart that are enrolled already."""
    for item in incoming:
        if isinstance(item, Reject):
            yield _Rejected(reject=item)
            continue
        try:
            data = item.read()
        except (InputError, NotFound) as error:
            reject = Reject(label=item.label, code=error.code, reason=error.detail)
            yield _Rejected(reject=reject, item=item)
            continue
        index = content_index(run.agency_id, data, tools=tools)
        known = Photo.objects.filter(gallery_id=run.gallery_id, content_index=index)
        subjects = list(known.values_list("subject__label_index", flat=True)[:1])
        if not subjects:
            yield _Waiting(item=item, data=data, index=index)
        elif item.subject_given and bytes(subjects[0] or b"") != _label_index(run, item, tools):
            code, reason = ALREADY_HERE
            yield _Rejected(reject=Reject(label=item.label, code=code, reason=reason), item=item)
        else:
            yield _Skipped(item=item)


def _label_index(run: EnrolmentRun, item: Incoming, tools: Tools) -> bytes:
    return subject_label_index(run.agency_id, run.gallery_id, item.subject, tools=tools)


def _stage(run: EnrolmentRun, uploads: Sequence[tuple[Incoming, bytes]], *, tools: Tools) -> None:
    def sealed() -> Iterator[tuple[UUID, bytes]]:
        # One at a time, so that an upload is not in memory twice.
        for ordinal, (item, data) in enumerate(uploads):
            if not data:
                raise InputError(f"{item.label} is empty.")
            staged = StagedPhoto(run=run, ordinal=ordinal, details=item.to_details())
            staged.save(force_insert=True)
            yield staged.pk, seal_for_store(staged, data)

    tools.store.put_many(sealed())


def _staged(run: EnrolmentRun, *, tools: Tools) -> Iterator[Incoming]:
    for staged in StagedPhoto.objects.filter(run=run).select_related("run").order_by("ordinal"):
        yield Incoming.from_details(
            staged.details,
            read=lambda staged=staged: get_object(staged, tools=tools),  # type: ignore[misc]
            staged=staged.pk,
        )
