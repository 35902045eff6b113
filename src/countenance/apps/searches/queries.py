"""Reading probes and searches, and the candidates of a search with what they stand for now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from countenance.apps.cases.models import Case
from countenance.apps.galleries.models import Face, Gallery
from countenance.apps.records.queries import receipt_about
from countenance.apps.searches.models import Probe, Search
from countenance.errors import NotFound
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.policy import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFace:
    """One face of a candidate, with its photo and the passport of its source.

    Attributes:
        face: the row of the face; its crop is asked for by it.
        box: x, y, width, height in pixels of the upright photo.
        details: path, external_id, date, notes, width and height of the photo.
        source: the source's name and passport.
    """

    face: int
    photo: UUID
    similarity: float
    box: list[float]
    quality: dict[str, Any]
    details: dict[str, Any]
    source: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A subject returned for a probe, awaiting a person's judgement; best face first."""

    rank: int
    subject: UUID
    label: str
    named: bool
    gallery: str
    faces: list[CandidateFace]

    @property
    def best(self) -> CandidateFace:
        """Return the most similar face."""
        return self.faces[0]


def probe(actor: Actor, probe_id: UUID) -> Probe:
    """Return one probe, or raise NotFound."""
    found = Probe.objects.filter(agency_id=actor.agency, pk=probe_id).select_related("case").first()
    if found is None:
        raise NotFound("There is no such probe.")
    return found


def probes(one: Case) -> QuerySet[Probe]:
    """Return a case's probes, newest first; slice it."""
    return Probe.objects.filter(case=one).select_related("added_by").order_by("-added_at", "pk")


def search(actor: Actor, search_id: UUID) -> Search:
    """Return one search, or raise NotFound."""
    found = (
        Search.objects.filter(agency_id=actor.agency, pk=search_id)
        .select_related("case", "probe__case", "asked_by")
        .first()
    )
    if found is None:
        raise NotFound("There is no such search.")
    return found


def searches(actor: Actor, *, of_case: Case | None = None) -> QuerySet[Search]:
    """Return the agency's searches, or those of one case, newest first; slice it."""
    found = Search.objects.filter(agency_id=actor.agency).select_related("case", "asked_by")
    if of_case is not None:
        found = found.filter(case=of_case)
    return found.order_by("-intended_at", "pk")


def counts_by_case(cases: Sequence[Case]) -> dict[UUID, int]:
    """Return how many searches each of these cases has; a case without any is left out."""
    rows = Search.objects.filter(case__in=cases).order_by().values_list("case_id")
    return dict(rows.annotate(count=Count("pk")))


def galleries_of(one: Search) -> list[Gallery]:
    """Return the galleries that a search looked in."""
    return list(Gallery.objects.filter(pk__in=one.request["galleries"]).order_by("created_at"))


def receipt(one: Search) -> Receipt:
    """Return the receipt of a search's outcome, or raise NotFound."""
    return receipt_about(one.pk, Action.SEARCH_CONCLUDED)


def candidates(one: Search) -> list[Candidate]:
    """Return the candidates of a concluded search, ranked, as their photos and sources are now.

    A photo that was removed since the search is left out; a candidate without any is left out too, and
    the ranks of the others stay as they were recorded.
    """
    recorded = one.outcome["candidates"]
    rows = [face["face"] for candidate in recorded for face in candidate["faces"]]
    present = {
        face.pk: face
        for face in Face.objects.filter(pk__in=rows, removed_version=None)
        .select_related("photo__gallery", "photo__source", "subject__gallery", "gallery")
        # Large, and of no use here.
        .defer(
            "crop",
            "template",
            "photo__gallery__rotation",
            "subject__gallery__rotation",
            "gallery__rotation",
        )
    }
    shown = []
    for rank, candidate in enumerate(recorded, start=1):
        faces = [
            (present[face["face"]], face["similarity"])
            for face in candidate["faces"]
            if face["face"] in present
        ]
        for face, _ in faces:
            face.check_links()
        if faces:
            shown.append(_candidate(rank, faces))
    return shown


def _candidate(rank: int, faces: list[tuple[Face, float]]) -> Candidate:
    subject = faces[0][0].subject
    return Candidate(
        rank=rank,
        subject=subject.pk,
        label=subject.label,
        named=subject.named,
        gallery=faces[0][0].gallery.name,
        faces=[_candidate_face(face, similarity) for face, similarity in faces],
    )


def _candidate_face(face: Face, similarity: float) -> CandidateFace:
    source = face.photo.source
    return CandidateFace(
        face=face.pk,
        photo=face.photo_id,
        similarity=similarity,
        box=face.details["box"],
        quality=face.details["quality"],
        details=face.photo.details,
        source={"name": source.name, **source.passport},
    )
