"""Keeping the indexes in memory equal to the database, which is the truth.

A gallery's index is loaded from its sealed snapshot or built from the faces, then follows the gallery's
version: every search first replays what was added and removed since. All of it is derived data, so
nothing here is a service: a snapshot that is missing, old or broken is rebuilt.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Q

from countenance.apps.galleries.models import Face, Gallery, IndexSnapshot
from countenance.apps.records.objects import delete_objects, get_object, seal_for_store
from countenance.errors import IndexUnavailable, NotFound, SealBroken
from countenance.index.flat import FlatIndex
from countenance.index.rotation import Rotation
from countenance.tools import Tools

REPLAY_CHUNK = 4096
PART_BYTES = 64 * 1024 * 1024

_locks: defaultdict[UUID, threading.Lock] = defaultdict(threading.Lock)


def synchronise(galleries: Sequence[Gallery], *, tools: Tools) -> None:
    """Bring the shelf up to the version that each gallery has in the database now.

    Raises:
        SealBroken: a template in the database was changed.
    """
    for gallery in galleries:
        with _locks[gallery.pk]:
            # Read before the faces are: a later change is then seen by the next call, never lost.
            now = Gallery.objects.values_list("version", flat=True).get(pk=gallery.pk)
            held = tools.shelf.version(gallery.pk)
            if held is None:
                held = _load(gallery, tools=tools)
            if held < now:
                _replay(gallery, since=held, until=now, tools=tools)


def write_snapshot(gallery: Gallery, *, tools: Tools) -> None:
    """Seal the gallery's index into the store, replacing the snapshot before."""
    synchronise([gallery], tools=tools)
    held = tools.shelf.get(gallery.pk)
    data = memoryview(held.index.to_bytes())
    snapshot = IndexSnapshot(gallery=gallery, version=held.version, parts=[])
    objects: list[tuple[UUID, bytes]] = []
    for start in range(0, len(data), PART_BYTES):
        part = bytes(data[start : start + PART_BYTES])
        sealed = seal_for_store(snapshot, part, part=f"part {len(objects)}")
        objects.append((uuid.uuid4(), sealed))
    snapshot.parts = [str(part) for part, _ in objects]
    tools.store.put_many(objects)
    with transaction.atomic():
        current = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
        old = [
            UUID(part)
            for former in IndexSnapshot.objects.filter(gallery=gallery)
            for part in former.parts
        ]
        if _removed_since(gallery, held.version):
            # A removal while we wrote: this copy would keep what was just erased.
            delete_objects([part for part, _ in objects], tools=tools)
            return
        IndexSnapshot.objects.filter(gallery=current).delete()
        snapshot.save(force_insert=True)
    delete_objects(old, tools=tools)


def snapshot_is_stale(gallery: Gallery) -> bool:
    """Say whether a restart would have to replay changes."""
    version = IndexSnapshot.objects.filter(gallery=gallery).values_list("version", flat=True)
    return list(version) != [gallery.version]


def _removed_since(gallery: Gallery, version: int) -> bool:
    return Face.objects.filter(gallery=gallery, removed_version__gt=version).exists()


def _load(gallery: Gallery, *, tools: Tools) -> int:
    """Put the gallery on the shelf from its snapshot, or empty; return the version that is held."""
    index, version = FlatIndex(tools.engine.dimensions, model=gallery.model), 0
    snapshot = IndexSnapshot.objects.filter(gallery=gallery).select_related("gallery").first()
    if snapshot is not None:
        try:
            parts = (
                get_object(snapshot, id=UUID(part), part=f"part {number}", tools=tools)
                for number, part in enumerate(snapshot.parts)
            )
            index, version = FlatIndex.from_bytes(b"".join(parts)), snapshot.version
        except (NotFound, SealBroken, IndexUnavailable):
            # A snapshot is a copy: nothing of a broken one is used, and the faces are all in the database.
            index, version = FlatIndex(tools.engine.dimensions, model=gallery.model), 0
    tools.shelf.put(
        gallery.pk, index, version=version, rotation=Rotation.from_bytes(gallery.rotation)
    )
    return version


def _replay(gallery: Gallery, *, since: int, until: int, tools: Tools) -> None:
    gone = Face.objects.filter(
        gallery=gallery, removed_version__gt=since, added_version__lte=since
    ).values_list("pk", flat=True)
    rows = np.fromiter(gone, dtype=np.int64)
    if len(rows):
        tools.shelf.remove(gallery.pk, rows, version=since)
    for rows, templates in _added(gallery, since=since, until=until):
        tools.shelf.add(gallery.pk, rows, templates, model=gallery.model, version=since)
    # Only now, so that a failure in between is replayed from the start; adding a row twice replaces it.
    held = tools.shelf.get(gallery.pk)
    tools.shelf.put(gallery.pk, held.index, version=until, rotation=held.rotation)


def _added(gallery: Gallery, *, since: int, until: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    faces = (
        Face.objects.filter(
            Q(removed_version=None) | Q(removed_version__gt=until),
            gallery=gallery,
            added_version__gt=since,
            added_version__lte=until,
            template__isnull=False,
        )
        .select_related("photo__gallery")
        .only("id", "ordinal", "template", "photo__object_key", "photo__gallery__agency")
        .order_by("pk")
    )
    rows: list[int] = []
    templates: list[np.ndarray] = []
    for face in faces.iterator(chunk_size=REPLAY_CHUNK):
        rows.append(face.pk)
        templates.append(np.frombuffer(face.template, dtype=np.float32))
        if len(rows) == REPLAY_CHUNK:
            yield np.array(rows, dtype=np.int64), np.stack(templates)
            rows, templates = [], []
    if rows:
        yield np.array(rows, dtype=np.int64), np.stack(templates)
