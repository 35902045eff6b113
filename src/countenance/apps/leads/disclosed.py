"""Evidence, requests, searches and leads of a case as a disclosure bundle holds them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from countenance.apps.agencies.models import Person
from countenance.apps.cases.documents import SUFFIXES
from countenance.apps.cases.models import Authority
from countenance.apps.examinations.standings import closing_of
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Gallery
from countenance.apps.leads import papers
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import support_of
from countenance.apps.records.objects import get_object
from countenance.apps.searches import modes
from countenance.apps.searches import queries as searches
from countenance.apps.searches.edits import words_of
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe, Search, SearchRequest, SearchState
from countenance.bundle import contents as c
from countenance.bundle.shapes import MEASURED
from countenance.errors import KeyUnavailable, SealBroken
from countenance.policy import Actor
from countenance.reports import lead_pdf
from countenance.tools import Tools

NOT_NAMED = "Removed since, or of another agency, which does not grant it, or no longer."
FROZEN = "No authority came in time, so nobody sees what it found."

Who = dict[str, str]


def who(person: UUID | None) -> Who | None:
    """Return id and name of somebody of the agency; None for nobody, such as the clock."""
    found = None if person is None else Person.objects.filter(pk=person).first()
    if found is None:
        return None
    try:
        return {"id": str(found.pk), "name": found.name}
    except KeyUnavailable:
        return {"id": str(found.pk)}


def is_frozen(search: Search) -> bool:
    """Say whether what a search found is not disclosed, because no authority came in time."""
    ended = search.state == SearchState.CONCLUDED and search.purged_at is None
    return ended and search.frozen_at is not None


def probe(one: Probe, *, tools: Tools) -> c.Probe:
    """Return a photo with its bytes; of one that was destroyed, that it was there.

    Raises:
        SealBroken: it is filed elsewhere, or not the photo that was added.
    """
    added = {"added_by": who(one.added_by_id), "added_at": one.added_at}
    if one.details is None:
        return c.Probe(
            id=one.pk,
            sha256=None,
            file=None,
            derived_from=one.derived_from_id,
            details={**added, "destroyed_at": one.purged_at},
        )
    one.check_links()
    data = get_object(one, tools=tools)
    sha256 = hashlib.sha256(data).hexdigest()
    if one.details.get("sha256", sha256) != sha256:
        raise SealBroken("A photo is not the one that was added to the case.")
    kept = ("file_name", "format", "width", "height", "bytes", "model", "faces")
    said = {name: one.details[name] for name in kept if name in one.details}
    if one.footage is not None:
        said["video"] = _video(one.footage)
        said["frame"] = one.details.get("how")
    return c.Probe(
        id=one.pk,
        sha256=sha256,
        file=c.File(data=data, suffix=_suffix(one.details.get("format", ""))),
        derived_from=one.derived_from_id,
        details={**said, **added},
    )


def _suffix(name: str) -> str:
    found = re.sub("[^a-z0-9]", "", name.lower())[:5]
    return {"jpeg": "jpg", "": "bin"}.get(found, found)


def edit(one: Probe) -> c.Edit:
    """Return how a copy was made of another photo; once both were destroyed, only that it was."""
    if one.derived_from_id is None:
        raise SealBroken("A photo that was added is no copy.")
    how = (one.details or {}).get("how") or {}
    return c.Edit(
        probe=one.pk,
        of=one.derived_from_id,
        details={
            "how": how,
            "words": words_of(how),
            "by": who(one.added_by_id),
            "at": one.added_at,
        },
    )


def _video(one: Footage) -> dict[str, Any]:
    """Return what is said of a video that photos were taken from; its bytes are not in a bundle."""
    said = one.details or {}
    return {
        "id": one.pk,
        "file_name": said.get("file_name"),
        "sha256": said.get("sha256"),
        "state": one.state,
        "added_by": who(one.added_by_id),
        "added_at": one.added_at,
        "destroyed_at": one.purged_at,
    }


def request(one: SearchRequest) -> c.Request:
    """Return who asked for a search and why, and what became of it."""
    one.check_links()
    return c.Request(
        id=one.pk,
        probe=one.probe_id,
        state=str(one.state),
        details={
            "wishes": one.wishes,
            "asked_by": who(one.asked_by_id),
            "asked_at": one.asked_at,
            "answer": one.answer,
            "answered_at": one.answered_at,
        },
    )


def search(actor: Actor, one: Search, *, tools: Tools) -> c.Search:
    """Return a search, whatever came of it; what a frozen one found is not disclosed."""
    asked, frozen = one.request, is_frozen(one)
    outcome = None if frozen else one.outcome
    more = asked.get("more", [])
    galleries = list(
        Gallery.objects.filter(pk__in=asked["galleries"])
        .select_related("agency")
        .order_by("created_at", "pk")
    )
    with grants.reading(actor, galleries, tools=tools):
        named = {} if outcome is None else _named(one)
        looked_in = [_gallery(gallery, outcome or {}) for gallery in galleries]
    return c.Search(
        id=one.pk,
        probes=[one.probe_id, *(UUID(other["probe"]) for other in more)],
        requests=list(
            dict.fromkeys(
                UUID(str(answered))
                for answered in (one.answers_id, *(other["answers"] for other in more))
                if answered
            )
        ),
        model=asked.get("model"),
        mode=_mode(one),
        state=_state(one),
        answer=None if outcome is None else outcome["answer"],
        candidates=None if outcome is None else _candidates(outcome, named),
        galleries=looked_in,
        details=_of_search(one, outcome),
        point=asked["point"] if modes.is_measured(one) else None,
    )


def _mode(one: Search) -> str:
    if modes.is_measured(one):
        return MEASURED
    return "investigation list" if one.request["threshold"] is None else "threshold, not measured"


def _state(one: Search) -> str:
    if one.purged_at is not None:
        return "purged"
    return "frozen" if is_frozen(one) else str(one.state)


def _of_search(one: Search, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    closing = closing_of(one)
    return {
        "reason": one.reason,
        "asked": one.request,
        "means": modes.error_of(one) or None,
        "run_by": who(one.asked_by_id),
        "intended_at": one.intended_at,
        "ended_at": one.ended_at,
        "authority": one.authority_id,
        "authorise_by": one.authorise_by,
        "why_none": None if outcome is None else outcome["reason"],
        "frozen_at": one.frozen_at,
        "not_disclosed": FROZEN if is_frozen(one) else None,
        "purged_at": one.purged_at,
        "certificate": one.certificate,
        "closed": None
        if closing is None
        else {
            "compared": closing.details["compared"],
            "reason": None if is_frozen(one) else closing.details["reason"],
            "by": who(closing.by_id),
            "at": closing.at,
        },
    }


def _candidates(outcome: Mapping[str, Any], named: Mapping[UUID, Any]) -> list[c.Candidate]:
    return [
        c.Candidate(
            subject=UUID(found["subject"]),
            faces=[(face["face"], f"{face['similarity']:.6f}") for face in found["faces"]],
            details=named.get(UUID(found["subject"]), {"named": None, "why": NOT_NAMED}),
            fused=_fused(found),
        )
        for found in outcome["candidates"]
    ]


def _fused(found: Mapping[str, Any]) -> tuple[str, int] | None:
    photos = found.get("fused", 1)
    return (f"{found['similarity']:.6f}", photos) if photos > 1 else None


def _named(one: Search) -> dict[UUID, dict[str, Any]]:
    """Return who the candidates are enrolled as, and from which sources, where that opens; no photos."""
    with suppress(KeyUnavailable):
        return {
            found.subject: {
                "named": found.label if found.named else None,
                "gallery": found.gallery,
                "sources": sorted({face.source["name"] for face in found.faces}),
            }
            for found in searches.candidates(one)
        }
    return {}


def _gallery(one: Gallery, outcome: Mapping[str, Any]) -> c.Gallery:
    details: dict[str, Any] = {"agency": one.agency_id}
    try:
        details["name"] = one.name
    except KeyUnavailable:
        details |= {"name": None, "why": NOT_NAMED}
    version = outcome.get("versions", {}).get(str(one.pk))
    return c.Gallery(id=one.pk, version=version, details=details)


def lead(actor: Actor, one: Lead, *, tools: Tools) -> c.Lead:
    """Return a lead with its report; of one that was destroyed or frozen, that it was released."""
    said: dict[str, Any] = {
        "number": one.number,
        "released_by": who(one.released_by_id),
        "released_at": one.released_at,
        "outcome_at": one.outcome_at,
        "withdrawn_at": one.withdrawn_at,
    }
    if one.destroyed:
        said["not_disclosed"] = "It was destroyed with what its search found."
        return c.Lead(id=one.pk, search=one.search_id, subject=None, file=None, details=said)
    if is_frozen(one.search):
        said["not_disclosed"] = FROZEN
        return c.Lead(id=one.pk, search=one.search_id, subject=None, file=None, details=said)
    one.check_links()
    report = lead_pdf(papers.paper_of(actor, one, leaves=True, tools=tools))
    kept = ("rank", "similarity", "bearing", "waiver", "examiners", "paper")
    said |= {"stands": not (words := support_of(one).words), "why_not": list(words)}
    said |= {name: one.details[name] for name in kept}
    said |= {"outcome": one.outcome, "independent_evidence": one.independent or []}
    return c.Lead(
        id=one.pk,
        search=one.search_id,
        subject=UUID(one.details["subject"]),
        file=c.File(data=report, suffix="pdf"),
        details=said | {"withdrawn": one.withdrawn},
    )


def authority(one: Authority, *, tools: Tools) -> c.Authority:
    """Return the legal basis of searches, and its document."""
    one.check_links()
    file = None
    if one.document is not None:
        suffix = SUFFIXES[one.document["format"]]
        file = c.File(data=get_object(one, tools=tools), suffix=suffix)
    return c.Authority(
        id=one.pk,
        file=file,
        details={
            "says": one.details,
            "standing": one.standing,
            "proposed_by": who(one.proposed_by_id),
            "proposed_at": one.proposed_at,
            "decided_by": who(one.decided_by_id),
            "decided_at": one.decided_at,
            "revoked_by": who(one.revoked_by_id),
            "revoked_at": one.revoked_at,
        },
    )


def authorities_of(case_authority: UUID | None, of: Iterable[Search]) -> list[Authority]:
    """Return what a case and its searches stand on, those of before included."""
    named = (case_authority, *(one.authority_id for one in of))
    ids = {one for one in named if one is not None}
    return list(Authority.objects.filter(pk__in=ids).order_by("pk"))
