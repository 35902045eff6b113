"""Template epochs: another secret rotation for a gallery's templates, without enrolling anybody again.

Templates are sealed in the database as the model made them, so nothing of them changes there. What changes is what they
are multiplied by wherever they are searched: in memory, in the sealed snapshot, and in Milvus. What leaked of
the gallery before compares with nothing that comes after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from countenance import policy
from countenance.apps.galleries import distributing, indexing, moving
from countenance.apps.galleries.models import Collection, Gallery, IndexSnapshot
from countenance.apps.records.objects import delete_objects
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.index import Rotation, Shelf
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

Told = Callable[[str], None]


@accountable(Action.TEMPLATES_ROTATED, deed=Deed.INDEX_MANAGE)
def change_rotation(actor: Actor, record: Record, *, gallery: Gallery, tools: Tools) -> list[UUID]:
    """Draw another rotation and drop the snapshot under the one before; return the ids of its parts.

    Raises:
        NotPermitted: the gallery is of another agency.
    """
    policy.permit_own(actor, gallery.agency_id)
    current = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    rotation = Rotation.generate(tools.engine.dimensions, tools.token_bytes)
    current.rotation = rotation.to_bytes()
    current.save(update_fields=("rotation",))
    gallery.rotation = current.rotation
    before = IndexSnapshot.objects.filter(gallery=current)
    parts = [UUID(part) for one in before for part in one.parts]
    before.delete()
    record.note(about=gallery.pk)
    return parts


@composed_of(change_rotation, moving.serve_from_memory, moving.serve_from_milvus)
def renew(
    actor: Actor,
    *,
    gallery: Gallery,
    tools: Tools,
    told: Told = lambda _: None,
    grace: float = moving.GRACE,
) -> None:
    """Give a gallery's templates another rotation; it is searched all the while.

    Processes that serve search with what they hold until they have taken in the new one, within minutes: index and
    rotation change together, so a search never mixes the two. A gallery in Milvus is searched in memory meanwhile.
    Interrupted and called again, it draws once more and ends; if it was in memory by then, it stays there.

    Args:
        actor: who may.
        gallery: whose templates.
        tools: keys, the server.
        told: called with each step in words.
        grace: as in `moving.move_to_milvus`.

    Raises:
        NotPermitted: the gallery is of another agency, or the actor may not.
        WrongState: somebody moves the gallery.
        IndexUnavailable: Milvus does not answer; the gallery is then searched in memory.
    """
    policy.permit_deed(actor, Deed.INDEX_MANAGE, now=tools.clock())
    policy.permit_own(actor, gallery.agency_id)
    afar = distributing.serving(gallery) is not None
    if afar:
        told(
            "searched in memory meanwhile; if this is interrupted, move it back to Milvus yourself"
        )
        moving.move_to_memory(actor, gallery=gallery, tools=tools, told=told, grace=grace)
    for begun in Collection.objects.filter(gallery=gallery).select_related("gallery"):
        # What an interrupted move left behind is under the rotation before.
        distributing.drop(begun, tools=tools)
    delete_objects(change_rotation(actor, gallery=gallery, tools=tools), tools=tools)
    told("another rotation is drawn; sealing an index under it")
    indexing.write_snapshot(gallery, tools=replace(tools, shelf=Shelf()))
    follow(gallery, tools=tools)
    if afar:
        moving.move_to_milvus(actor, gallery=gallery, tools=tools, told=told, grace=grace)


def follow(gallery: Gallery, *, tools: Tools) -> bool:
    """Take in another rotation of a gallery that this process holds; say whether there was one.

    The index under it is made beside the one that is searched, and then takes its place.
    """
    if gallery.pk not in tools.shelf.galleries():
        return False
    held = tools.shelf.get(gallery.pk).rotation
    now = Gallery.objects.get(pk=gallery.pk)
    if held is None or held.same_as(Rotation.from_bytes(now.rotation)):
        return False
    made = Shelf()
    indexing.synchronise([now], tools=replace(tools, shelf=made))
    indexing.put_in_place(now, made, shelf=tools.shelf)
    return True


follow.accountable = ()  # type: ignore[attr-defined] # derived data only
