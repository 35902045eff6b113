"""Looking at the photos of an examination: each page that shows some makes one entry before it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.apps.examinations.locking import own
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.photos import Side, candidate_sides, probe_side
from countenance.apps.records.services import Record, accountable
from countenance.errors import NotFound, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page of an examination shows: the probe, if it is still held, and photos of a candidate."""

    probe: Side | None
    candidate: list[Side]


@accountable(Action.EXAMINATION_VIEWED, deed=Deed.EXAMINE)
def view_examination(
    actor: Actor,
    record: Record,
    *,
    examination: Examination,
    comparison: Comparison | None = None,
    every: bool = False,
    tools: Tools,
) -> Shown:
    """Record that a page is looked at, and return which photos it shows.

    Args:
        actor: the examiner.
        record: filled in by `@accountable`.
        examination: their own.
        comparison: of which candidate; None for the probe alone.
        every: all photos of the candidate that are held, not only the most similar one.
        tools: the clock, the keys.

    Raises:
        WrongState: a candidate before the probe was analysed, or the examination was given up.
        NotPermitted: it is somebody else's, or what was found is frozen; recorded.
    """
    examination = own(actor, record, examination, tools=tools)
    if examination.state == ExaminationState.ENDED:
        raise WrongState("This examination has ended; its photos are not shown any more.")
    try:
        probe = probe_side(examination)
    except NotFound:
        probe = None
    if comparison is None:
        return Shown(probe=probe, candidate=[])
    comparison = Comparison.objects.get(pk=comparison.pk, examination=examination)
    comparison.check_links()
    if examination.analysis is None:
        raise WrongState("Write down first what the probe shows; then its candidates can be seen.")
    record.note(letter=comparison.about["letter"], every=every)
    with candidate_sides(actor, comparison, tools=tools) as (sides, _):
        return Shown(probe=probe, candidate=sides if every else sides[:1])
