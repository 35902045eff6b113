"""Looking at enrolled faces: seeing one is an action, so each look has its entry.

A page that lists many small crops makes one entry that names them all (`view_faces`, or
`searches.services.view_candidates`); its view then remembers the rows in the session, and hands out
`crop` for those rows only. A whole photo is one look each (`view_photo`).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from countenance.apps.galleries import grants
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.galleries.models import Face, Gallery, Photo
from countenance.apps.records.objects import get_object
from countenance.apps.records.services import Record, accountable
from countenance.errors import NotFound, NotPermitted
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.PHOTO_VIEWED, deed=Deed.PHOTO_VIEW)
def view_photo(
    actor: Actor, record: Record, *, photo: Photo, long_side: int, tools: Tools
) -> bytes:
    """Return an enrolled photo as an upright JPEG to look at.

    Raises:
        NotFound: it was removed.
        GalleryClosedToCase: it is another agency's, which does not grant its gallery, or no longer.
        NotPermitted: an examination is open that the actor drew.
    """
    record.note(about=photo.pk)
    permit_beside_draw(actor)
    if photo.removed_at is not None:
        raise NotFound("This photo was removed.")
    with grants.reading(actor, [photo.gallery], tools=tools) as lent:
        grants.permit_look(actor, photo.gallery, tools=lent)
        return tools.engine.render(get_object(photo, tools=lent), long_side=long_side)


@accountable(Action.PHOTO_VIEWED, deed=Deed.PHOTO_VIEW)
def view_faces(
    actor: Actor, record: Record, *, gallery: UUID, faces: Sequence[int], tools: Tools
) -> None:
    """Record that the crops of these faces are looked at, as on one page of a gallery.

    Raises:
        GalleryClosedToCase: it is another agency's, which does not grant it, or no longer.
        NotPermitted: an examination is open that the actor drew.
    """
    record.note(about=gallery, faces=list(faces))
    permit_beside_draw(actor)
    one = Gallery.objects.get(pk=gallery)
    with grants.reading(actor, [one], tools=tools) as lent:
        grants.permit_look(actor, one, tools=lent)


def crop(actor: Actor, face: int, *, tools: Tools) -> bytes:
    """Return the small JPEG of a face; only for rows that an entry of this session names.

    Raises:
        NotFound: there is none, it was removed, or it is another agency's.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    found = (
        Face.objects.filter(pk=face, removed_version=None)
        .select_related("photo__gallery", "gallery")
        .first()
    )
    if found is None:
        raise NotFound("There is no such face.")
    with grants.reading(actor, [found.gallery], tools=tools) as lent:
        try:
            grants.permit_look(actor, found.gallery, tools=lent)
        except NotPermitted:
            raise NotFound("There is no such face.") from None
        if found.crop is None:
            raise NotFound("There is no such face.")
        return found.crop  # type: ignore[no-any-return] # a sealed column opens to bytes
