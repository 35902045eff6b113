"""What the table of all examinations shows: for each candidate who said what, what they said before, and the pins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.permits import examiners_of, standings_of
from countenance.apps.examinations.standings import (
    CONCLUSIONS,
    CandidateStanding,
    checklist_of,
    closing_of,
    said_of,
)
from countenance.apps.searches import afterwards
from countenance.apps.searches.afterwards import Link
from countenance.apps.searches.models import Search
from countenance.examination.checklist import Checklist, Mark, Pin
from countenance.examination.combine import Standing, why_no_lead
from countenance.examination.components import Answer, Component
from countenance.policy import Actor, Deed, may
from countenance.ui.faceview import SeenPin

AGREED = "The examiners support that both photos show one person."
LEFT = "The examiners disagree, and the search is closed. No lead is made of this candidate."
WORDS = {str(one): one.label for one in Answer}

Said = tuple[Examination, list[Comparison]]
"""An examination and what it says of one candidate: the first conclusion, and those that followed it."""


def chains(found: Sequence[Examination]) -> Mapping[UUID, list[Said]]:
    """Return by subject what examinations said of it, in the order in which they were recorded.

    Raises:
        SealBroken: somebody changed what a conclusion is of, or what it follows.
    """
    rows = Comparison.objects.filter(examination__in=found).select_related("examination")
    following, first = {}, []
    for row in rows.order_by("place", "recorded_at", "pk"):
        row.check_links()
        if row.follows_id is None:
            first.append(row)
        else:
            following[row.follows_id] = row
    said: dict[UUID, list[Said]] = {}
    for examination in found:
        for row in first:
            if row.examination_id == examination.pk:
                chain = [row]
                while (later := following.get(chain[-1].pk)) is not None and later not in chain:
                    chain.append(later)
                said.setdefault(UUID(row.about["subject"]), []).append((examination, chain))
    return said


def candidates(actor: Actor, search: Search, found: Sequence[Examination]) -> list[dict[str, Any]]:
    """Return the candidates of a search as the table shows them, those that examiners disagree on first."""
    said = chains(found)
    leads = [link for link in afterwards.links_from(actor, search) if link.subject is not None]
    shown = [
        _candidate(actor, search, standing, said.get(standing.subject, []), leads)
        for standing in standings_of(search)
    ]
    return sorted(shown, key=lambda one: (not one["disagreed"], one["rank"]))


def _candidate(
    actor: Actor,
    search: Search,
    standing: CandidateStanding,
    said: Sequence[Said],
    leads: Sequence[Link],
) -> dict[str, Any]:
    pins = _pins(said)
    rows = [_component(component, said, pins) for component in Component]
    notes = [_whole(examination, chain) for examination, chain in said]
    lead = next((link for link in leads if link.subject == standing.subject), None)
    agreed = standing.standing == Standing.AGREED
    return {
        "rank": standing.rank,
        "first": (said[0][0], said[0][1][0]) if said else None,
        "pins": [pin for found in pins.values() for pin in found],
        "disagreed": standing.standing == Standing.DISAGREED,
        "agreed": agreed,
        "standing": _standing(search, standing.standing),
        "lead": lead,
        "release": agreed and lead is None and may(actor, Deed.LEAD_RELEASE),
        "folded": standing.standing == Standing.NO_LEAD
        and all(len(chain) == 1 for _, chain in said),
        "examiners": [_examiner(actor, examination, chain) for examination, chain in said],
        "components": sorted(rows, key=lambda one: not one["differ"]),
        "notes": notes if any(notes) else (),
    }


def _standing(search: Search, standing: Standing) -> str:
    if standing == Standing.AGREED:
        return AGREED
    if standing == Standing.DISAGREED and closing_of(search) is not None:
        return LEFT
    return why_no_lead(standing, examiners=examiners_of(search))


def _examiner(
    actor: Actor, examination: Examination, chain: Sequence[Comparison]
) -> dict[str, Any]:
    last = chain[-1]
    own = examination.examiner_id == actor.person and may(actor, Deed.EXAMINE)
    return {
        "name": examination.examiner.name,
        **_concluded(last),
        "earlier": [_concluded(row) for row in reversed(chain[:-1])],
        "follow": reverse("conclusion_follow", args=[examination.pk, last.pk]) if own else "",
    }


def _concluded(row: Comparison) -> dict[str, Any]:
    said = said_of(row)
    return {
        "conclusion": CONCLUSIONS[said["conclusion"]],
        "at": row.recorded_at,
        "reason": said.get("reason", ""),
    }


def _component(
    component: Component,
    said: Sequence[Said],
    pins: Mapping[tuple[int, Component], list[SeenPin]],
) -> dict[str, Any]:
    cells = []
    for place, (examination, chain) in enumerate(said):
        mark = checklist_of(chain[-1]).mark(component)
        before = [checklist_of(row).mark(component) for row in reversed(chain[:-1])]
        cells.append(
            {
                "who": examination.examiner.name,
                "said": WORDS.get(mark.said or "", ""),
                "note": mark.note,
                "pins": _numbers(pins[place, component]),
                "before": list(filter(None, (_before(one, mark) for one in before))),
            }
        )
    differ = len({cell["said"] for cell in cells}) > 1
    return {"label": component.label, "cells": cells, "differ": differ}


def _before(earlier: Mark, now: Mark) -> str:
    """Return what was said before of a component, as far as it was something else."""
    said = "" if earlier.said == now.said else WORDS.get(earlier.said or "", "")
    note = "" if earlier.note == now.note else earlier.note
    return ". ".join(filter(None, (said, note)))


def _whole(examination: Examination, chain: Sequence[Comparison]) -> dict[str, Any] | None:
    """Return the note on the whole, and those before it that said something else; None if nothing was noted."""
    notes = [checklist_of(row).note for row in reversed(chain)]
    before = [note for note in notes[1:] if note and note != notes[0]]
    who = examination.examiner.name
    return {"who": who, "note": notes[0], "before": before} if notes[0] or before else None


def _pins(said: Sequence[Said]) -> dict[tuple[int, Component], list[SeenPin]]:
    """Return all pins by examiner and component, numbered throughout, so that a number names one pin."""
    found: dict[tuple[int, Component], list[SeenPin]] = {}
    count = 0
    for place, (examination, chain) in enumerate(said):
        checklist: Checklist = checklist_of(chain[-1])
        for component in Component:
            name = f"{examination.examiner.name}, {component.label}"
            pins = checklist.mark(component).pins
            found[place, component] = [
                _seen(pin, name, number) for number, pin in enumerate(pins, start=count + 1)
            ]
            count += len(pins)
    return found


def _seen(pin: Pin, name: str, number: int) -> SeenPin:
    return SeenPin(number=number, name=name, x=pin.x, y=pin.y, probe=pin.probe, photo=pin.photo)


def _numbers(pins: Sequence[SeenPin]) -> str:
    """Return pins in words; of those on another photo than the one that is shown, on which."""
    words = [f"{pin.number}{'' if pin.photo == 1 else f' on photo {pin.photo}'}" for pin in pins]
    return f"{'Pin' if len(words) == 1 else 'Pins'} {', '.join(words)}" if words else ""
