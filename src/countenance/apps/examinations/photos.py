"""The photos of an examination: alike for a probe of a case and for an enrolled photo that plays one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db.models import Manager

from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Face, Gallery, Photo
from countenance.apps.records.objects import get_object
from countenance.apps.records.sealed import ObjectSealedModel
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Probe, Search
from countenance.errors import (
    CountenanceError,
    ImageRejected,
    KeyUnavailable,
    NotFound,
    NotPermitted,
    SearchFrozen,
    WrongState,
)
from countenance.faces.picture import eyes_to_mouth
from countenance.faces.types import CROP_SIDE
from countenance.policy import Actor
from countenance.tools import Tools
from countenance.ui import faceview
from countenance.ui.faceview import Matrix

LONG_SIDE = 1600
"""Pixels of the longer side of a photo that is taken away; nothing is enlarged."""
_NO_FACE: Final = 0
_NO_PROBE: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One photo with the one face in it that is looked at.

    Attributes:
        width: of the upright photo, in pixels; landmarks and boxes are in those.
        height: see `width`.
        landmarks: of the face, the eyes first.
        blur: the boxes of all other faces, which nobody sees.
        row: what its bytes are sealed under.
        name: of the photo and the face in it, under which its irises are kept.
        crop: the enrolled face whose small picture was made when it was enrolled; None: there is none.
    """

    width: int
    height: int
    landmarks: list[list[float]]
    blur: list[list[float]]
    row: ObjectSealedModel
    name: str
    crop: int | None = None


def permit_photos(actor: Actor, examination: Examination, *, tools: Tools) -> Examination:
    """Return one's own examination as it is now, if its photos may be seen; no row is locked for a look.

    Raises:
        WrongState: it ended before it was recorded.
        NotPermitted: it is somebody else's.
        SearchFrozen: its authority was refused, or did not come in time.
    """
    found = Examination.objects.filter(pk=examination.pk).first()
    if found is None:
        raise NotFound("There is no such examination any more.")
    if found.examiner_id != actor.person or found.agency_id != actor.agency:
        raise NotPermitted("This is somebody else's examination.", rule="examination.own_only")
    found.check_links()
    try:
        # A control's too, though it says nothing of it: so it takes as long.
        permit_look(Search.objects.get(pk=found.place_of), now=tools.clock())
    except SearchFrozen:
        if found.search_id is not None:
            raise
    if found.state == ExaminationState.ENDED:
        raise WrongState("This examination has ended; its photos are not shown any more.")
    return found


def probes(examination: Examination) -> list[dict[str, Any]]:
    """Return which photos play the probe: several, where a search was with several of one person."""
    named = examination.about["probe"]
    return [named, *named.get("more", ())]


def held_probes(examination: Examination) -> list[int]:
    """Return the numbers, from 1, of the probe's photos that are still held."""
    named = list(enumerate(probes(examination), start=1))
    # Both tables are asked for as many, also of the kind that is not there: so it takes as long for a control.
    faces = [one["face"] if "photo" in one else _NO_FACE for _, one in named]
    photos = [one.get("probe", _NO_PROBE) for _, one in named]
    held = set(Face.objects.filter(pk__in=faces, removed_version=None).values_list("pk", flat=True))
    kept = Probe.objects.filter(pk__in=photos, object_key__isnull=False)
    there = {str(pk) for pk in kept.values_list("pk", flat=True)}
    return [
        n
        for n, one in named
        if ("photo" in one and one["face"] in held) or one.get("probe") in there
    ]


def probe_side(examination: Examination, number: int = 1) -> Side:
    """Return a photo that plays the probe, counted from 1.

    Both a photo of the case and an enrolled one are looked up each time, though only one of them plays the probe:
    otherwise the time would tell a control, whose probe is an enrolled photo, from a search.

    Raises:
        NotFound: there is none of this number, it was removed, or its key destroyed.
    """
    every = probes(examination)
    if not 1 <= number <= len(every):
        raise NotFound("There is no such photo.")
    named = every[number - 1]
    of_case, candidate = _beside(examination)
    enrolled = "photo" in named
    probe, chosen = (of_case, 0) if enrolled else (UUID(named["probe"]), named["face"])
    taken = _or_error(_evidence, probe, chosen, str(chosen) if number == 1 else f"{probe}/{chosen}")
    held = _or_error(_enrolled, named["face"] if enrolled else candidate)
    side = held if enrolled else taken
    if isinstance(side, CountenanceError):
        raise side
    # Without its small picture, so that it is cut out anew and alike, as a probe's is.
    return replace(side, crop=None)


def _beside(examination: Examination) -> tuple[UUID, int]:
    """Return a photo of the case, and an enrolled face of a candidate, that are looked up and not shown."""
    search = Search.objects.filter(pk=examination.place_of).values_list("probe_id", flat=True)
    one = examination.comparisons.select_related("examination").order_by("place").first()
    face = _NO_FACE
    with suppress(CountenanceError):  # Whoever altered it is told where it is shown.
        if one is not None and one.object_key is not None:
            face = one.about["faces"][0]["face"]
    return search.first() or _NO_PROBE, face


def _or_error(look: Callable[..., Side], *of: Any) -> Side | CountenanceError:
    try:
        return look(*of)
    except CountenanceError as error:
        return error


def _evidence(probe: UUID, chosen: int, name: str) -> Side:
    """Return a photo of a case and the face in it that was chosen.

    Raises:
        NotFound: it was destroyed.
    """
    row = Probe.objects.filter(pk=probe).first()
    if row is None or row.object_key is None:
        raise NotFound("This photo was destroyed.")
    faces = row.details["faces"]
    return Side(
        width=row.details["width"],
        height=row.details["height"],
        landmarks=faces[chosen]["landmarks"],
        blur=[one["box"] for number, one in enumerate(faces) if number != chosen],
        row=row,
        name=name,
    )


@contextmanager
def candidate_sides(
    actor: Actor, comparison: Comparison, *, most: int | None = None, tools: Tools
) -> Iterator[tuple[list[Side], Tools]]:
    """Yield the photos of a candidate that are still held, most similar first, and tools that open them.

    Args:
        actor: who looks.
        comparison: the candidate.
        most: no more than so many; None for all.
        tools: the keys; those that are yielded open what other agencies granted.
    """
    rows = [one["face"] for one in comparison.about["faces"]]
    photos = Photo.objects.filter(faces__in=rows).select_related("gallery__agency").distinct()
    galleries = list({one.gallery_id: one.gallery for one in photos.defer("details")}.values())
    with grants.reading(actor, galleries, tools=tools) as lent:
        yield list(islice(_held(rows), most)), lent


def _held(rows: list[int]) -> Iterator[Side]:
    for row in rows:
        try:
            yield _enrolled(row)
        except (NotFound, KeyUnavailable):
            continue  # Removed since, or no longer granted.


def held(actor: Actor, comparisons: Sequence[Comparison], *, tools: Tools) -> dict[str, bool]:
    """Say of each candidate, by its letter, whether a photo is held that the actor may see.

    However many candidates there are, the database is asked as often.
    """
    rows = {one["face"] for row in comparisons for one in row.about["faces"]}
    there = Face.objects.filter(pk__in=rows, removed_version=None)
    homes = dict(there.values_list("pk", "gallery_id"))
    galleries = list(
        Gallery.objects.filter(pk__in=set(homes.values()))
        .select_related("agency")
        .defer("rotation")
    )
    with grants.reading(actor, galleries, tools=tools) as lent:
        open_ones = {one.pk for one in galleries if _opens(actor, one, tools=lent)}
    seen = {face for face, gallery in homes.items() if gallery in open_ones}
    return {
        row.about["letter"]: any(one["face"] in seen for one in row.about["faces"])
        for row in comparisons
    }


def _opens(actor: Actor, gallery: Gallery, *, tools: Tools) -> bool:
    try:
        grants.permit_look(actor, gallery, tools=tools)
    except NotPermitted:
        return False
    return True


def side_of(sides: list[Side], number: int) -> Side:
    """Return one of a candidate's photos, counted from 1.

    Raises:
        NotFound: there is none of this number.
    """
    if not 1 <= number <= len(sides):
        raise NotFound("There is no such photo.")
    return sides[number - 1]


def canvas(side: Side, *, original: bool = False, tools: Tools) -> bytes:
    """Return a photo on the canvas that is the same for all photos, all other faces blurred.

    Args:
        side: the photo; its face lies where every other one's lies.
        original: show the whole photo as it was taken instead, neither turned nor cut.
        tools: the keys, the engine.
    """
    if original:
        return _laid(side, faceview.as_taken(side.width, side.height), faceview.SIZE, tools)
    return _laid(side, faceview.laid(side.landmarks), faceview.SIZE, tools)


def small(side: Side, *, tools: Tools) -> bytes:
    """Return the small picture of a face.

    It is the sealed one that was made when the photo was enrolled and goes with it, so the photo is not
    decoded. Where somebody else's face lies in it, and of a probe, it is cut out anew.
    """
    if side.crop is not None and not side.blur:
        crop = Face.objects.select_related("gallery").get(pk=side.crop).crop
        if crop is not None:
            return bytes(crop)
    size = (CROP_SIDE, CROP_SIDE)
    return _laid(side, faceview.laid(side.landmarks, window=faceview.SMALL, size=size), size, tools)


def _laid(side: Side, to_photo: Matrix, size: tuple[int, int], tools: Tools) -> bytes:
    return tools.engine.lay(
        get_object(side.row, tools=tools),
        to_photo=to_photo.figures,
        size=size,
        long_side=math.ceil(max(side.width, side.height) / max(to_photo.scale, 1.0)),
        blur=[(x, y, w, h) for x, y, w, h in side.blur],
        keep=eyes_to_mouth(side.landmarks),
    )


def picture(side: Side, *, tools: Tools, long_side: int = LONG_SIDE) -> bytes:
    """Return a photo as a JPEG without metadata, all other faces in it blurred beyond recovery."""
    return tools.engine.render(
        get_object(side.row, tools=tools),
        long_side=long_side,
        blur=[(x, y, w, h) for x, y, w, h in side.blur],
        keep=eyes_to_mouth(side.landmarks),
    )


def settled(about: Mapping[str, Any], side: Side) -> Side:
    """Return a photo with the irises that were found in it when it was first looked at, if it was."""
    found = about.get("irises", {}).get(side.name)
    return side if found is None else replace(side, landmarks=found)


def settle(about: Mapping[str, Any], side: Side, *, tools: Tools) -> Side:
    """Return a photo with its irises, which are looked for in it if that was not done before.

    A detector's landmarks lie some pixels off; irises let two faces lie on each other more exactly. To find
    them takes a moment, so it is done before the service that keeps them.
    """
    if side.name in about.get("irises", {}):
        return settled(about, side)
    try:
        data = get_object(side.row, tools=tools)
        found = tools.engine.irises(data, landmarks=side.landmarks)
    except (ImageRejected, KeyUnavailable, NotFound):
        return side
    return replace(side, landmarks=[list(mark) for mark in found])


def keep_irises(row: Examination | Comparison, side: Side) -> None:
    """Seal the irises of a photo with the row that shows it, unless it has some; call it inside a service.

    Every later look, also at both examinations side by side, is then aligned by the same ones. A row whose
    work is recorded is not written again.
    """
    rows: Manager[Any] = Examination.objects if isinstance(row, Examination) else Comparison.objects
    locked = rows.select_for_update(no_key=True).get(pk=row.pk)
    known = locked.about.get("irises", {})
    if isinstance(locked, Examination):
        over = locked.state != ExaminationState.OPEN
    else:
        over = locked.said is not None
    if over or side.name in known:
        return
    locked.about = {**locked.about, "irises": {**known, side.name: side.landmarks}}
    locked.save(update_fields=("about",))


def _enrolled(row: int) -> Side:
    """Return an enrolled face in its photo, and where all others in it are; in one query, as for a probe.

    Raises:
        NotFound: it was removed.
    """
    faces = list(
        Face.objects.filter(photo__faces=row, removed_version=None)
        .select_related("photo__gallery__agency", "photo__source")
        .defer("crop", "template", "photo__gallery__rotation")
        .order_by("ordinal")
    )
    face = next((one for one in faces if one.pk == row), None)
    if face is None:
        raise NotFound("This photo was removed.")
    face.check_links()
    for other in faces:
        other.photo = face.photo
    details: dict[str, Any] = face.photo.details
    return Side(
        width=details["width"],
        height=details["height"],
        landmarks=face.details["landmarks"],
        blur=[other.details["box"] for other in faces if other.pk != row],
        row=face.photo,
        name=str(face.pk),
        crop=face.pk,
    )


def side_by_side_key(search: UUID, rank: int) -> str:
    """Return what a session is noted to have been shown beside the examinations of a search: 0, the probe."""
    return f"consolidation/{search}/{rank}"


def look_key(examination: UUID, letter: str, number: int) -> str:
    """Return what a session is noted to have been shown: the probe, if there is no letter."""
    return f"examination/{examination}/{letter or 'probe'}/{number}"
