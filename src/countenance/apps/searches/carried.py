"""Faces of a photo in the copies that are made of it: whoever is blurred in the photo is blurred there too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from countenance.apps.searches.candidates import overlap
from countenance.apps.searches.models import Probe, Search
from countenance.apps.searches.queries import pairs_of
from countenance.errors import WrongState
from countenance.faces.picture import turned_box
from countenance.faces.types import Gate

LEAST_SIDE = 12
"""Pixels: less can hold no face that anybody could compare, on any side of a box."""
ONE_FACE = 0.25
"""A face that is found in a copy is the one of the photo whose box has so much in common with its own."""
NOT_HERE = (
    "It is a face of the photo that this copy was made of, and was not found in the copy. Mark it here if it "
    "is to be searched for; until then it is only blurred."
)

Sides = tuple[float, float, float, float]


def place_in_copy(
    box: Sequence[float], how: Mapping[str, Any], photo: Mapping[str, Any]
) -> Sides | None:
    """Return where a box of a photo lies in a copy of it; None if too little of it is left.

    Args:
        box: x, y, width and height in the photo.
        how: the copy was made: `box` and `quarter_turns`.
        photo: its `width` and `height`.
    """
    left, top, across, down = how["box"] or (0, 0, photo["width"], photo["height"])
    turns = how["quarter_turns"]
    place = (box[0], box[1], box[2], box[3])
    x, y, width, height = turned_box(place, (left, top, across, down), turns)
    across, down = (down, across) if turns % 2 else (across, down)
    right, bottom = min(x + width, across), min(y + height, down)
    x, y = max(x, 0.0), max(y, 0.0)
    if min(right - x, bottom - y) < min(LEAST_SIDE, width, height):
        return None
    return float(x), float(y), float(right - x), float(bottom - y)


def carried(
    photo: Mapping[str, Any], how: Mapping[str, Any], copy: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the faces of a photo that a copy of it lacks, as faces that are blurred there and no more.

    Each face of the copy stands for one face of the photo at most, so that of two who are close together
    neither goes missing.
    """
    placed = [(place_in_copy(face["box"], how, photo), face) for face in photo["faces"]]
    there = [(box, face) for box, face in placed if box is not None]
    pairs = sorted(
        (
            (overlap(box, found["box"]), one, other)
            for one, (box, _) in enumerate(there)
            for other, found in enumerate(copy["faces"])
        ),
        reverse=True,
    )
    known: dict[int, int] = {}
    for shared, one, other in pairs:
        if shared >= ONE_FACE and one not in known and other not in known.values():
            known[one] = other
    return [_only_blurred(box, face) for n, (box, face) in enumerate(there) if n not in known]


def _only_blurred(box: Sides, face: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **cannot_be_compared(box, NOT_HERE),
        "manual": bool(face.get("manual")),
        "carried": {"mark": mark_of(face)},
    }


def mark_of(face: Mapping[str, Any]) -> str | None:
    """Return by which mark a face, or the one it was carried over from, came into a photo; None if it was found."""
    said = face.get("marked") or face.get("carried") or {}
    mark: str | None = said.get("mark")
    return mark


def cannot_be_compared(box: Sequence[float], reason: str) -> dict[str, Any]:
    """Return a box as a face without landmarks: there is never a template of it."""
    figures = ("eye_distance", "yaw", "pitch", "roll", "sharpness", "brightness", "contrast")
    nothing = dict.fromkeys(figures, 0.0)
    return {
        "box": [float(side) for side in box],
        "landmarks": [],
        "score": 0.0,
        "quality": {"gate": str(Gate.UNUSABLE), "reason": reason, **nothing},
    }


def carry_into(copy: Probe, photo: Probe, how: Mapping[str, Any]) -> None:
    """Add to a copy the faces of what it was made of that it lacks, in a service."""
    locked = Probe.objects.select_for_update(no_key=True).get(pk=copy.pk)
    missing = carried(photo.details, how, locked.details)
    if missing:
        locked.details = {**locked.details, "faces": [*locked.details["faces"], *missing]}
        locked.save(update_fields=("details",))


def carry_on(photo: Probe) -> int:
    """Add to every copy of a photo, and to theirs, the faces that it lacks; return how many copies there are."""
    count = 0
    for copy in kept_copies(photo):
        carry_into(copy, photo, copy.details["how"])
        copy.refresh_from_db()
        count += 1 + carry_on(copy)
    return count


def kept_copies(photo: Probe) -> Iterator[Probe]:
    """Yield what was made of a photo and not destroyed since."""
    yield from Probe.objects.filter(derived_from=photo, purged_at=None).order_by("added_at", "pk")


def without(faces: Sequence[dict[str, Any]], gone: Sequence[int]) -> list[dict[str, Any]]:
    """Return faces without some of them.

    Raises:
        WrongState: a face that can be searched for would get another number, which somebody may have
            before them.
    """
    first = min(gone, default=len(faces))
    for number, face in enumerate(faces):
        usable = face["quality"]["gate"] != Gate.UNUSABLE
        if number > first and number not in gone and usable:
            raise WrongState(
                f"Face {number + 1} was marked after it and can be searched for. Undo that mark first."
            )
    return [face for number, face in enumerate(faces) if number not in gone]


def newest_mark(photo: Probe) -> int:
    """Return which face of a photo was marked last, from 0."""
    marked = [(f["marked"]["at"], n) for n, f in enumerate(photo.details["faces"]) if "marked" in f]
    return max(marked)[1]


def is_unmarkable(photo: Probe) -> bool:
    """Say whether a face was marked in a photo and no search used it yet."""
    return any("marked" in face for face in photo.details["faces"]) and not is_used(photo)


def is_used(photo: Probe) -> bool:
    """Say whether a search was run with a photo or with a copy of it."""
    family, new = {str(photo.pk)}, [photo]
    while new:
        new = [copy for one in new for copy in kept_copies(one)]
        family |= {str(copy.pk) for copy in new}
    searches = Search.objects.filter(case_id=photo.case_id)
    return any(pk in family for one in searches for pk, _ in pairs_of(one))
