"""The galleries that an authority of an agency may cover: its own, and those granted to it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from countenance.apps.galleries.queries import uncounted_galleries
from countenance.policy import Actor
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A gallery as an authority names it; `owner` is empty for the agency's own."""

    id: UUID
    name: str
    owner: str = ""
    closed: bool = False


def coverable(actor: Actor, *, tools: Tools) -> list[Covered]:
    """Return the agency's own galleries, oldest first, then those that others grant to it now."""
    own = [
        Covered(id=one.pk, name=one.name, closed=one.closed_at is not None)
        for one in uncounted_galleries(actor)
    ]
    from countenance.apps.galleries import grants

    granted = [
        Covered(id=one.gallery, name=one.name, owner=one.owner, closed=one.closed)
        for one in grants.granted_to(actor, tools=tools)
    ]
    return own + granted
