"""Controls: enrolled photos that play probe and candidates, so that the answer is known beforehand.

A control has as many candidates as the search that waits in its place, in one gallery of the agency, and
they are what the index returns for the photo, none below the similarity from which on that search returned
anybody: else its strangers would look less alike than any that an examiner is ever shown. Its person is one who
was named at enrolment, and so are its candidates: an unnamed face may be anybody's, so nothing would be known
about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, Max, Min, QuerySet

from countenance.apps.examinations.models import Examination
from countenance.apps.examinations.photos import probes
from countenance.apps.galleries.models import Face, Gallery, Photo, Subject
from countenance.apps.searches.candidates import nearest_subjects
from countenance.faces.fusing import fuse, weigh
from countenance.faces.types import Template
from countenance.policy import MAX_CANDIDATES, Actor
from countenance.tools import Tools

TRIES = 64
"""So many faces are drawn to find one whose person has another photo."""
MOST_OTHERS = 40
"""So many faces of one person are looked at to have other photos of them."""
DRAW_BYTES = 12
TRIED_AT_POINT = 16
"""So many people are drawn and looked for in place of a search that was cut at a similarity.

Of most nobody else is as similar as that. All are looked for, each time: when the first one is found would say
which kind of control there could be.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A control before its candidates are known.

    Attributes:
        face: the row of the face that plays the probe.
        photo: its photo.
        subject: whose face it is.
        gallery: where it is enrolled, and its candidates are looked for.
        mate: whether other photos of that person stay in the gallery for this.
        candidates: how many there are to be.
        threshold: the least similarity of a candidate; None for none.
        more: the other faces of that person that play the probe with it, each with its photo, where the
            search in whose place it is was with several photos.
        instead: others who were drawn, of whom the first that has candidates enough is taken.
    """

    face: int
    photo: UUID
    subject: UUID
    gallery: UUID
    mate: bool
    candidates: int
    threshold: float | None = None
    more: tuple[tuple[int, UUID], ...] = ()
    instead: tuple[Plan, ...] = ()

    @property
    def probe(self) -> dict[str, Any]:
        """Return which photos play the probe, and which face of each, as an examination names them."""
        first = {"photo": str(self.photo), "face": self.face}
        others = [{"photo": str(photo), "face": face} for face, photo in self.more]
        return {**first, "more": others} if others else first

    @property
    def photos(self) -> list[UUID]:
        """Return the photos that play the probe, which are no candidate's."""
        return [self.photo, *(photo for _, photo in self.more)]

    @property
    def truth(self) -> dict[str, Any]:
        """Return what is known beforehand."""
        return {"subject": str(self.subject), "mate": self.mate}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a control is to be like: see `Plan`, and how many photos play its probe."""

    mate: bool
    candidates: int
    photos: int
    threshold: float | None


def plan(
    actor: Actor,
    *,
    candidates: int,
    photos: int = 1,
    threshold: float | None = None,
    tools: Tools,
) -> Plan | None:
    """Draw who plays the probe; None if the agency has nobody with photos enough to draw.

    Args:
        actor: the examiner; a photo that played the probe for them does not do so again.
        candidates: how many there are to be.
        photos: how many play the probe; one more of the person is needed, to be found.
        threshold: the least similarity of a candidate; None for none.
        tools: the clock, the draw.
    """
    galleries = _galleries(actor)
    faces = _faces(galleries, tools=tools).exclude(photo_id__in=_played(actor))
    ends = faces.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return None
    mate = tools.token_bytes(1)[0] % 2 == 0
    wanted = Wanted(mate=mate, candidates=candidates, photos=photos, threshold=threshold)
    tries = 1 if threshold is None else TRIED_AT_POINT
    row_range = (ends["first"], ends["last"])
    drawn = (_drawn(faces, row_range, wanted, tools=tools) for _ in range(tries))
    found = [one for one in drawn if one is not None]
    return replace(found[0], instead=tuple(found[1:])) if found else None


def _drawn(
    faces: QuerySet[Face], ends: tuple[int, int], wanted: Wanted, *, tools: Tools
) -> Plan | None:
    first, last = ends
    for _ in range(TRIES):
        start = first + below(last - first + 1, tools.token_bytes)
        face = faces.filter(pk__gte=start).order_by("pk").first()
        others = [] if face is None else _others(face, tools=tools)
        if face is not None and len(others) >= wanted.photos:
            return Plan(
                face=face.pk,
                photo=face.photo_id,
                subject=face.subject_id,
                gallery=face.gallery_id,
                mate=wanted.mate,
                candidates=wanted.candidates,
                threshold=wanted.threshold,
                more=tuple(others[: wanted.photos - 1]),
            )
    return None


def find(planned: Plan, *, tools: Tools) -> tuple[Plan, list[dict[str, Any]]]:
    """Return the first of those who were drawn that can be had, with its candidates as a search records them.

    None of them can if there are no candidates: with fewer than a search has, or less similar ones, a control
    could be told from one.
    """
    found = [(one, _found(one, tools=tools)) for one in (planned, *planned.instead)]
    return next(((one, rows) for one, rows in found if rows), (planned, []))


def _found(planned: Plan, *, tools: Tools) -> list[dict[str, Any]]:
    gallery = Gallery.objects.get(pk=planned.gallery)
    related = Face.objects.select_related("photo__gallery", "photo__source")
    wanted = [planned.face, *(face for face, _ in planned.more)]
    faces = list(related.filter(pk__in=wanted, removed_version=None).order_by("pk"))
    if len(faces) < len(wanted):
        return []
    for face in faces:
        face.check_links()
    # As a search fuses its photos, so that a control is found as the search whose place it takes.
    templates = np.stack([np.frombuffer(one.template, dtype=np.float32) for one in faces])
    vector = fuse(templates, weigh([one.details["quality"] for one in faces]))
    template = Template(vector=vector, model=gallery.model)
    without = planned.photos
    if not planned.mate:
        of_person = Photo.objects.filter(faces__subject_id=planned.subject, removed_at=None)
        without += of_person.values_list("pk", flat=True)
    # Twice as many, because those who were not named are left out.
    top = 2 * planned.candidates + 1
    found = nearest_subjects(
        template, [gallery], top=top, threshold=planned.threshold, without=without, tools=tools
    )
    named = _named([UUID(one["subject"]) for one in found])
    found = [one for one in found if UUID(one["subject"]) in named][: planned.candidates]
    return found if len(found) == planned.candidates else []


def lock_enrolled(planned: Plan, found: Sequence[dict[str, Any]]) -> bool:
    """Say whether everybody in a control is still enrolled, and keep it so until this transaction ends.

    Whoever was erased since it was drawn is in none; from here on, erasing somebody destroys it too.
    """
    if not found:
        return False
    rows = Gallery.objects.select_for_update(no_key=True).filter(pk=planned.gallery)
    list(rows.values_list("pk"))  # what a removal locks
    wanted = {planned.face, *(face for face, _ in planned.more)}
    wanted |= {face["face"] for one in found for face in one["faces"]}
    return Face.objects.filter(pk__in=wanted, removed_version=None).count() == len(wanted)


def limit(actor: Actor, *, tools: Tools) -> str:
    """Return why no search, or none with many candidates, has a control in its place; empty if all can.

    A control with fewer candidates than the search in whose place it is could be told from one, so there is
    none then. Where examiners are hardly measured, whoever oversees them reads here why.
    """
    galleries = _galleries(actor)
    if not galleries:
        return "No controls can be drawn: no gallery of the agency is open without an approval for each case."
    most = max(_most_candidates(one, tools=tools) for one in galleries)
    if most < 1:
        return (
            "No controls can be drawn: in no gallery of the agency has a named person two photos that can be "
            "compared, and others are named beside them."
        )
    if most < MAX_CANDIDATES:
        return (
            f"Controls have at most {most} {'candidate' if most == 1 else 'candidates'}, because so many people "
            "are named in the agency's largest gallery beside the one who plays the probe. No control takes "
            "the place of a search that returned more."
        )
    return ""


def _most_candidates(gallery: Gallery, *, tools: Tools) -> int:
    """Return how many candidates a control of a gallery can have, however it is drawn."""
    faces = _faces([gallery], tools=tools).order_by()
    of_one = faces.values("subject").annotate(photos=Count("photo", distinct=True))
    if not of_one.filter(photos__gt=1).exists():
        return 0
    named = faces.values("subject").distinct()[: MAX_CANDIDATES + 1].count()
    return named - 1


def below(most: int, token_bytes: Callable[[int], bytes]) -> int:
    """Return a number from 0, below `most`, that was drawn; off by less than one in 2**32 for 2**32."""
    return int.from_bytes(token_bytes(DRAW_BYTES), "big") % most


def _galleries(actor: Actor) -> list[Gallery]:
    """Return the agency's own galleries that are open and need no approval for each case."""
    rows = Gallery.objects.filter(agency_id=actor.agency, closed_at=None)
    return [one for one in rows.defer("rotation") if not one.sensitive]


def _faces(galleries: Sequence[Gallery], *, tools: Tools) -> QuerySet[Face]:
    """Return the faces that can play the probe: comparable, of somebody named, kept lawfully today."""
    return Face.objects.filter(
        gallery__in=galleries,
        removed_version=None,
        template__isnull=False,
        subject__named=True,
        subject__removed_at=None,
        photo__source__removed_at=None,
        photo__source__retention_until__gte=tools.clock().date(),
    )


def _others(face: Face, *, tools: Tools) -> list[tuple[int, UUID]]:
    """Return the faces of the same person in other photos, one of each photo, and the photos."""
    others = _faces([face.gallery], tools=tools).filter(subject_id=face.subject_id)
    rows = others.exclude(photo_id=face.photo_id).order_by("pk").values_list("photo_id", "pk")
    return [(row, photo) for photo, row in dict(rows[:MOST_OTHERS]).items()]


def _played(actor: Actor) -> list[UUID]:
    """Return the photos that played the probe for this examiner before."""
    rows = Examination.objects.filter(
        agency_id=actor.agency, examiner_id=actor.person, search=None, object_key__isnull=False
    )
    return [UUID(played["photo"]) for one in rows for played in probes(one)]


def _named(subjects: Sequence[UUID]) -> set[UUID]:
    return set(Subject.objects.filter(pk__in=subjects, named=True).values_list("pk", flat=True))
