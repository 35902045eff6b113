"""Keeping a gallery's collection in Milvus equal to the database, which is the truth.

A collection follows the gallery's version in batches, each of which can be repeated: whoever is killed in one is
followed by whoever comes next. One process at a time writes to a collection. All of it is derived data, so nothing
here is a service; that a gallery is searched there is one (`moving.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.db.models import QuerySet

from countenance.apps.galleries.models import Collection, Face, Gallery
from countenance.apps.records.locks import session_lock
from countenance.errors import IndexUnavailable
from countenance.index.base import Rows, Templates
from countenance.index.collection import BATCH, MilvusIndex
from countenance.index.kinds import Kind
from countenance.index.opaque import KEY_BYTES
from countenance.index.rotation import Rotation
from countenance.tools import Tools

SAMPLE: Final = 1000
"""So many templates are compared number by number in a check."""
_SAME: Final = 1e-5

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a collection is from the database.

    `missing` rows are in the database only, `foreign` ones in the collection only, `changed` ones hold another
    template there; `held` is what Milvus counts.
    """

    expected: int
    held: int
    missing: Rows
    foreign: Rows
    changed: Rows
    compared: int

    @property
    def none(self) -> bool:
        """Say whether the two are equal."""
        found = self.missing.size + self.foreign.size + self.changed.size
        return not found and self.held == self.expected


def serving(gallery: Gallery) -> Collection | None:
    """Return the collection that the gallery is searched in; None if it is searched in memory."""
    found = Collection.objects.filter(gallery=gallery, serving_since__isnull=False, retired_at=None)
    return found.select_related("gallery").first()


def templates(gallery: Gallery) -> int:
    """Return how many templates the database has of a gallery."""
    return present(gallery).count()


def index_of(collection: Collection, *, tools: Tools) -> MilvusIndex:
    """Return the index of a collection; nothing is asked of the server yet.

    Raises:
        IndexUnavailable: these tools have no Milvus server.
    """
    if tools.milvus is None:
        raise IndexUnavailable(
            "This gallery is kept in Milvus, and COUNTENANCE_MILVUS__URI does not say where that is."
        )
    return MilvusIndex(
        tools.milvus,
        name=f"c{collection.pk.hex}",
        key=bytes.fromhex(collection.details["key"]),
        dimensions=tools.engine.dimensions,
        model=collection.gallery.model,
        kind=Kind.from_json(collection.details["kind"]),
    )


def make(gallery: Gallery, *, kind: Kind, tools: Tools) -> Collection:
    """Return a collection of the gallery that nobody searches yet: one that was begun, or a new one.

    Raises:
        IndexUnavailable: Milvus does not answer.
    """
    begun = Collection.objects.filter(gallery=gallery, serving_since=None, retired_at=None)
    collection = begun.select_related("gallery").first()
    if collection is None:
        details = {"key": tools.token_bytes(KEY_BYTES).hex(), "kind": kind.as_json(), "tried": []}
        collection = Collection(gallery=gallery, details=details, made_at=tools.clock())
        index_of(collection, tools=tools)  # before anything is written: is there a server at all
        collection.save(force_insert=True)
    index_of(collection, tools=tools).create()
    return collection


def drop(collection: Collection, *, tools: Tools) -> None:
    """Delete a collection that nobody searches, there and here.

    Raises:
        IndexUnavailable: Milvus does not answer; it is still known here, so `repair` tries again.
    """
    index_of(collection, tools=tools).drop()
    collection.delete()


def drop_retired(gallery: Gallery, *, tools: Tools) -> int:
    """Drop what a move left behind because Milvus did not answer, and return how many that were.

    Raises:
        IndexUnavailable: Milvus does not answer.
    """
    retired = Collection.objects.filter(gallery=gallery, retired_at__isnull=False)
    left = list(retired.select_related("gallery"))
    for collection in left:
        drop(collection, tools=tools)
    return len(left)


def follow(gallery: Gallery, *, tools: Tools) -> bool:
    """Bring the shelf up to the gallery's version if it is searched in Milvus; say whether it is.

    Raises:
        IndexUnavailable: Milvus does not answer.
        SealBroken: a template in the database was changed.
    """
    collection = serving(gallery)
    held = tools.shelf.get(gallery.pk) if gallery.pk in tools.shelf.galleries() else None
    if collection is None:
        if held is not None and isinstance(held.index, MilvusIndex):
            tools.shelf.drop(gallery.pk)
        return False
    index = held.index if held is not None else None
    if not isinstance(index, MilvusIndex) or index.name != f"c{collection.pk.hex}":
        index = index_of(collection, tools=tools)
        index.open()
        held = None
    now = Gallery.objects.values_list("version", flat=True).get(pk=gallery.pk)
    if collection.version < now:
        catch_up(collection, index, tools=tools)
    if held is None or held.version != collection.version:
        # Somebody else may have written what is new.
        index.refresh()
        rotation = Rotation.from_bytes(collection.gallery.rotation)
        tools.shelf.put(gallery.pk, index, version=collection.version, rotation=rotation)
    return True


def catch_up(
    collection: Collection, index: MilvusIndex, *, tools: Tools, told: Told = lambda _: None
) -> None:
    """Add and remove what changed since the collection's version, batch by batch.

    Args:
        collection: brought to the gallery's version of this moment, or a later one.
        index: of the collection.
        tools: keys.
        told: called after each batch with the number of templates it added.

    Raises:
        IndexUnavailable: Milvus does not answer; what was done stays, the next call goes on.
        SealBroken: a template in the database was changed.
    """
    rotation = Rotation.from_bytes(collection.gallery.rotation)
    with session_lock(collection.pk, wait=True):
        collection.refresh_from_db(fields=("version", "target", "reached"))
        now = Gallery.objects.values_list("version", flat=True).get(pk=collection.gallery_id)
        while collection.version < now:
            if collection.target is None:
                # First: a target that is noted says that nobody who was removed is there any more.
                remove_gone(collection, index)
                _note(collection, target=now, reached=0)
            rows, templates = _next(collection)
            if rows.size:
                index.add(rows, rotation.apply(templates), model=index.model)
                _note(collection, reached=int(rows[-1]))
                told(rows.size)
            else:
                _note(collection, version=collection.target, target=None, reached=0)


def tidy(gallery: Gallery, *, tools: Tools) -> None:
    """Have nobody in Milvus who was removed from a gallery, whichever collection they are in.

    The one that is searched is brought up to date, those that are not searched any more are dropped, and one
    that an interrupted move left behind keeps only whom the gallery has. While a move is at work that is its own
    matter. A gallery that has no collection is passed over.

    Raises:
        IndexUnavailable: Milvus does not answer; call it again later.
    """
    if not Collection.objects.filter(gallery=gallery).exists():
        return
    follow(gallery, tools=tools)
    with session_lock(gallery.pk, wait=False) as alone:
        if not alone:
            return
        drop_retired(gallery, tools=tools)
        begun = Collection.objects.filter(gallery=gallery, serving_since=None, retired_at=None)
        for collection in begun.select_related("gallery"):
            index = index_of(collection, tools=tools)
            # The move may have been stopped before it was loaded, or while its index kind was changed.
            index.create()
            remove_gone(collection, index)


def check(collection: Collection, *, tools: Tools) -> Drift:
    """Bring a collection up to date and compare it with the database, all ids and some templates.

    Raises:
        IndexUnavailable: Milvus does not answer.
        SealBroken: a template in the database was changed.
    """
    index = index_of(collection, tools=tools)
    index.open()
    catch_up(collection, index, tools=tools)
    with session_lock(collection.pk, wait=True):
        return _compared(collection, index, tools=tools)


def repair(collection: Collection, *, tools: Tools, told: Told = lambda _: None) -> Drift:
    """Bring a collection to equality with the database, both ways, and return what was not equal before.

    A collection that is gone from Milvus is made and filled anew.

    Raises:
        IndexUnavailable: Milvus does not answer, or they are still not equal.
        SealBroken: a template in the database was changed.
    """
    index = index_of(collection, tools=tools)
    if not index.exists():
        with session_lock(collection.pk, wait=True):
            _note(collection, version=0, target=None, reached=0)
    index.create()
    catch_up(collection, index, tools=tools, told=told)
    with session_lock(collection.pk, wait=True):
        before = _compared(collection, index, tools=tools)
        if before.none:
            return before
        index.remove(before.foreign)
        _put_again(collection, index, np.union1d(before.missing, before.changed), told)
        after = _compared(collection, index, tools=tools)
    if not after.none:
        raise IndexUnavailable(
            "The collection in Milvus is still not equal to the database. Make it anew: "
            "`countenance index move --to milvus`."
        )
    index.compact()
    return before


def present(gallery: Gallery) -> QuerySet[Face]:
    """Return the faces of a gallery that belong in its collection."""
    return Face.objects.filter(gallery=gallery, removed_version=None, template__isnull=False)


def _templates(faces: QuerySet[Face]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield rows with their templates as the model made them."""
    opened = faces.select_related("photo__gallery").only(
        "id", "ordinal", "template", "photo__object_key", "photo__gallery__agency"
    )
    for face in opened.iterator(chunk_size=BATCH):
        yield face.pk, np.frombuffer(face.template, dtype=np.float32)


def read(gallery: Gallery, rows: list[int]) -> dict[int, np.ndarray]:
    """Return the templates, as the model made them, of those of these rows that are there.

    Raises:
        SealBroken: a template in the database was changed.
    """
    return {
        row: template
        for start in range(0, len(rows), BATCH)
        for row, template in _templates(present(gallery).filter(pk__in=rows[start : start + BATCH]))
    }


def _next(collection: Collection) -> tuple[Rows, Templates]:
    """Return the next faces that the collection lacks on the way to its target, in order of row."""
    # What is removed meanwhile has a later version: if it got in, it is taken out on the way to that one.
    faces = present(collection.gallery).filter(
        added_version__gt=collection.version,
        added_version__lte=collection.target,
        pk__gt=collection.reached,
    )
    read = list(_templates(faces.order_by("pk")[:BATCH]))
    rows = np.array([row for row, _ in read], dtype=np.int64)
    return rows, np.stack([template for _, template in read]) if read else np.empty((0, 0))


def remove_gone(collection: Collection, index: MilvusIndex) -> None:
    """Remove those who are in the collection, also if it is half filled, and not in the gallery any more.

    Raises:
        IndexUnavailable: Milvus does not answer.
    """
    until = collection.version if collection.target is None else collection.target
    gone = Face.objects.filter(
        gallery_id=collection.gallery_id,
        removed_version__gt=collection.version,
        added_version__lte=until,
    )
    index.remove(np.fromiter(gone.values_list("pk", flat=True), dtype=np.int64))


def _note(collection: Collection, **columns: int | None) -> None:
    """Keep how far a collection is, after Milvus acknowledged it."""
    for name, value in columns.items():
        setattr(collection, name, value)
    Collection.objects.filter(pk=collection.pk).update(**columns)


def _compared(collection: Collection, index: MilvusIndex, *, tools: Tools) -> Drift:
    """Compare all ids, and some templates number by number; nobody writes to the collection meanwhile."""
    index.refresh()
    here = Face.objects.filter(gallery_id=collection.gallery_id)
    of_version = here.filter(added_version__lte=collection.version)
    present = of_version.filter(removed_version=None, template__isnull=False)
    expected = np.fromiter(present.values_list("pk", flat=True), dtype=np.int64)
    # Removed or added since that version: they may be there, and are dealt with on the way to the next.
    late = here.filter(removed_version__gt=collection.version) | here.filter(
        added_version__gt=collection.version
    )
    tolerated = np.fromiter(late.values_list("pk", flat=True), dtype=np.int64)
    found = index.rows()
    missing = np.setdiff1d(expected, found)
    foreign = np.setdiff1d(np.setdiff1d(found, expected), tolerated)
    random = np.random.default_rng(list(tools.token_bytes(16)))
    there = np.intersect1d(expected, found)
    some = random.choice(there, size=min(there.size, SAMPLE), replace=False)
    return Drift(
        expected=expected.size,
        held=len(index) - np.intersect1d(found, tolerated).size,
        missing=missing,
        foreign=foreign,
        changed=_changed(collection, index, some),
        compared=some.size,
    )


def _changed(collection: Collection, index: MilvusIndex, rows: Rows) -> Rows:
    if not rows.size:
        return rows
    rotation = Rotation.from_bytes(collection.gallery.rotation)
    there = index.templates(rows)
    other = [
        row
        for row, template in read(collection.gallery, rows.tolist()).items()
        if row not in there or np.abs(rotation.apply(template) - there[row]).max() > _SAME
    ]
    return np.array(other, dtype=np.int64)


def _put_again(collection: Collection, index: MilvusIndex, rows: Rows, told: Told) -> None:
    rotation = Rotation.from_bytes(collection.gallery.rotation)
    for start in range(0, rows.size, BATCH):
        held = read(collection.gallery, rows[start : start + BATCH].tolist())
        if held:
            templates = rotation.apply(np.stack(list(held.values())))
            index.add(np.array(list(held), dtype=np.int64), templates, model=index.model)
            told(len(held))
