"""Which faces a search is for: one, or those of one person in several photos, fused into one template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from countenance.apps.galleries.models import Gallery
from countenance.apps.searches import queries
from countenance.apps.searches.candidates import SAME_FACE, overlap
from countenance.apps.searches.grounds import Grounds, permit_as_asked
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.apps.searches.queries import root_of
from countenance.apps.searches.unrelated import UNRELATED_BELOW
from countenance.errors import InputError, NotAlike, WrongState
from countenance.faces.fusing import fuse, weigh
from countenance.faces.types import Gate, Template
from countenance.policy import Actor
from countenance.tools import Tools

MOST_PHOTOS = 10
"""So many photos of one person make one search at most."""

Chosen = tuple[Probe, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One photo of a search: the face in it, its template, and how much it counts, all weights being 1."""

    probe: Probe
    face: int
    template: Template
    weight: float


def chosen_face(probe: Probe, face: int | None) -> int | None:
    """Return which face is meant; None if there is none.

    Raises:
        InputError: it is not clear which.
    """
    faces = len(probe.details["faces"])
    if not faces:
        return None
    if face is None and faces == 1:
        return 0
    if face is None or not 0 <= face < faces:
        raise InputError(f"Choose one of the {faces} faces in the probe.", faces=faces)
    return face


def chosen_faces(probe: Probe, face: int | None, more: Sequence[Chosen]) -> list[Chosen]:
    """Return every photo of a search with the face in it, the first one first.

    Raises:
        InputError: it is not clear which face; or several photos cannot make one search.
    """
    chosen = [(one, chosen_face(one, number)) for one, number in ((probe, face), *more)]
    if len(chosen) == 1:
        return chosen
    if len(chosen) > MOST_PHOTOS:
        raise InputError(f"At most {MOST_PHOTOS} photos make one search.")
    roots: dict[Any, int] = {}
    for number, (one, which) in enumerate(chosen, start=1):
        if one.case_id != probe.case_id:
            raise InputError(f"Photo {number} belongs to another case.")
        first = roots.setdefault(root_of(one).pk, number)
        if first != number:
            raise InputError(
                f"Photos {first} and {number} go back to one photo. Nobody is in a photo twice: leave one out."
            )
        quality = None if which is None else one.details["faces"][which]["quality"]
        if quality is None or quality["gate"] == Gate.UNUSABLE:
            why = "It shows no face." if quality is None else quality["reason"]
            raise InputError(f"Photo {number} cannot be compared, so leave it out. {why}")
    return chosen


def known_earlier(chosen: Sequence[Chosen]) -> int:
    """Return how often one of these very faces was searched for; whose face others were shows only later."""
    wanted = {(str(probe.pk), face) for probe, face in chosen}
    case_id = chosen[0][0].case_id
    earlier = Search.objects.filter(case_id=case_id, state=SearchState.CONCLUDED)
    return sum(not wanted.isdisjoint(queries.pairs_of(one)) for one in earlier)


def parts_of(search: Search, *, tools: Tools) -> list[Part]:
    """Return the faces of a search with a template of each, and of no other; empty if none can be compared.

    Raises:
        WrongState: a photo is no longer analysed as it was when the face was chosen.
        SealBroken: a photo is not the one that was chosen.
    """
    chosen = queries.faces_of(search)
    made = [
        (probe, face, template)
        for probe, face in chosen
        if face is not None and (template := template_of(probe, face, tools=tools)) is not None
    ]
    weights = weigh([probe.details["faces"][face]["quality"] for probe, face, _ in made])
    return [
        Part(probe=probe, face=face, template=template, weight=weight)
        for (probe, face, template), weight in zip(made, weights, strict=True)
    ]


def permit_others(
    actor: Actor,
    grounds: Grounds,
    chosen: Sequence[Chosen],
    galleries: Sequence[Gallery],
    *,
    asked: Mapping[str, Any],
) -> list[Grounds]:
    """Permit a search for the photos besides the first one, each on its own grounds, and return those.

    Raises:
        NotPermitted: policy says no to one of them.
    """
    others = [grounds.of(one) for one, _ in chosen[1:]]
    for other in others:
        other.permit(actor, **asked)
        permit_as_asked(other, galleries)
    return others


def others_of(chosen: Sequence[Chosen], others: Sequence[Grounds]) -> dict[str, Any]:
    """Return the photos besides the first one, as they are sealed; nothing if there is only one."""
    rows = [
        {"probe": str(one.pk), "face": face, "answers": str(other.request.pk)}
        for (one, face), other in zip(chosen[1:], others, strict=True)
        if other.request is not None
    ]
    return {"more": rows} if rows else {}


def template_of(probe: Probe, number: int, *, tools: Tools) -> Template | None:
    """Return the template of one face of a photo; None if it cannot be compared.

    Raises:
        WrongState: the photo is no longer analysed as it was when the face was found or marked.
    """
    face = probe.details["faces"][number]
    if face["quality"]["gate"] == Gate.UNUSABLE:
        return None
    changed = WrongState("The program changed since this photo was added. Add the probe again.")
    if probe.details["model"] != tools.engine.model:
        raise changed
    photo = queries.photo_of(probe, tools=tools)
    if face.get("manual"):
        found = tools.engine.analyse_part(photo, box=tuple(face["marked"]["box"])).faces[:1]
    else:
        found = tools.engine.analyse(photo, only=number).faces[number : number + 1]
    if not found or overlap(found[0].face.box, face["box"]) < SAME_FACE:
        raise changed
    template: Template | None = found[0].template
    return template


def fused(parts: Sequence[Part]) -> Template | None:
    """Return one template for all photos: their mean by weight, of length 1 again; None without any."""
    if not parts:
        return None
    templates = np.stack([part.template.vector for part in parts])
    vector = fuse(templates, [part.weight for part in parts])
    return Template(vector=vector, model=parts[0].template.model)


def weights_of(parts: Sequence[Part]) -> dict[str, Any]:
    """Return, for an outcome of several photos, how much each of them counted; nothing for one of one."""
    if len(parts) < 2:  # noqa: PLR2004 # several
        return {}
    rows = [
        {"probe": str(part.probe.pk), "face": part.face, "weight": part.weight} for part in parts
    ]
    return {"photos": rows}


def odd_ones(parts: Sequence[Part]) -> list[int]:
    """Return the numbers, from 1, of the photos that are least like the others; empty if all are alike."""
    unlike = [
        sum(float(one.template.vector @ other.template.vector) < UNRELATED_BELOW for other in parts)
        for one in parts
    ]
    most = max(unlike, default=0)
    return [number for number, count in enumerate(unlike, start=1) if most and count == most]


def not_alike(odd: Sequence[int], photos: int) -> NotAlike:
    """Return the refusal that names the photos which are not like the others, by their numbers."""
    *first, last = (str(number) for number in odd)
    listed = f"{', '.join(first)} and {last}" if first else last
    if len(odd) == photos:
        said = f"Photos {listed} are not alike enough to be of one person."
    elif len(odd) == 1:
        said = f"Photo {listed} is not like the others, so it may show somebody else."
    else:
        said = f"Photos {listed} are not like the others, so they may show somebody else."
    return NotAlike(
        f"{said} No gallery was asked; it counts as a search. Search with those that you are sure of.",
        photos=list(odd),
    )
