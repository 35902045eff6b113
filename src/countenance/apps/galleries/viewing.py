"""Looking at enrolled faces: seeing one is an action, so each look has its entry.

A page that lists many small crops makes one entry that names them all (`view_faces`, or
`searches.services.view_candidates`); its view then remembers the rows in the session, and hands out
`crop` for those rows only. A whole photo is one look each (`view_photo`).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from countenance import policy
from countenance.apps.galleries.models import Face, Gallery, Photo
from countenance.apps.records.objects import get_object
from countenance.apps.records.services import Record, accountable
from countenance.errors import NotFound
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
        NotPermitted: it is another agency's.
    """
    record.note(about=photo.pk)
    policy.permit_own(actor, photo.gallery.agency_id)
    if photo.removed_at is not None:
        raise NotFound("This photo was removed.")
    return tools.engine.render(get_object(photo, tools=tools), long_side=long_side)


@accountable(Action.PHOTO_VIEWED, deed=Deed.PHOTO_VIEW)
def view_faces(
    actor: Actor, record: Record, *, gallery: UUID, faces: Sequence[int], tools: Tools
) -> None:
    """Record that the crops of these faces are looked at, as on one page of a gallery.

    Raises:
        NotPermitted: the gallery is another agency's.
    """
    record.note(about=gallery, faces=list(faces))
    policy.permit_own(actor, Gallery.objects.get(pk=gallery).agency_id)


def crop(actor: Actor, face: int) -> bytes:
    """Return the small JPEG of a face; only for rows that an entry of this session names.

    Raises:
        NotFound: there is none, it was removed, or it is another agency's.
    """
    found = (
        Face.objects.filter(pk=face, removed_version=None, gallery__agency_id=actor.agency)
        .select_related("photo__gallery")
        .first()
    )
    if found is None or found.crop is None:
        raise NotFound("There is no such face.")
    return found.crop  # type: ignore[no-any-return] # a sealed column opens to bytes
