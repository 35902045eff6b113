"""Looking at the photos of an examination: each page that shows some makes one entry before it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from countenance import policy
from countenance.apps.agencies.models import Person
from countenance.apps.examinations import photos, queries
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.permits import examiners_of
from countenance.apps.examinations.photos import Side
from countenance.apps.examinations.standings import measured, recorded
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Search
from countenance.errors import KeyUnavailable, NotFound, NotPermitted, WrongState
from countenance.examination.control import Measured
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page of an examination shows.

    Attributes:
        probe: the photo that plays it, of several the one that is asked for; None: it is not held.
        probes: the numbers, from 1, of the probe's photos that are held.
        candidate: photos of the one candidate, the most similar one first.
        strip: once the probe is analysed, the letters of all candidates, and whether a photo is held.
    """

    probe: Side | None
    probes: list[int]
    candidate: list[Side]
    strip: dict[str, bool]


Settled = Sequence[tuple[Examination | Comparison, Side]]


@accountable(Action.EXAMINATION_VIEWED, deed=Deed.EXAMINE)
def _record_look(
    actor: Actor,
    record: Record,
    *,
    examination: Examination,
    comparison: Comparison | None,
    every: bool,
    number: int,
    probe: int,
    found: Settled,
    tools: Tools,
) -> None:
    """Record that a page is looked at, and keep the irises that were found for it."""
    record.note(about=examination.pk, probe=probe)
    _permit_page(photos.permit_photos(actor, examination, tools=tools), comparison)
    if comparison is not None:
        record.note(letter=comparison.about["letter"], every=every, photo=number)
    for row, side in found:
        photos.keep_irises(row, side)


def _permit_page(examination: Examination, comparison: Comparison | None) -> None:
    if comparison is not None and examination.analysis is None:
        raise WrongState("Write down first what the probe shows; then its candidates can be seen.")


@composed_of(_record_look)
def view_examination(
    actor: Actor,
    *,
    examination: Examination,
    comparison: Comparison | None = None,
    every: bool = False,
    number: int = 1,
    probe: int = 1,
    tools: Tools,
) -> Shown:
    """Record that a page is looked at, and return which photos it shows.

    Photos are opened and irises found before the entry is made and nothing is locked, so that nobody's work
    waits for it; what was found is shown only once the entry is there.

    Args:
        actor: the examiner.
        examination: their own.
        comparison: of which candidate; None for the probe alone.
        every: all photos of the candidate that are held, not only the most similar one.
        number: which of its photos is shown large, and so is aligned by its irises; counted from 1.
        probe: the same for the probe, where it has several photos.
        tools: the clock, the keys.

    Raises:
        WrongState: a candidate before the probe was analysed, or the examination was given up.
        NotPermitted: it is somebody else's, or what was found is frozen; recorded.
    """
    looked: dict[str, Any] = {
        "examination": examination,
        "comparison": comparison,
        "every": every,
        "number": number,
        "probe": probe,
    }
    try:
        one = photos.permit_photos(actor, examination, tools=tools)
        _permit_page(one, comparison)
    except (NotPermitted, WrongState):
        _record_look(actor, **looked, found=(), tools=tools)  # Refuses it too, and records that.
        raise
    shown, found = _open(actor, **{**looked, "examination": one}, tools=tools)
    _record_look(actor, **looked, found=found, tools=tools)
    return shown


def _open(
    actor: Actor,
    *,
    examination: Examination,
    comparison: Comparison | None,
    every: bool,
    number: int,
    probe: int,
    tools: Tools,
) -> tuple[Shown, Settled]:
    """Return what a page shows, with the irises that are to be kept."""
    found: list[tuple[Examination | Comparison, Side]] = []

    def settle(row: Examination | Comparison, side: Side, tools: Tools) -> Side:
        settled = photos.settle(row.about, side, tools=tools)
        if settled is not side and side.name not in row.about.get("irises", {}):
            found.append((row, settled))
        return settled

    side, strip, shown = None, {}, []
    with suppress(NotFound, KeyUnavailable):
        side = settle(examination, photos.probe_side(examination, probe), tools)
    if comparison is not None:
        strip = photos.held(actor, queries.comparisons(examination), tools=tools)
        most = None if every else 1
        with photos.candidate_sides(actor, comparison, most=most, tools=tools) as (sides, lent):
            shown = [
                settle(comparison, one, lent) if place == number else one
                for place, one in enumerate(sides, start=1)
            ]
    probes = photos.held_probes(examination)
    return Shown(probe=side, probes=probes, candidate=shown, strip=strip), found


@accountable(Action.CANDIDATES_VIEWED, deed=Deed.CANDIDATES_VIEW)
def view_recorded(actor: Actor, record: Record, *, examination: Examination, tools: Tools) -> None:
    """Record that an examiner reads what a recorded examination was: who was returned, or that it was a control.

    The entry is about the examination, and so the same for both; of what it is, only its sealed body says.

    Raises:
        WrongState: it is not recorded.
        NotPermitted: it is somebody else's, or what was found is frozen.
    """
    record.note(about=examination.pk, search=examination.search_id)
    one = photos.permit_photos(actor, examination, tools=tools)
    if one.state != ExaminationState.RECORDED:
        raise WrongState("What an examination was is shown once it is recorded.")


@accountable(Action.EXAMINATIONS_COMPARED, deed=Deed.EXAMINATIONS_READ)
def view_examinations(
    actor: Actor, record: Record, *, search: Search, tools: Tools
) -> list[Examination]:
    """Record that the examinations of a search are looked at side by side, and return them.

    Raises:
        NotFound: two are not recorded yet, or the actor may not know of them.
    """
    record.note(about=search.pk)
    policy.permit_own(actor, search.agency_id)
    search = Search.objects.get(pk=search.pk)
    permit_look(search, now=tools.clock())
    # Judged before anything of others is read, so that the time it takes tells nothing either.
    sees = queries.sight(actor, search) == queries.Sight.EVERYTHING
    found = recorded(search) if sees else []
    if not sees or len(found) < examiners_of(search):
        raise NotFound(
            "There are no examinations of this search that you may compare. They can be compared once all "
            "its examiners have recorded theirs; your inbox says what then waits on you."
        )
    # About the own examination, if there is one: the entries about a search are of onlookers.
    mine = queries.own_of(actor, search)
    record.note(about=search.pk if mine is None else mine.pk, search=search.pk)
    record.note(examinations=[one.pk for one in found])
    return found


@accountable(Action.CONTROLS_MEASURED, deed=Deed.CONTROLS_READ)
def view_measured(actor: Actor, record: Record, *, person: Person, tools: Tools) -> Measured:
    """Record that somebody looks at how an examiner answers controls, and return it.

    Raises:
        NotFound: it is neither the actor's own nor theirs to oversee.
    """
    record.note(about=person.pk)
    own_figures = person.pk == actor.person
    oversees = may(actor, Deed.CONTROLS_READ) and not may(actor, Deed.EXAMINE)
    if person.agency_id != actor.agency or not (own_figures or oversees):
        raise NotFound("There is no such examiner, or their controls are not yours to see.")
    return measured(person.pk, agency=actor.agency)
