"""Looking at the photos of an examination: each page that shows some makes one entry before it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import queries
from countenance.apps.examinations.locking import lock_search, own
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.photos import Side, candidate_sides, probe_side, settle
from countenance.apps.examinations.standings import measured, recorded
from countenance.apps.records.services import Record, accountable
from countenance.apps.searches.models import Search
from countenance.errors import NotFound, WrongState
from countenance.examination.combine import EXAMINERS
from countenance.examination.control import Measured
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page of an examination shows.

    Attributes:
        probe: the photo that plays it, if it is still held.
        candidate: photos of the one candidate, the most similar one first.
        strip: once the probe is analysed, one photo of each candidate by its letter; None: none is held.
    """

    probe: Side | None
    candidate: list[Side]
    strip: dict[str, Side | None]


@accountable(Action.EXAMINATION_VIEWED, deed=Deed.EXAMINE)
def view_examination(
    actor: Actor,
    record: Record,
    *,
    examination: Examination,
    comparison: Comparison | None = None,
    every: bool = False,
    number: int = 1,
    tools: Tools,
) -> Shown:
    """Record that a page is looked at, and return which photos it shows.

    Args:
        actor: the examiner.
        record: filled in by `@accountable`.
        examination: their own.
        comparison: of which candidate; None for the probe alone.
        every: all photos of the candidate that are held, not only the most similar one.
        number: which of its photos is shown large, and so is aligned by its irises; counted from 1.
        tools: the clock, the keys.

    Raises:
        WrongState: a candidate before the probe was analysed, or the examination was given up.
        NotPermitted: it is somebody else's, or what was found is frozen; recorded.
    """
    examination = own(actor, record, examination, tools=tools)
    if examination.state == ExaminationState.ENDED:
        raise WrongState("This examination has ended; its photos are not shown any more.")
    try:
        probe = settle(examination, probe_side(examination), tools=tools)
    except NotFound:
        probe = None
    if comparison is None:
        return Shown(probe=probe, candidate=[], strip={})
    if examination.analysis is None:
        raise WrongState("Write down first what the probe shows; then its candidates can be seen.")
    strip, shown = {}, []
    for one in queries.comparisons(examination):
        whole = every and one.pk == comparison.pk
        with candidate_sides(actor, one, most=None if whole else 1, tools=tools) as (sides, lent):
            strip[one.about["letter"]] = sides[0] if sides else None
            if one.pk == comparison.pk:
                shown = [
                    settle(one, side, tools=lent) if place == number else side
                    for place, side in enumerate(sides, start=1)
                ]
        if one.pk == comparison.pk:
            record.note(letter=one.about["letter"], every=every)
    return Shown(probe=probe, candidate=shown, strip=strip)


@accountable(Action.EXAMINATIONS_COMPARED, deed=Deed.EXAMINATIONS_READ)
def view_examinations(
    actor: Actor, record: Record, *, search: Search, tools: Tools
) -> list[Examination]:
    """Record that the examinations of a search are looked at side by side, and return them.

    Raises:
        NotFound: two are not recorded yet, or the actor may not know of them.
    """
    record.note(about=search.pk)
    search = lock_search(actor, search, tools=tools)
    found = recorded(search)
    if len(found) < EXAMINERS or queries.sight(actor, search) != queries.Sight.EVERYTHING:
        raise NotFound("There are no two examinations of this search that you may compare.")
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
