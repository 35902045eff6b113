"""What somebody may know of a search's candidates, and see at all, said to the apps below this one."""

from __future__ import annotations

from uuid import UUID

from countenance.apps.examinations import queries
from countenance.apps.examinations.models import ExaminationState
from countenance.apps.examinations.permits import examiners_of, permit_beginner
from countenance.apps.searches.knowing import Known
from countenance.apps.searches.models import Search
from countenance.errors import CountenanceError, NotPermitted
from countenance.examination.combine import many
from countenance.policy import Actor
from countenance.tools import Tools

DRAWN = (
    "You read here who they are once you have examined them. Which examination is yours you do not choose: "
    "take the next one that waits."
)
ALTERED = (
    "An examination that you have open was altered in the database and does not open any more. The program ends "
    "it within the hour; till then no other photo and no search is shown to you."
)
ONE_OPEN = "Finish or give up the examination that you took first."


def drawn_open(actor: Actor) -> UUID | None:
    """Return the open examination that the actor drew; whoever examines no more can be led by nothing.

    Raises:
        NotPermitted: one is open that somebody altered, so that it cannot even be given up.
    """
    if not queries.examines(actor):
        return None
    one = queries.open_draw(actor)
    if one is not None and queries.is_altered(one):
        raise NotPermitted(ALTERED, rule="examination.altered")
    return None if one is None else one.pk


def known(actor: Actor, search: Search, *, tools: Tools) -> Known:
    """Return what the actor may know of the candidates of a search.

    While an examination is open that was drawn, the same is said of every search: nobody can find out by
    asking which one it is of, or that it is of none. To whoever did not run it nothing is said of how far
    others are, or that they disagree.
    """
    if queries.sight(actor, search) != queries.Sight.NOTHING:
        mine = queries.own_of(actor, search)
        return Known(candidates=True, examination=None if mine is None else mine.pk)
    if not queries.examines(actor):
        return Known(candidates=False, why=_all_first(search))
    if queries.open_draw(actor) is not None:
        return Known(candidates=False, why=ONE_OPEN)
    mine = search.examinations.filter(examiner_id=actor.person, state=ExaminationState.OPEN).first()
    if mine is not None:
        return Known(candidates=False, examination=mine.pk)
    return _may_begin(actor, search, tools=tools)


def sees(actor: Actor, search: Search) -> bool:
    """Say whether the actor may know anything of a search's candidates."""
    return queries.sight(actor, search) != queries.Sight.NOTHING


def _may_begin(actor: Actor, search: Search, *, tools: Tools) -> Known:
    if search.asked_by_id != actor.person:
        return Known(candidates=False, why=DRAWN)
    try:
        permit_beginner(actor, search, today=tools.clock().date())
    except CountenanceError as error:
        return Known(candidates=False, why=error.detail)
    return Known(candidates=False, begins=True)


def _all_first(search: Search) -> str:
    examiners = examiners_of(search)
    have = "has" if examiners == 1 else "have"
    return f"You read here who they are, and what was concluded, once {many(examiners)} {have} recorded."
