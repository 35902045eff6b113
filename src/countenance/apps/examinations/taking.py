"""Taking the next examination that waits: of a search, or now and then a control in its place.

Both make the same entries in the same order, one for the draw and one for the beginning, so that not even
the number of the last entry tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.examinations import controls, queries
from countenance.apps.examinations.locking import lock_search, probe_of, require_wanted
from countenance.apps.examinations.models import Examination
from countenance.apps.examinations.rows import make_rows
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.searches.models import Search
from countenance.errors import NotFound, WrongState
from countenance.examination.control import is_control_due
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, packs
from countenance.tools import Tools

DRAW_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was drawn: a search that waits, and a control to take its place, or none."""

    search: Search
    control: controls.Plan | None


@accountable(Action.EXAMINATION_DRAWN, deed=Deed.EXAMINE)
def _draw(actor: Actor, record: Record, *, examination: UUID, tools: Tools) -> Drawn:
    """Draw what is examined next, durably, before the index is asked for anything."""
    record.note(about=examination)
    _require_none_open(actor)
    search = next(queries.waiting_searches(actor, tools=tools), None)
    if search is None:
        raise NotFound("Nothing waits for you to be examined.")
    control = None
    # Drawn in any case, and used only if a control is due: what it takes tells nothing.
    planned = controls.plan(actor, candidates=len(search.outcome["candidates"]), tools=tools)
    if is_control_due(tools.token_bytes(DRAW_BYTES), share=controls_share(actor)):
        control = planned
    record.note(
        control=None if control is None else control.as_json(),
        search=search.pk if control is None else None,
    )
    return Drawn(search=search, control=control)


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
    """Begin what was drawn: a control if it has candidates, else the search."""
    record.note(about=examination, drawn=True)
    _require_none_open(actor)
    control = drawn.control
    if control is None or not candidates:
        search = lock_search(actor, drawn.search, tools=tools)
        require_wanted(actor, search, tools=tools)
        record.note(search=search.pk, candidates=len(search.outcome["candidates"]))
        return make_rows(
            actor,
            examination_id=examination,
            search=search,
            probe=probe_of(search),
            candidates=search.outcome["candidates"],
            drawn=True,
            tools=tools,
        )
    record.note(control=True, candidates=len(candidates))
    known = {"subject": str(control.subject), "mate": control.mate}
    return make_rows(
        actor,
        examination_id=examination,
        search=None,
        probe={"photo": str(control.photo), "face": control.face},
        candidates=candidates,
        control=known,
        drawn=True,
        tools=tools,
    )


@composed_of(_draw, _begin)
def take_examination(actor: Actor, *, tools: Tools) -> Examination:
    """Begin the next examination that waits for the actor, without choosing or knowing which.

    Raises:
        NotFound: nothing waits.
        WrongState: one that was drawn is open still, or somebody else began it at the same moment.
    """
    examination = uuid4()
    drawn = _draw(actor, examination=examination, tools=tools)
    control = drawn.control
    candidates = [] if control is None else controls.find(control, tools=tools)
    return _begin(actor, examination=examination, drawn=drawn, candidates=candidates, tools=tools)


def _require_none_open(actor: Actor) -> None:
    """Lock the examiner, who has one drawn examination at a time.

    Raises:
        WrongState: one is open.
    """
    Person.objects.select_for_update(no_key=True).get(pk=actor.person)
    if queries.open_draw(actor) is not None:
        raise WrongState("Finish or give up the examination that is open first.")


def controls_share(actor: Actor) -> float:
    """Return how many of an examiner's drawn examinations are controls, by the agency's pack."""
    return packs.controls_share(packs.terms_of(Agency.objects.get(pk=actor.agency).pack))


controls_share.accountable = ()  # type: ignore[attr-defined] # it only reads
