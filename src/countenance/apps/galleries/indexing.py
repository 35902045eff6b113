"""Keeping the indexes in memory equal to the database, which is the truth.

A gallery's index is loaded from its sealed snapshot or built from the faces, then follows the gallery's
version: every search first replays what was added and removed since. All of it is derived data, so
nothing here is a service: a snapshot that is missing, old or broken is rebuilt. Which tier of index a
gallery gets follows from its size, the memory there is and the recall that is wanted; it changes when a snapshot is written, and
searches go on meanwhile.
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

from countenance.apps.galleries import distributing
from countenance.apps.galleries.models import Face, Gallery, IndexSnapshot
from countenance.apps.records.objects import (
    delete_objects,
    get_object,
    ids_in,
    seal_for_store,
)
from countenance.errors import IndexUnavailable, NotFound, SealBroken
from countenance.index import FlatIndex, QuantisedIndex, Rotation, Shelf, plan, room
from countenance.index.plan import LocalIndex, Tier
from countenance.tools import Tools

REPLAY_CHUNK = 4096
PART_BYTES = 64 * 1024 * 1024

_locks: defaultdict[UUID, threading.Lock] = defaultdict(threading.Lock)


def synchronise(galleries: Sequence[Gallery], *, tools: Tools, beside: bool = False) -> None:
    """Bring the shelf up to the version that each gallery has in the database now.

    Args:
        galleries: which.
        tools: the shelf, the keys.
        beside: in memory, also those that are searched in Milvus.

    Raises:
        SealBroken: a template in the database was changed.
        IndexUnavailable: a gallery is searched in Milvus, which does not answer.
    """
    for gallery in galleries:
        with _locks[gallery.pk]:
            if not beside and distributing.follow(gallery, tools=tools):
                continue
            # Read before the faces are: a later change is then seen by the next call, never lost.
            now = Gallery.objects.values_list("version", flat=True).get(pk=gallery.pk)
            held = tools.shelf.version(gallery.pk)
            if held is None:
                held = _load(gallery, tools=tools)
            if held < now:
                _replay(gallery, since=held, until=now, shelf=tools.shelf)


def fit_to_size(gallery: Gallery, *, tools: Tools, beside: bool = False) -> Tier:
    """Give the gallery the tier that is planned for it, and return which it has now.

    A quantiser that the gallery has outgrown is made anew. Searches go on meanwhile. `beside` as for
    `synchronise`.
    """
    synchronise([gallery], tools=tools, beside=beside)
    index = tools.shelf.get(gallery.pk).index
    if not isinstance(index, FlatIndex | QuantisedIndex):
        return Tier(gallery.tier)
    tier = plan.tier_of(index)
    wanted = plan.planned(
        len(index),
        index.dimensions,
        memory=room.memory_for_indexes(),
        recall=tools.recall,
        now=tier,
    )
    if wanted.moves_from(tier):
        move_to_tier(gallery, wanted.tier, tools=tools, beside=beside)
        return wanted.tier
    if isinstance(index, QuantisedIndex) and index.outgrown:
        index.retrain()
    _note_tier(gallery, tier)
    return tier


def move_to_tier(gallery: Gallery, tier: Tier, *, tools: Tools, beside: bool = False) -> None:
    """Make an index of another tier from the one that is held, and search in it from then on.

    Raises:
        IndexUnavailable: the gallery is not held by this process itself.
    """
    synchronise([gallery], tools=tools, beside=beside)
    with _locks[gallery.pk]:
        held = tools.shelf.get(gallery.pk)
        if not isinstance(held.index, FlatIndex | QuantisedIndex):
            raise IndexUnavailable("The index of this gallery is not held by this process.")
        # Copied while nothing changes, so that it is the gallery at exactly this version.
        batches = list(held.index.batches())
    index = plan.empty(tier, held.index.dimensions, model=held.index.model)
    while batches:
        rows, templates = batches.pop(0)
        index.add(rows, templates, model=held.index.model)
    made = Shelf()
    made.put(gallery.pk, index, version=held.version, rotation=held.rotation)
    put_in_place(gallery, made, shelf=tools.shelf)
    _note_tier(gallery, tier)


def put_in_place(gallery: Gallery, made: Shelf, *, shelf: Shelf) -> None:
    """Search a gallery from now on in the index that was made beside, brought up to the one before.

    What changed since it was made is replayed first: searches never see an index that is older than the one before.
    """
    with _locks[gallery.pk]:
        now = shelf.version(gallery.pk)
        if now is None:  # Let go of meanwhile: whoever searches next loads it as it is then.
            return
        held = made.get(gallery.pk)
        # In Milvus each change is made once, for every process.
        if isinstance(held.index, FlatIndex | QuantisedIndex) and held.version < now:
            _replay(gallery, since=held.version, until=now, shelf=made)
        held = made.get(gallery.pk)
        shelf.put(gallery.pk, held.index, version=held.version, rotation=held.rotation)


def _note_tier(gallery: Gallery, tier: Tier) -> None:
    Gallery.objects.filter(pk=gallery.pk).exclude(tier=tier).update(tier=tier)
    gallery.tier = tier


def write_snapshot(gallery: Gallery, *, tools: Tools, beside: bool = False) -> None:
    """Seal the gallery's index into the store, replacing the snapshot before, in the tier for its size.

    A gallery that is searched in Milvus has none, and is only brought up to date there. `beside` as for
    `synchronise`.
    """
    fit_to_size(gallery, tools=tools, beside=beside)
    held = tools.shelf.get(gallery.pk)
    if not isinstance(held.index, FlatIndex | QuantisedIndex):
        return
    data = memoryview(held.index.to_bytes())
    snapshot = IndexSnapshot(gallery=gallery, version=held.version, parts=[])
    parts = [uuid.uuid4() for _ in range(0, len(data), PART_BYTES)]
    snapshot.parts = [str(part) for part in parts]
    # One sealed part at a time: a large index is in memory twice while this runs, not three times.
    tools.store.put_many(
        (part, seal_for_store(snapshot, bytes(data[start:][:PART_BYTES]), part=f"part {number}"))
        for number, (part, start) in enumerate(
            zip(parts, range(0, len(data), PART_BYTES), strict=True)
        )
    )
    with transaction.atomic():
        current = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
        old = [
            part
            for former in IndexSnapshot.objects.filter(gallery=gallery)
            for part in ids_in(former.parts)
        ]
        other = not _is_under(current, held.rotation)
        if other or _removed_since(gallery, held.version):
            # While we wrote. After a removal this copy would keep what was just erased; another rotation would
            # not fit it.
            delete_objects(parts, tools=tools)
            return
        IndexSnapshot.objects.filter(gallery=current).delete()
        snapshot.save(force_insert=True)
    delete_objects(old, tools=tools)


def snapshot_is_stale(gallery: Gallery) -> bool:
    """Say whether a restart would have to replay changes."""
    version = IndexSnapshot.objects.filter(gallery=gallery).values_list("version", flat=True)
    return list(version) != [gallery.version]


def _is_under(gallery: Gallery, rotation: Rotation | None) -> bool:
    """Say whether this is the gallery's rotation now."""
    return rotation is not None and rotation.same_as(Rotation.from_bytes(gallery.rotation))


def _removed_since(gallery: Gallery, version: int) -> bool:
    return Face.objects.filter(gallery=gallery, removed_version__gt=version).exists()


def _load(gallery: Gallery, *, tools: Tools) -> int:
    """Put the gallery on the shelf from its snapshot, or empty; return the version that is held."""
    index, version = _empty(gallery, tools=tools), 0
    snapshot = IndexSnapshot.objects.filter(gallery=gallery).select_related("gallery").first()
    if snapshot is not None:
        try:
            parts = (
                get_object(snapshot, id=part, part=f"part {number}", tools=tools)
                for number, part in enumerate(ids_in(snapshot.parts))
            )
            index, version = plan.opened(b"".join(parts)), snapshot.version
        except (NotFound, SealBroken, IndexUnavailable):
            # A snapshot is a copy: nothing of a broken one is used, and the faces are all in the database.
            index, version = _empty(gallery, tools=tools), 0
    tools.shelf.put(
        gallery.pk, index, version=version, rotation=Rotation.from_bytes(gallery.rotation)
    )
    return version


def _empty(gallery: Gallery, *, tools: Tools) -> LocalIndex:
    # A word that no tier has can only come from a newer version, or from whoever changed the database.
    tier = Tier(gallery.tier) if gallery.tier in set(Tier) else Tier.EXACT
    return plan.empty(tier, tools.engine.dimensions, model=gallery.model)


def _replay(gallery: Gallery, *, since: int, until: int, shelf: Shelf) -> None:
    gone = Face.objects.filter(
        gallery=gallery, removed_version__gt=since, added_version__lte=since
    ).values_list("pk", flat=True)
    rows = np.fromiter(gone, dtype=np.int64)
    if len(rows):
        shelf.remove(gallery.pk, rows, version=since)
    for rows, templates in _added(gallery, since=since, until=until):
        shelf.add(gallery.pk, rows, templates, model=gallery.model, version=since)
    # Only now, so that a failure in between is replayed from the start; adding a row twice replaces it.
    held = shelf.get(gallery.pk)
    shelf.put(gallery.pk, held.index, version=until, rotation=held.rotation)


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
