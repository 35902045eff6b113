"""Moving a gallery's index to Milvus and back, while it is searched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from countenance import policy
from countenance.apps.galleries import distributing, indexing, probing
from countenance.apps.galleries.models import Collection, Gallery
from countenance.apps.galleries.nearest import ROWS
from countenance.apps.records.locks import session_lock
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import IndexUnavailable, WrongState
from countenance.index.choosing import Tried, cheapest, kinds_for, try_kinds
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import FLAT, Kind
from countenance.index.shelf import Shelf
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

GRACE: Final = 5.0
"""Seconds until what was searched before is dropped: searches that had begun in it end first."""

Told = Callable[[str], None]


@accountable(Action.INDEX_MOVED, deed=Deed.INDEX_MANAGE)
def serve_from_milvus(
    actor: Actor, record: Record, *, collection: Collection, tools: Tools
) -> list[Collection]:
    """Search a gallery in this collection from now on; return those that are not searched any more.

    Raises:
        NotPermitted: the gallery is of another agency.
    """
    gallery = _locked(actor, collection.gallery)
    before = _retire(gallery, tools=tools)
    collection.serving_since = tools.clock()
    collection.save(update_fields=("serving_since",))
    record.note(about=gallery.pk, to="milvus", kind=str(Kind.from_json(collection.details["kind"])))
    return before


@accountable(Action.INDEX_MOVED, deed=Deed.INDEX_MANAGE)
def serve_from_memory(
    actor: Actor, record: Record, *, gallery: Gallery, tools: Tools
) -> list[Collection]:
    """Search a gallery in memory from now on; return the collections that are not searched any more.

    Raises:
        NotPermitted: the gallery is of another agency.
        WrongState: it is searched in memory already.
    """
    gallery = _locked(actor, gallery)
    before = _retire(gallery, tools=tools)
    if not before:
        raise WrongState("This gallery is searched in memory already.")
    record.note(about=gallery.pk, to="memory")
    return before


@composed_of(serve_from_milvus)
def move_to_milvus(
    actor: Actor,
    *,
    gallery: Gallery,
    tools: Tools,
    kind: Kind | None = None,
    told: Told = lambda _: None,
    grace: float = GRACE,
) -> Sequence[Tried]:
    """Fill a collection beside what is searched now, choose how it is searched, and search it from then on.

    Can be stopped and called again: it goes on where it was. A gallery that is in Milvus gets a new collection
    with other ids; that is also how what was removed leaves Milvus's files for good.

    Args:
        actor: who may.
        gallery: what is moved.
        tools: keys, the server.
        kind: how to search it; without one the fastest is measured that finds 99.9 % of the mates.
        told: called with each step in words.
        grace: seconds until the collection that was searched before is dropped.

    Returns:
        What was measured of each kind.

    Raises:
        IndexUnavailable: Milvus does not answer, or no kind finds enough, or it is not equal to the database
            at the end; the gallery is searched as before then.
        WrongState: somebody else is moving it.
        NotPermitted: the gallery is of another agency, or the actor may not.
    """
    _permit(actor, gallery, tools=tools)
    with _alone(gallery):
        collection, tried = _filled(gallery, kind, tools=tools, told=told)
        told("equal to the database; searched there from now on")
        _drop(serve_from_milvus(actor, collection=collection, tools=tools), grace, tools=tools)
    return tried


def _filled(
    gallery: Gallery, kind: Kind | None, *, tools: Tools, told: Told
) -> tuple[Collection, list[Tried]]:
    """Return a collection that is equal to the database and can be searched, and what was measured of it."""
    collection = distributing.make(gallery, kind=FLAT, tools=tools)
    index = distributing.index_of(collection, tools=tools)
    done = 0

    def counted(count: int) -> None:
        nonlocal done
        done += count
        told(f"{done} templates sent")

    distributing.catch_up(collection, index, tools=tools, told=counted)
    kinds = [kind] if kind else kinds_for(len(index))
    tried = _chosen(collection, index, kinds, tools=tools, told=told)
    drift = distributing.check(collection, tools=tools)
    if not drift.none:
        raise IndexUnavailable(
            "What lies in Milvus is not equal to the database; the gallery is searched as before. Try again."
        )
    return collection, tried


@composed_of(serve_from_memory)
def move_to_memory(
    actor: Actor,
    *,
    gallery: Gallery,
    tools: Tools,
    told: Told = lambda _: None,
    grace: float = GRACE,
) -> None:
    """Make an index for memory beside the one in Milvus, and search it from then on.

    Raises:
        WrongState: it is searched in memory already, or somebody else is moving it.
        NotPermitted: the gallery is of another agency, or the actor may not.
    """
    _permit(actor, gallery, tools=tools)
    with _alone(gallery):
        # Sealed into the store, so that every process has it within seconds once the gallery is searched there.
        indexing.write_snapshot(gallery, tools=replace(tools, shelf=Shelf()), beside=True)
        told("an index for memory is made; searched there from now on")
        _drop(serve_from_memory(actor, gallery=gallery, tools=tools), grace, tools=tools)


@contextmanager
def _alone(gallery: Gallery) -> Iterator[None]:
    """Be the only one who moves a gallery; whoever is killed holds nobody back.

    Raises:
        WrongState: somebody else is.
    """
    with session_lock(gallery.pk, wait=False) as alone:
        if not alone:
            raise WrongState(
                "This gallery is being moved, or what a move left is being taken away. Try again when that has ended."
            )
        yield


def _chosen(
    collection: Collection,
    index: MilvusIndex,
    kinds: Sequence[Kind],
    *,
    tools: Tools,
    told: Told,
) -> list[Tried]:
    """Try index kinds, have the best one built, and keep with the collection what was measured."""
    probes = probing.probes_of(collection.gallery, tools=tools)
    tried: list[Tried] = []
    for one in try_kinds(index, probes, kinds, k=ROWS):
        tried.append(one)
        told(
            f"{one.kind}: {one.recall:.2%} of {one.probes} mates come first, {one.p50_ms:.1f} ms a search"
        )
    index.become(cheapest(tried))
    collection.details |= {
        "kind": index.kind.as_json(),
        "tried": [one.as_json() for one in tried],
        "measured_at": tools.clock().isoformat(),
    }
    collection.save(update_fields=("details",))
    return tried


def _permit(actor: Actor, gallery: Gallery, *, tools: Tools) -> None:
    """Refuse before anything is sent; the services judge it again."""
    policy.permit_deed(actor, Deed.INDEX_MANAGE, now=tools.clock())
    policy.permit_own(actor, gallery.agency_id)


def _locked(actor: Actor, gallery: Gallery) -> Gallery:
    policy.permit_own(actor, gallery.agency_id)
    return Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)


def _retire(gallery: Gallery, *, tools: Tools) -> list[Collection]:
    serving = Collection.objects.filter(
        gallery=gallery, serving_since__isnull=False, retired_at=None
    )
    before = list(serving.select_related("gallery"))
    serving.update(retired_at=tools.clock())
    return before


def _drop(before: Sequence[Collection], grace: float, *, tools: Tools) -> None:
    if before:
        time.sleep(grace)
    for collection in before:
        distributing.drop(collection, tools=tools)
