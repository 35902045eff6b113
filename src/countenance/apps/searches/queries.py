"""Reading probes and searches, and the candidates of a search with what they stand for now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.cases import queries as cases
from countenance.apps.cases.models import Case
from countenance.apps.cases.queries import sees
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.galleries.models import Face, Gallery
from countenance.apps.galleries.nearest import similarity_of
from countenance.apps.records.objects import get_object
from countenance.apps.records.queries import receipt_about
from countenance.apps.searches import knowing
from countenance.apps.searches.edits import Edit, words_of
from countenance.apps.searches.models import (
    Probe,
    RequestState,
    Search,
    SearchRequest,
    content_index,
)
from countenance.errors import NotEvidence, NotFound, SealBroken
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools


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
    """A subject returned for a probe, awaiting a person's judgement; best face first.

    Attributes:
        similarity: that the subject was ranked by.
        fused: of how many photos the template is that it was compared by; 1 is a photo's own.
    """

    rank: int
    subject: UUID
    label: str
    named: bool
    gallery: str
    similarity: float
    fused: int
    faces: list[CandidateFace]

    @property
    def best(self) -> CandidateFace:
        """Return the most similar face."""
        return self.faces[0]


def probe(actor: Actor, probe_id: UUID) -> Probe:
    """Return one probe.

    Raises:
        NotFound: there is none, its case is not the actor's to see, or it was destroyed.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    found = Probe.objects.filter(agency_id=actor.agency, pk=probe_id).select_related("case").first()
    if found is None or not sees(actor, found.case):
        raise NotFound("There is no such probe.")
    if found.purged_at is not None:
        raise NotFound(
            "This photo was destroyed, because photos of a closed case are kept for a time only. "
            "The page of its case has the certificate."
        )
    return found


def probes(one: Case) -> QuerySet[Probe]:
    """Return a case's probes that were not destroyed, newest first; slice it."""
    return (
        Probe.objects.filter(case=one, purged_at=None)
        .select_related("added_by")
        .order_by("-added_at", "pk")
    )


def code_of(search: Search) -> str:
    """Return the short name of a search: the first digits of its id."""
    return search.pk.hex[:8]


def root_of(one: Probe) -> Probe:
    """Return the photo that a crop or rotation goes back to; a photo that was added is its own.

    Raises:
        NotEvidence: it was added before the hash of evidence was sealed to its case.
        SealBroken: somebody filed it elsewhere.
    """
    case_id = one.case_id
    while True:
        one.check_links()
        if one.content_index is None or "sha256" not in one.details:
            raise NotEvidence(
                "This photo was added before photos were sealed to their case. Its investigator adds it again."
            )
        if one.case_id != case_id:
            raise SealBroken("A crop or rotation is filed under a photo of another case.")
        if one.derived_from is None:
            return one
        one = one.derived_from


def video_added_by(root: Probe) -> UUID | None:
    """Return who added the video that a photo is a frame of; None if it is of none.

    Raises:
        SealBroken: somebody changed that.
    """
    if root.footage is None:
        return None
    root.footage.check_links()
    return root.footage.added_by_id


def edits_of(one: Probe) -> list[Edit]:
    """Return how evidence became what it is, first step first; empty for a photo as it was added.

    Raises:
        NotEvidence, SealBroken: as `root_of`.
    """
    root_of(one)
    made = []
    while one.derived_from is not None:
        how = one.details["how"] or {}
        made.append(
            Edit(
                probe=one.pk,
                made_of=one.derived_from.pk,
                how=how,
                words=words_of(how),
                by=one.added_by_id,
                at=one.added_at,
            )
        )
        one = one.derived_from
    return made[::-1]


def pairs_of(one: Search) -> set[tuple[str, int | None]]:
    """Return the ids of the photos that a search was asked with, each with the number of the face."""
    more = one.request.get("more", ())
    return {
        (str(one.probe_id), one.request["face"]),
        *((other["probe"], other["face"]) for other in more),
    }


def faces_of(one: Search) -> list[tuple[Probe, int | None]]:
    """Return the photos that a search was asked with, and which face of each, from 0; the first one first.

    Raises:
        SealBroken: one of them was filed elsewhere since.
    """
    more = [(UUID(other["probe"]), other["face"]) for other in one.request.get("more", ())]
    found = Probe.objects.select_related("case").in_bulk([pk for pk, _ in more])
    for pk, _ in more:
        if pk not in found or found[pk].case_id != one.case_id:
            raise SealBroken("A photo of a search is filed under another case, or gone.")
        if found[pk].purged_at is None:
            found[pk].check_links()
    return [(one.probe, one.request["face"]), *((found[pk], face) for pk, face in more)]


def faces_shown(actor: Actor, one: Probe) -> frozenset[int] | None:
    """Return the faces of a photo that this person may still see clearly; None for all of them.

    Once a search with a photo, or with something made of it, was answered, and no other is asked for, only
    those whose work the evidence is see more in it than the faces that were searched for. Examiners see not
    even those before they examined them, unless they ran the search.
    """
    if may(actor, Deed.EVIDENCE_ADD) or one.content_index is None:
        return None
    of_photo = SearchRequest.objects.filter(probe=root_of(one))
    if not of_photo.filter(state=RequestState.DONE).exists():
        return None
    if of_photo.filter(state=RequestState.WAITING).exists():
        return None
    return frozenset(
        face
        for search in Search.objects.filter(case_id=one.case_id)
        for pk, face in pairs_of(search)
        if pk == str(one.pk) and face is not None
        if not knowing.is_kept_unseen(actor, search)
    )


def find_evidence(case: Case, data: bytes) -> Probe:
    """Return the evidence that these bytes are.

    Raises:
        NotEvidence: the case has no such photo.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    index = content_index(case.agency_id, case.pk, sha256)
    found = Probe.objects.filter(case=case, content_index=index).select_related("case").first()
    if found is None:
        raise NotEvidence(
            "This photo is not evidence of the case. Its investigator adds it first, and asks for a search."
        )
    return found


def photo_of(one: Probe, *, tools: Tools) -> bytes:
    """Return the bytes of evidence as they were added.

    Raises:
        SealBroken: they are not the ones whose hash is sealed to the case.
    """
    data = get_object(one, tools=tools)
    if hashlib.sha256(data).hexdigest() != one.details.get("sha256"):
        raise SealBroken("A photo is not the one that was added to the case.")
    return data


def request(actor: Actor, request_id: UUID) -> SearchRequest:
    """Return one request for a search, or raise NotFound; so too if its case is not the actor's to see."""
    found = (
        SearchRequest.objects.filter(agency_id=actor.agency, pk=request_id)
        .select_related("case", "probe__case", "asked_by")
        .first()
    )
    if found is None or not sees(actor, found.case):
        raise NotFound("There is no such request.")
    return found


def waiting_requests(actor: Actor) -> QuerySet[SearchRequest]:
    """Return the open requests of open cases that the actor sees, oldest first; slice it."""
    found = SearchRequest.objects.filter(agency_id=actor.agency, state=RequestState.WAITING)
    found = found.filter(case__in=_seen(actor), case__closed_at=None)
    return found.select_related("case", "probe", "asked_by").order_by("asked_at", "pk")


def requests_of(one: Case) -> QuerySet[SearchRequest]:
    """Return the requests in a case, newest first; slice it."""
    found = SearchRequest.objects.filter(case=one).select_related("case", "probe", "asked_by")
    return found.order_by("-asked_at", "pk")


def open_request(one: Probe) -> SearchRequest | None:
    """Return the oldest open request for evidence, or for what a crop or rotation was made of."""
    found = SearchRequest.objects.filter(probe=root_of(one), state=RequestState.WAITING)
    return found.order_by("asked_at", "pk").first()


def last_request(one: Probe) -> SearchRequest | None:
    """Return the newest request for evidence, or for what a crop or rotation was made of."""
    found = SearchRequest.objects.filter(probe=root_of(one)).select_related("asked_by")
    return found.order_by("asked_at", "pk").last()


def search(actor: Actor, search_id: UUID) -> Search:
    """Return one search.

    Raises:
        NotFound: there is none, or its case is not the actor's to see.
        NotPermitted: an examination is open that the actor drew.
    """
    permit_beside_draw(actor)
    found = (
        Search.objects.filter(agency_id=actor.agency, pk=search_id)
        .select_related("case", "probe__case", "asked_by")
        .first()
    )
    if found is None or not sees(actor, found.case):
        raise NotFound("There is no such search.")
    return found


def searches(actor: Actor, *, of_case: Case | None = None) -> QuerySet[Search]:
    """Return the searches of all cases that the actor sees, or of one, newest first; slice it."""
    found = Search.objects.filter(agency_id=actor.agency, case__in=_seen(actor))
    found = found.select_related("case", "asked_by")
    if of_case is not None:
        found = found.filter(case=of_case)
    return found.order_by("-intended_at", "pk")


def _seen(actor: Actor) -> QuerySet[Case, Any]:
    return cases.cases(actor).order_by().values("pk")


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
            shown.append(_candidate(rank, candidate, faces))
    return shown


def _candidate(
    rank: int, recorded: Mapping[str, Any], faces: list[tuple[Face, float]]
) -> Candidate:
    subject = faces[0][0].subject
    return Candidate(
        rank=rank,
        subject=subject.pk,
        label=subject.label,
        named=subject.named,
        gallery=faces[0][0].gallery.name,
        similarity=similarity_of(recorded),
        fused=recorded.get("fused", 1),
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
