"""Taking the next examination that waits: of a search, or now and then a control in its place.

Both do the same work in the same order, and make the same entries: a control is planned and looked for each
time, and thrown away if none is due; the search is locked and judged each time, also if a control takes its
place. So neither the number of the last entry nor the time that it takes tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import structlog

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.examinations import controls, queries
from countenance.apps.examinations.locking import lock_search, probe_of, require_wanted
from countenance.apps.examinations.models import Examination
from countenance.apps.examinations.queueing import requeue
from countenance.apps.examinations.rows import make_rows
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.models import Search
from countenance.errors import CountenanceError, NotFound, WrongState
from countenance.examination.control import due_share, is_control_due
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, packs
from countenance.tools import Tools

log = structlog.get_logger()

DRAW_BYTES = 8
OLDEST = 8
"""It is drawn from so many that wait longest: nobody can look up beforehand which one comes next."""
LOOKED_AT = 50
"""So many examinations are read at once to count those since the last draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was drawn: a search that waits, a control that could take its place, and whether it is due."""

    search: Search
    planned: controls.Plan | None
    due: bool

    @property
    def control(self) -> controls.Plan | None:
        """Return the control that is due; None if there is none."""
        return self.planned if self.due else None


@accountable(Action.EXAMINATION_DRAWN, deed=Deed.EXAMINE)
def _draw(actor: Actor, record: Record, *, examination: UUID, tools: Tools) -> Drawn:
    """Draw what is examined next, durably, before the index is asked for anything."""
    record.note(about=examination)
    _require_none_open(actor)
    waiting = list(islice(queries.waiting_searches(actor, tools=tools), OLDEST))
    if not waiting:
        raise NotFound("Nothing waits for you to be examined.")
    search = waiting[controls.below(len(waiting), tools.token_bytes)]
    planned = controls.plan(
        actor,
        candidates=len(search.outcome["candidates"]),
        photos=1 + len(search.request.get("more", ())),
        threshold=search.request["threshold"],
        tools=tools,
    )
    share = due_share(controls_share(actor), begun=_begun_since_last_draw(actor))
    due = is_control_due(tools.token_bytes(DRAW_BYTES), share=share)
    drawn = Drawn(search=search, planned=planned, due=due)
    # Not of whom a control would be: nothing would ever erase that of one that is not begun.
    record.note(search=search.pk)
    return drawn


@accountable(Action.EXAMINATION_BEGUN, deed=Deed.EXAMINE)
def _begin(
    actor: Actor,
    record: Record,
    *,
    examination: UUID,
    drawn: Drawn,
    candidates: Sequence[dict[str, Any]],
    tools: Tools,
) -> Examination:
    """Begin what was drawn: a control if one is due and its people are still enrolled, else the search."""
    record.note(about=examination, drawn=True)
    _require_none_open(actor)
    search = lock_search(actor, drawn.search, tools=tools)
    require_wanted(actor, search, tools=tools)
    # Looked for also if none is due, so that it takes as long.
    enrolled = drawn.planned is not None and controls.lock_enrolled(drawn.planned, candidates)
    control = drawn.control if enrolled else None
    shown = search.outcome["candidates"] if control is None else candidates
    made = make_rows(
        actor,
        examination_id=examination,
        search=search,
        probe=probe_of(search) if control is None else control.probe,
        candidates=shown,
        control=None if control is None else control.truth,
        drawn=True,
        tools=tools,
    )
    requeue(search, record, tools=tools)
    record.note(search=search.pk, control=control is not None, candidates=len(shown))
    return made


@composed_of(_draw, _begin)
def take_examination(actor: Actor, *, tools: Tools) -> Examination:
    """Begin the next examination that waits for the actor, without choosing or knowing which.

    Raises:
        NotFound: nothing waits.
        WrongState: one that was drawn is open still, or somebody else began it at the same moment.
    """
    examination = uuid4()
    drawn = _draw(actor, examination=examination, tools=tools)
    planned, candidates = _candidates(drawn.planned, tools=tools)
    drawn = replace(drawn, planned=planned)
    return _begin(actor, examination=examination, drawn=drawn, candidates=candidates, tools=tools)


def _candidates(
    planned: controls.Plan | None, *, tools: Tools
) -> tuple[controls.Plan | None, list[dict[str, Any]]]:
    """Return a control and its candidates, whether or not it is due; none if there are not as many as needed."""
    if planned is None:
        return None, []
    try:
        return controls.find(planned, tools=tools)
    except CountenanceError as error:
        # A row of a gallery that somebody altered must not keep examiners from what waits.
        log.warning("control.failed", code=error.code)
        return None, []


def _begun_since_last_draw(actor: Actor) -> int:
    """Return how many examinations the actor began of searches that they ran, since they last drew one."""
    count = 0
    rows = Examination.objects.filter(agency_id=actor.agency, examiner_id=actor.person)
    for one in rows.order_by("-begun_at", "pk").iterator(chunk_size=LOOKED_AT):
        if one.search_id is None:
            break  # controls are drawn
        if one.object_key is None:
            continue
        if one.about["drawn"]:
            break
        count += 1
    return count


def _require_none_open(actor: Actor) -> None:
    """Lock the examiner, who has one drawn examination at a time.

    Raises:
        WrongState: one is open.
    """
    Person.objects.select_for_update(no_key=True).get(pk=actor.person)
    if queries.open_draw(actor) is not None:
        raise WrongState("Finish or give up the examination that is open first.")


def controls_share(actor: Actor) -> float:
    """Return how many of an examiner's examinations are controls, by the agency's pack."""
    return packs.controls_share(packs.terms_of(Agency.objects.get(pk=actor.agency).pack))


controls_share.accountable = ()  # type: ignore[attr-defined] # it only reads
