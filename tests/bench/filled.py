"""A gallery of synthetic templates behind the product's services.

Every template has its rows in PostgreSQL (subject, photo, face) and its row in the index. Rows that
a probe of the benchmark finds are sealed as the product seals them; the others hold as many zero
bytes, written by SQL, because sealing a million of them would take a quarter of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.home import Deployment
    from bench.synthetic import People

SEED = "synthetic"
CROP_BYTES = 4_000
"""About what the crop of a head takes; only in rows that a probe finds."""


@dataclass
class Filled:
    """A gallery, and the first row of its templates in the index."""

    gallery: Any
    first: int


def fill(on: Deployment, drawn: People, probes: Sequence[bytes], *, first: int, k: int) -> Filled:
    """Make a gallery of these templates and put it on the shelf."""
    import factories

    from countenance.apps.galleries.models import Gallery
    from countenance.index import Rotation, plan

    count = len(drawn.templates)
    gallery = factories.make_gallery(on, f"Synthetic {count}")
    source = factories.make_source(on, f"Synthetic {count}")
    run = factories.enrol(on, gallery, source, [])
    dimensions = on.tools.engine.dimensions
    tier = plan.planned(count, dimensions).tier
    index = plan.empty(tier, dimensions, model=gallery.model)
    index.add(np.arange(first, first + count), drawn.templates, model=gallery.model)
    rotation = Rotation.from_bytes(gallery.rotation)
    on.tools.shelf.put(gallery.pk, index, version=1, rotation=rotation)
    found = _found(on, gallery, probes, k=k)
    _seal(gallery, source, run, drawn, found, first=first)
    _insert(gallery, source, run, found, first=first, count=count)
    Gallery.objects.filter(pk=gallery.pk).update(version=1)
    gallery.refresh_from_db()
    return Filled(gallery, first)


def _found(on: Deployment, gallery: Any, probes: Sequence[bytes], *, k: int) -> list[int]:
    """Return every row that one of the probes finds."""
    found: set[int] = set()
    for photo in probes:
        template = on.tools.engine.analyse(photo, only=0).faces[0].template
        rows = on.tools.shelf.search(
            template.vector, galleries=[gallery.pk], k=k, model=template.model
        )
        found.update(hit.row for _, hit in rows)
    return sorted(found)


def _seal(
    gallery: Any, source: Any, run: Any, drawn: People, rows: list[int], *, first: int
) -> None:
    from countenance.apps.galleries.models import Face, Photo, Subject

    details = {"path": "someone/1.jpg", "external_id": "", "date": "", "notes": "", "width": 512}
    details["source"] = str(source.pk)
    subjects, photos, faces = [], [], []
    for row in rows:
        subject = Subject(pk=_id("subject", row), gallery=gallery, label=f"{row}", named=True)
        subject.label_index = row.to_bytes(16, "big")
        photo = Photo(
            pk=_id("photo", row),
            gallery=gallery,
            source=source,
            run=run,
            subject=subject,
            content_index=row.to_bytes(16, "big"),
            details=details,
            enrolled_at=run.started_at,
        )
        photo.open_key()
        face = Face(
            id=row,
            gallery=gallery,
            photo=photo,
            subject=subject,
            ordinal=0,
            details={
                "box": [100.0, 100.0, 200.0, 250.0],
                "quality": {"gate": "good"},
                "subject": str(subject.pk),
            },
            template=drawn.templates[row - first].tobytes(),
            crop=bytes(CROP_BYTES),
            added_version=1,
        )
        subjects.append(subject)
        photos.append(photo)
        faces.append(face)
    Subject.objects.bulk_create(subjects)
    Photo.objects.bulk_create(photos)
    Face.objects.bulk_create(faces)


def _insert(
    gallery: Any, source: Any, run: Any, found: list[int], *, first: int, count: int
) -> None:
    """Write the rows that no probe finds, with zero bytes where there would be sealed ones."""
    from django.db import connection

    values = {
        "gallery": gallery.pk,
        "source": source.pk,
        "run": run.pk,
        "first": first,
        "last": first + count - 1,
        "at": run.started_at,
        "found": found,
        "key": bytes(80),
        "label": bytes(60),
        "details": bytes(200),
        "template": bytes(560),
    }
    rows = (
        "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS row "
        "WHERE row NOT IN (SELECT unnest(%(found)s::bigint[]))"
    )
    number = "decode(lpad(to_hex(row), 32, '0'), 'hex')"
    subject, photo = "md5('subject' || row)::uuid", "md5('photo' || row)::uuid"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO galleries_subject (id, gallery_id, label, label_index, named) "
            f"SELECT {subject}, %(gallery)s, %(label)s, {number}, true {rows}",
            values,
        )
        cursor.execute(
            "INSERT INTO galleries_photo (id, object_key, gallery_id, source_id, run_id, "
            "subject_id, content_index, details, enrolled_at) "
            f"SELECT {photo}, %(key)s, %(gallery)s, %(source)s, %(run)s, "
            f"{subject}, {number}, %(details)s, %(at)s {rows}",
            values,
        )
        cursor.execute(
            "INSERT INTO galleries_face (id, gallery_id, photo_id, subject_id, ordinal, details, "
            "template, added_version) "
            f"SELECT row, %(gallery)s, {photo}, {subject}, 0, %(details)s, %(template)s, 1 {rows}",
            values,
        )
        cursor.execute("ANALYZE galleries_subject, galleries_photo, galleries_face")


def _id(kind: str, row: int) -> UUID:
    return UUID(md5(f"{kind}{row}".encode(), usedforsecurity=False).hexdigest())
