"""Reading videos of a case, and the small heads of the faces found in them."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.cases.models import Case
from countenance.apps.cases.queries import sees
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.records.objects import get_object
from countenance.apps.searches.footage_rows import Footage, FootageState
from countenance.errors import NotFound, SealBroken
from countenance.faces.reel import Place
from countenance.policy import Actor
from countenance.tools import Tools


def footage(actor: Actor, footage_id: UUID) -> Footage:
    """Return one video.

    Raises:
        NotFound: there is none, its case is not the actor's to see, or it was destroyed.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    found = (
        Footage.objects.filter(agency_id=actor.agency, pk=footage_id, purged_at=None)
        .select_related("case", "added_by")
        .defer("crops")
        .first()
    )
    if found is None or not sees(actor, found.case):
        raise NotFound("There is no such video.")
    found.check_links()
    return found


def footage_of(one: Case) -> QuerySet[Footage]:
    """Return a case's videos that were not destroyed, newest first; slice it."""
    found = Footage.objects.filter(case=one, purged_at=None).select_related("added_by")
    return found.defer("crops", "found").order_by("-added_at", "pk")


def unfinished() -> list[UUID]:
    """Return the videos that still wait to be looked through, in the order in which they were added."""
    waiting = Footage.objects.filter(state=FootageState.WAITING, purged_at=None)
    return list(waiting.order_by("added_at", "pk").values_list("pk", flat=True))


def video_of(one: Footage, *, tools: Tools) -> bytes:
    """Return the bytes of a video as they were added.

    Raises:
        SealBroken: they are not the ones whose hash is sealed to the case.
    """
    one.check_links()
    data = get_object(one, tools=tools)
    if hashlib.sha256(data).hexdigest() != one.details["sha256"]:
        raise SealBroken("A video is not the one that was added to the case.")
    return data


def sightings(one: Footage) -> list[dict[str, Any]]:
    """Return the sightings of all groups, in the order by which they are numbered."""
    groups = (one.found or {}).get("groups", [])
    return [sighting for group in groups for sighting in group["best"]]


def sighting(one: Footage, number: int) -> dict[str, Any]:
    """Return one sighting by its number.

    Raises:
        NotFound: there are fewer.
    """
    found = sightings(one)
    if not 0 <= number < len(found):
        raise NotFound("No such face was found in the video.")
    return found[number]


def place_of(sighting: dict[str, Any]) -> Place:
    """Return the picture that a sighting is in."""
    return Place.from_dict(sighting["place"])


def crop(one: Footage, number: int) -> bytes:
    """Return the small JPEG of a face; only for faces that an entry of this session names.

    Raises:
        NotFound: there is none.
    """
    before = sum(one["crop"] for one in sightings(one)[:number])
    length = sighting(one, number)["crop"]
    return bytes(one.crops or b"")[before : before + length]
