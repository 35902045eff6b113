"""From a released candidate to what is printed of it: a snapshot that is sealed, and the two photos."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import simplejpeg
from django.db.models import Q

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases.models import Authority
from countenance.apps.examinations import photos
from countenance.apps.examinations.models import Comparison
from countenance.apps.examinations.permits import terms_of
from countenance.apps.examinations.standings import (
    CandidateStanding,
    checklist_of,
    measured,
)
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Face
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import photo_lock, support_of
from countenance.apps.records.queries import receipt_about
from countenance.apps.searches import modes
from countenance.apps.searches import queries as searches
from countenance.apps.searches.models import Search
from countenance.errors import KeyUnavailable, NotFound
from countenance.examination.combine import Concluded, Waiver, current
from countenance.examination.components import Answer, Component
from countenance.examination.control import Rate
from countenance.faces.zoo import licence_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, packs
from countenance.policy.packs.results import LIMIT_WORDS
from countenance.reports import (
    Compared,
    Examiner,
    LeadFacts,
    LeadPaper,
    Photo,
    Share,
    facts_from_json,
    facts_to_json,
)
from countenance.reports.jpeg import size_of
from countenance.tools import Tools

Rows = tuple[tuple[str, str], ...]

PASSPORT_WORDS = {
    "owner": "Owner",
    "lawful_basis": "Lawful basis",
    "collected_on": "Collected",
    "purpose": "Purpose",
    "retention_until": "Kept until",
    "reference": "Reference",
    "steward": "Steward",
}
"""What a report says of a source, in the order of the passport."""
GONE = "Removed or destroyed since the release; it can no longer be shown."
LONG_SIDE = 1200
FACE_SIDES = 4.4
"""The side of the square around a face, in distances between eyes, or from eyes to mouth, the larger."""
GREY = 128
ANSWERS = {str(one): one.label for one in Answer} | {"": "Not said"}


def snapshot(
    actor: Actor,
    lead: Lead,
    standing: CandidateStanding,
    *,
    bearing: Sequence[Concluded],
    waiver: Waiver | None,
    tools: Tools,
) -> dict[str, Any]:
    """Return everything that is printed of a lead but its photos and receipt, as it is now, to be sealed.

    Who came to another conclusion is printed too, after those whom the lead stands on.
    """
    search = lead.search
    galleries = searches.galleries_of(search)
    ids = {one.id for one in bearing}
    counted = sorted(current(standing.concluded), key=lambda one: one.id not in ids)
    rows = Comparison.objects.select_related("examination__examiner").in_bulk(
        [one.id for one in counted]
    )
    said = [rows[one.id] for one in counted]
    authority = None
    if search.authority_id is not None:
        authority = Authority.objects.get(pk=search.authority_id)
    with grants.reading(actor, galleries, tools=tools):
        facts = LeadFacts(
            number=str(lead.number),
            agency=_agency(lead.agency_id),
            case=lead.case.reference,
            released_at=lead.released_at,
            released_by=Person.objects.get(pk=lead.released_by_id).name,
            released_as="supervisor",
            probe=_probe_rows(search),
            candidate=_candidate_rows(search, standing),
            examiners=tuple(_examiner(row, one) for row, one in zip(said, counted, strict=True)),
            components=tuple(_compared(component, said) for component in Component),
            waiver=""
            if waiver is None
            else f"One examiner was enough by {waiver.law}, {waiver.section}.",
            asked=_asked(search),
            threshold=search.request["threshold"],
            mode=str(modes.mode_of(search) or ""),
            measured=modes.printed_error_of(search),
            place=f"{standing.rank} of {len(search.outcome['candidates'])} candidates",
            model=search.request["model"],
            model_licence=licence_of(search.request["model"]),
            gallery=", ".join(one.name for one in galleries),
            gallery_size=_searched(search),
            snapshot=", ".join(str(one) for one in search.outcome["versions"].values()),
            authority=_authority(authority),
            authority_section="none recorded"
            if authority is None
            else authority.details["statute"],
            limits=tuple(
                (LIMIT_WORDS[limit], law)
                for limit, law in packs.lead_limits(terms_of(search)).items()
            ),
        )
    return facts_to_json(facts)


def facts_of(lead: Lead) -> LeadFacts:
    """Return what was sealed of a lead when it was released.

    Raises:
        SealBroken: it was destroyed or changed.
    """
    return facts_from_json(lead.details["paper"])


def paper_of(actor: Actor, lead: Lead, *, leaves: bool = False, tools: Tools) -> LeadPaper:
    """Return a lead as it is printed: what was sealed at its release, the photos if held, and how it stands now.

    Args:
        actor: who reads it.
        lead: a lead that is neither destroyed nor frozen.
        leaves: it leaves the program, so the candidate's photo is on it only once it may leave, too.
        tools: the keys, the engine.
    """
    support = support_of(lead)
    lock = photo_lock(lead, support) if leaves else ""
    probe, candidate = probe_of(lead, tools=tools), _plate(lock)
    if not lock:
        candidate = candidate_of(actor, lead, tools=tools)
    return LeadPaper(
        facts=replace(facts_of(lead), standing=support.words),
        probe=probe,
        candidate=candidate,
        receipt=receipt_about(lead.pk, Action.LEAD_RELEASED),
    )


def probe_of(lead: Lead, *, tools: Tools) -> Photo:
    """Return the probe as it is printed; a plate if it is no longer held."""
    with suppress(NotFound, KeyUnavailable):
        return _printed(photos.probe_side(_borne_by(lead).examination), tools=tools)
    return _plate(GONE)


def candidate_of(actor: Actor, lead: Lead, *, tools: Tools) -> Photo:
    """Return the candidate's photo as it is printed; a plate if it is no longer held."""
    with (
        suppress(NotFound, KeyUnavailable),
        photos.candidate_sides(actor, _borne_by(lead), most=1, tools=tools) as (sides, lent),
    ):
        return _printed(photos.side_of(sides, 1), tools=lent)
    return _plate(GONE)


def candidate_photo(actor: Actor, lead: Lead, *, tools: Tools) -> bytes:
    """Return the photo of a lead's candidate that is most similar, as it leaves: bystanders blurred.

    Raises:
        NotFound: it was removed since.
    """
    row = _borne_by(lead)
    with photos.candidate_sides(actor, row, most=1, tools=tools) as (sides, lent):
        return photos.picture(photos.side_of(sides, 1), tools=lent)


def _borne_by(lead: Lead) -> Comparison:
    """Return the first comparison that a lead stands on; it names the photos."""
    row = Comparison.objects.select_related("examination").get(pk=lead.details["bearing"][0])
    row.check_links()
    return row


def _printed(side: photos.Side, *, tools: Tools) -> Photo:
    data = photos.picture(side, tools=tools, long_side=LONG_SIDE)
    if not side.landmarks:
        return Photo(jpeg=data)
    wide, high = size_of(data)
    points = np.asarray(side.landmarks, dtype=float) * (wide / side.width)
    eyes, mouth = points[:2], points[-2:]
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    down = float(np.linalg.norm(eyes.mean(axis=0) - mouth.mean(axis=0)))
    length = min(FACE_SIDES * max(apart, down, 1.0), wide, high)
    middle = (eyes.mean(axis=0) + mouth.mean(axis=0)) / 2
    x, y = np.clip(middle - length / 2, 0, (wide - length, high - length))
    return Photo(jpeg=data, crop=(float(x), float(y), float(length), float(length)))


def _plate(words: str) -> Photo:
    """Return a grey plate, which stands where a photo would, with the words why."""
    plate = np.full((400, 320, 3), GREY, np.uint8)
    return Photo(jpeg=simplejpeg.encode_jpeg(plate, quality=80), plate=words)


def _examiner(row: Comparison, one: Concluded) -> Examiner:
    examination = row.examination
    errors = measured(one.examiner, agency=examination.agency_id)
    return Examiner(
        name=_initials(examination.examiner.name),
        label=one.conclusion.label,
        sentence=one.conclusion.sentence,
        note=checklist_of(row).note,
        recorded_at=one.at,
        false_same=_share(errors.false_same),
        false_other=_share(errors.false_other),
        controls=errors.recorded,
        unreadable=errors.unreadable,
    )


def _share(rate: Rate) -> Share:
    return Share(wrong=rate.wrong, of=rate.of, low=rate.low, high=rate.high)


def _initials(name: str) -> str:
    return " ".join(f"{word[0].upper()}." for word in name.split()) or "?"


def _compared(component: Component, rows: Sequence[Comparison]) -> Compared:
    marks = (checklist_of(row).mark(component) for row in rows)
    return Compared(
        component=component.label,
        answers=tuple(ANSWERS.get(str(mark.said or ""), ANSWERS[""]) for mark in marks),
    )


def _probe_rows(search: Search) -> Rows:
    root = searches.root_of(search.probe)
    edits = " ".join(words for one in searches.edits_of(search.probe) for words in one.words)
    return (
        ("Evidence", root.details["file_name"]),
        ("Added", f"{_day(root.added_at.date())} by {root.added_by.name}"),
        *((("Made of it", edits),) if edits else ()),
        ("SHA-256", root.details["sha256"]),
    )


def _candidate_rows(search: Search, standing: CandidateStanding) -> Rows:
    found = {one.subject: one for one in searches.candidates(search)}.get(standing.subject)
    if found is None:
        raise NotFound("Every photo of this candidate was removed since, so it cannot be released.")
    best = found.best
    taken = best.details.get("date")
    passport = tuple(
        (words, _dated(best.source.get(key, ""))) for key, words in PASSPORT_WORDS.items()
    )
    return (
        ("Enrolled as", found.label if found.named else "somebody not named"),
        ("Gallery", found.gallery),
        ("Photo", f"{best.details['path']}{f', {taken}' if taken else ''}"),
        ("Source", best.source["name"]),
        *passport,
    )


def _dated(text: str) -> str:
    with suppress(ValueError):
        return _day(date.fromisoformat(text))
    return text


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def _searched(search: Search) -> int:
    """Return how many templates the search compared with."""
    at = Q()
    for gallery, version in search.outcome["versions"].items():
        in_then = Q(removed_version=None) | Q(removed_version__gt=version or 0)
        at |= Q(gallery_id=UUID(gallery), added_version__lte=version or 0) & in_then
    return Face.objects.filter(at, template__isnull=False).count() if at else 0


def _asked(search: Search) -> str:
    most = search.request["top"]
    noun = "candidate" if most == 1 else "candidates"
    return f"{_day(search.intended_at.date())}, at most {most} {noun}"


def _authority(authority: Authority | None) -> str:
    if authority is None:
        return "No authority"
    facts = authority.facts
    granted = "" if facts.granted_at is None else f", granted {_day(facts.granted_at.date())}"
    return (
        f"Authority for the search for: {authority.details['purpose']} ({authority.kind}){granted}"
    )


def _agency(agency: UUID) -> str:
    return str(Agency.objects.get(pk=agency).own_name or "")
