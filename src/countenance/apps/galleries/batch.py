"""One batch of an enrolment: photos in, rows and sealed objects out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from countenance.apps.galleries.models import EnrolmentRun, Face, Photo, Subject
from countenance.apps.galleries.queries import subject_label_index
from countenance.apps.records.objects import seal_for_store
from countenance.errors import NoFaceFound, QualityTooLow
from countenance.faces.types import AnalysedFace, Analysis
from countenance.tools import Tools

ALREADY_HERE = (
    "enrolled_for_another_subject",
    "This photo is enrolled already, for another subject. Remove it there, or correct the subject.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A photo on its way in; its bytes are read when its turn comes.

    Attributes:
        label: what people know it by: its path under the folder that is enrolled.
        subject: the label of the subject it is of.
        subject_given: False if the label was only derived from the file's name.
        read: returns the bytes; an InputError or NotFound from it rejects this photo alone.
        staged: the staged upload it comes from, if any.
    """

    label: str
    subject: str
    read: Callable[[], bytes]
    subject_given: bool = True
    external_id: str = ""
    date: str = ""
    notes: str = ""
    staged: UUID | None = None

    def to_details(self) -> dict[str, Any]:
        """Return what is kept of it, sealed, with a staged or enrolled photo."""
        return {
            "path": self.label,
            "subject": self.subject,
            "subject_given": self.subject_given,
            "external_id": self.external_id,
            "date": self.date,
            "notes": self.notes,
        }

    @classmethod
    def from_details(
        cls, details: dict[str, Any], *, read: Callable[[], bytes], staged: UUID
    ) -> Incoming:
        """Return the photo that `to_details` described."""
        return cls(
            label=details["path"],
            subject=details["subject"],
            subject_given=details["subject_given"],
            external_id=details["external_id"],
            date=details["date"],
            notes=details["notes"],
            read=read,
            staged=staged,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A photo that is not enrolled, and why: a stable code and a sentence."""

    label: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysed:
    """A photo with its analysis, ready to be stored."""

    item: Incoming
    data: bytes
    index: bytes
    analysis: Analysis

    def refusal(self) -> Reject | None:
        """Return why this photo cannot be enrolled, or None."""
        faces = self.analysis.faces
        if not faces:
            return Reject(
                label=self.item.label, code=NoFaceFound.code, reason=NoFaceFound.message()
            )
        if all(face.template is None for face in faces):
            reason = faces[0].quality.reason or QualityTooLow.message()
            return Reject(label=self.item.label, code=QualityTooLow.code, reason=reason)
        return None


def content_index(agency: UUID, data: bytes, *, tools: Tools) -> bytes:
    """Return the keyed hash by which a photo is recognised; without the key it says nothing."""
    digest = hashlib.sha256(data).digest()
    return tools.keyring.blind_index(digest, purpose="photo.content", agency=agency)


def store_photos(
    run: EnrolmentRun, analysed: Sequence[Analysed], *, tools: Tools
) -> tuple[list[Photo], int, int]:
    """Store photos and their faces; the caller holds the gallery's lock.

    Returns:
        The new photos, the number of faces with a template, and how many photos had come in meanwhile.
    """
    fresh = _fresh(run, analysed)
    if not fresh:
        return [], 0, len(analysed)
    gallery = run.gallery
    gallery.version += 1
    labels = _labels(run, fresh, tools=tools)
    subjects = _subjects(run, fresh, labels, tools=tools)
    photos: list[Photo] = []
    faces: list[Face] = []
    objects: list[tuple[UUID, bytes]] = []
    for one in fresh:
        photo = Photo(
            gallery=gallery,
            source_id=run.source_id,
            run=run,
            subject=subjects[labels[one.index][main_face(one.analysis)]],
            content_index=one.index,
            details={
                **one.item.to_details(),
                "subject": labels[one.index][main_face(one.analysis)],
                "source": str(run.source_id),
                "width": one.analysis.width,
                "height": one.analysis.height,
                "format": one.analysis.format,
                "bytes": len(one.data),
            },
            enrolled_at=tools.clock(),
        )
        objects.append((photo.pk, seal_for_store(photo, one.data)))
        photos.append(photo)
        filed = [subjects[label] for label in labels[one.index]]
        faces += _faces(photo, one, filed, version=gallery.version)
    # The objects are durable before the rows that name them; a crash leaves objects without a row.
    tools.store.put_many(objects)
    Photo.objects.bulk_create(photos)
    Face.objects.bulk_create(faces)
    gallery.save(update_fields=("version",))
    made = sum(face.template is not None for face in faces)
    return photos, made, len(analysed) - len(fresh)


def face_label(item: Incoming, ordinal: int) -> str:
    """Return the label of another face in a photo, whose subject nobody named."""
    return f"{item.label} (face {ordinal + 1})"


def main_face(analysis: Analysis) -> int:
    """Return which face is the photo's subject: the largest one that has a template."""
    return next(i for i, face in enumerate(analysis.faces) if face.template is not None)


def _fresh(run: EnrolmentRun, analysed: Sequence[Analysed]) -> list[Analysed]:
    """Return the photos whose content is not in the gallery yet, each content once."""
    contents = [one.index for one in analysed]
    here = Photo.objects.filter(gallery_id=run.gallery_id, content_index__in=contents)
    seen = {bytes(index or b"") for index in here.values_list("content_index", flat=True)}
    fresh: list[Analysed] = []
    for one in analysed:
        if one.index not in seen:
            seen.add(one.index)
            fresh.append(one)
    return fresh


def _labels(
    run: EnrolmentRun, analysed: Sequence[Analysed], *, tools: Tools
) -> dict[bytes, list[str]]:
    """Return, for each photo (by its content), the label of each face's subject.

    A label that somebody gave joins the subject of that name. One that was only derived from a file's
    name never joins: two files named alike may show two people, so it is numbered until it is free.
    """
    given = {one.item.subject for one in analysed if one.item.subject_given}
    # Compared by their indexes, because labels that differ in case only are one subject's.
    taken = {_label_index(run, label, tools=tools) for label in given}
    taken |= _existing(run, analysed, tools=tools)
    labels: dict[bytes, list[str]] = {}
    for one in analysed:
        main = main_face(one.analysis)
        of_photo = []
        for ordinal in range(len(one.analysis.faces)):
            wanted = one.item.subject if ordinal == main else face_label(one.item, ordinal)
            if ordinal != main or not one.item.subject_given:
                wanted = _free_label(run, wanted, taken, tools=tools)
            of_photo.append(wanted)
        labels[one.index] = of_photo
    return labels


def _free_label(run: EnrolmentRun, wanted: str, taken: set[bytes], *, tools: Tools) -> str:
    label, number = wanted, 1
    index = _label_index(run, label, tools=tools)
    # Whether the unnumbered label is there was asked for the whole batch.
    while index in taken or (number > 1 and _exists(run, index)):
        number += 1
        label = f"{wanted} ({number})"
        index = _label_index(run, label, tools=tools)
    taken.add(index)
    return label


def _existing(run: EnrolmentRun, analysed: Sequence[Analysed], *, tools: Tools) -> set[bytes]:
    """Return the indexes of those labels, of all that were only derived, that the gallery has."""
    derived = [one.item.subject for one in analysed if not one.item.subject_given]
    for one in analysed:
        main = main_face(one.analysis)
        others = (i for i in range(len(one.analysis.faces)) if i != main)
        derived += [face_label(one.item, ordinal) for ordinal in others]
    indexes = [_label_index(run, label, tools=tools) for label in derived]
    here = Subject.objects.filter(gallery=run.gallery_id, label_index__in=indexes)
    return {bytes(index or b"") for index in here.values_list("label_index", flat=True)}


def _exists(run: EnrolmentRun, index: bytes) -> bool:
    return Subject.objects.filter(gallery=run.gallery_id, label_index=index).exists()


def _label_index(run: EnrolmentRun, label: str, *, tools: Tools) -> bytes:
    return subject_label_index(run.agency_id, run.gallery_id, label, tools=tools)


def _subjects(
    run: EnrolmentRun,
    analysed: Sequence[Analysed],
    labels: dict[bytes, list[str]],
    *,
    tools: Tools,
) -> dict[str, Subject]:
    """Return the subject of every label in the batch; the missing ones are made."""
    named = {
        label: ordinal == main_face(one.analysis)
        for one in analysed
        for ordinal, label in enumerate(labels[one.index])
    }
    indexes = {label: _label_index(run, label, tools=tools) for label in named}
    here = Subject.objects.filter(gallery=run.gallery, label_index__in=indexes.values())
    by_index = {bytes(subject.label_index or b""): subject for subject in here}
    missing: dict[bytes, Subject] = {}
    for label, index in indexes.items():
        if index not in by_index and index not in missing:
            missing[index] = Subject(
                gallery=run.gallery, label=label, label_index=index, named=named[label]
            )
    Subject.objects.bulk_create(missing.values())
    by_index.update(missing)
    return {label: by_index[index] for label, index in indexes.items()}


def _faces(photo: Photo, one: Analysed, filed: Sequence[Subject], *, version: int) -> list[Face]:
    return [
        Face(
            gallery=photo.gallery,
            photo=photo,
            subject=subject,
            ordinal=ordinal,
            details={**face_details(found), "subject": str(subject.pk)},
            template=None if found.template is None else found.template.vector.tobytes(),
            crop=found.crop,
            added_version=version,
        )
        for ordinal, (found, subject) in enumerate(zip(one.analysis.faces, filed, strict=True))
    ]


def face_details(found: AnalysedFace) -> dict[str, Any]:
    """Return box, landmarks, score and quality as plain JSON values."""
    quality = found.quality
    return {
        "box": [round(v, 1) for v in found.face.box],
        "landmarks": [[round(x, 1), round(y, 1)] for x, y in found.face.landmarks],
        "score": round(found.face.score, 4),
        "quality": {
            "gate": str(quality.gate),
            "reason": quality.reason,
            "eye_distance": round(quality.eye_distance, 1),
            "yaw": round(quality.yaw, 1),
            "pitch": round(quality.pitch, 1),
            "roll": round(quality.roll, 1),
            "sharpness": round(quality.sharpness, 3),
            "brightness": round(quality.brightness, 1),
            "contrast": round(quality.contrast, 1),
        },
    }
