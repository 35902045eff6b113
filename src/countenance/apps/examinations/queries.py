"""Reading examinations: one's own, those that wait for an examiner, and who may see what was found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.permits import examiners_of, permit_examiner, standings_of
from countenance.apps.examinations.standings import check_whole, closing_of, is_settled, recorded
from countenance.apps.searches.candidates import CANDIDATES
from countenance.apps.searches.clock import permit_look
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import CountenanceError, NotFound, SealBroken
from countenance.policy import Actor, Deed, Role, may
from countenance.tools import Tools

TOO_LONG = timedelta(days=14)
"""A search whose candidates are not all compared after so long is a signal."""


class Sight(StrEnum):
    """What somebody may know of what a search found."""

    NOTHING = "nothing"
    OWN = "own"  # the candidates, and what they concluded themselves
    EVERYTHING = "everything"  # every recorded examination


def examines(actor: Actor) -> bool:
    """Say whether somebody is an examiner, who could be asked to examine; also if they come with a token.

    No token examines, so `may` would take an examiner on the command line for somebody who never does.
    """
    return Role.EXAMINER in actor.roles


def own_examinations(actor: Actor, *states: ExaminationState) -> QuerySet[Examination]:
    """Return the actor's own examinations in these states, or all, newest first; slice it.

    Those that were destroyed with what their search found are left out: nothing of them opens.
    """
    found = Examination.objects.filter(
        agency_id=actor.agency, examiner_id=actor.person, object_key__isnull=False
    )
    if states:
        found = found.filter(state__in=states)
    return found.select_related("search").order_by("-begun_at", "pk")


def examination(actor: Actor, examination_id: UUID) -> Examination:
    """Return one of the actor's own examinations.

    Raises:
        NotFound: there is none, or it is somebody else's: said alike.
    """
    found = own_examinations(actor).filter(pk=examination_id).first()
    if found is None:
        raise NotFound("There is no such examination, or it is not yours.")
    found.check_links()
    return found


def comparisons(one: Examination) -> list[Comparison]:
    """Return the comparisons of an examination in the order that was drawn, without those that follow."""
    found = list(one.comparisons.filter(follows=None).order_by("place"))
    for comparison in found:
        comparison.check_links()
    return found


def comparison(one: Examination, letter: str) -> Comparison:
    """Return the comparison of this letter.

    Raises:
        NotFound: the examination has none, or its probe was not analysed yet: said alike.
    """
    if one.analysis is not None:
        for found in comparisons(one):
            if found.about["letter"] == letter:
                return found
    raise NotFound("There is no such candidate in this examination.")


def last_of(one: Comparison) -> Comparison:
    """Return what takes the place of a comparison at last; itself, if nothing does."""
    while (following := Comparison.objects.filter(follows=one).first()) is not None:
        following.check_links()
        one = following
    return one


def sight(actor: Actor, search: Search) -> Sight:
    """Return what the actor may know of the candidates of a search, and of what was concluded of them.

    An examiner knows nothing before their own examination is recorded, and nothing of another one's
    before two are. Whoever could still be asked to examine it counts as an examiner.

    Raises:
        SealBroken: somebody changed in the database how far an examination is.
    """
    if not may(actor, Deed.EXAMINATIONS_READ) or search.agency_id != actor.agency:
        return Sight.NOTHING
    mine = own_of(actor, search)
    oversees = may(actor, Deed.LEAD_RELEASE) or may(actor, Deed.LEDGER_READ)
    # Decided before anything of others is read, so that not even the time it takes tells how far they are.
    if mine is None and examines(actor) and not oversees:
        return Sight.NOTHING
    if mine is not None and mine.state == ExaminationState.OPEN:
        return Sight.NOTHING
    if mine is not None and search.purged_at is None:
        # The column alone decides nothing: whoever can write to the database could set it.
        mine.check_links()
        check_whole(mine)
    both = _is_recorded_by_all(search)
    if mine is not None:
        return Sight.EVERYTHING if both else Sight.OWN
    closed = is_closed(search)
    if not examines(actor):
        return Sight.EVERYTHING if both or closed else Sight.NOTHING
    decided = closed or (both and is_settled(standings_of(search)))
    return Sight.EVERYTHING if decided else Sight.NOTHING


def _is_recorded_by_all(search: Search) -> bool:
    """Say whether as many recorded as a search needs; it takes as long whether one of two has, or none."""
    needed = examiners_of(search)
    said = search.examinations.filter(state=ExaminationState.RECORDED).count()
    return said >= needed and len(recorded(search)) >= needed


def own_of(actor: Actor, search: Search) -> Examination | None:
    """Return the actor's own examination of a search, if they did not give it up."""
    every = search.examinations.exclude(state=ExaminationState.ENDED)
    return every.filter(examiner_id=actor.person).first()


def visible_to(actor: Actor, search: Search) -> list[Examination]:
    """Return the recorded examinations of a search that the actor may know of."""
    known = sight(actor, search)
    if known == Sight.NOTHING:
        return []
    found = recorded(search)
    if known == Sight.OWN:
        return [one for one in found if one.examiner_id == actor.person]
    return found


def has_candidates(search: Search) -> bool:
    """Say whether a search returned candidates that can still be examined."""
    if search.state != SearchState.CONCLUDED or search.purged_at or search.frozen_at:
        return False
    return bool(search.outcome["answer"] == CANDIDATES)


def is_closed(search: Search) -> bool:
    """Say whether a search was closed.

    Raises:
        SealBroken: a row says so that nobody sealed.
    """
    return closing_of(search) is not None


def wanting(actor: Actor) -> QuerySet[Search]:
    """Return the searches of the actor's agency that want an examiner, and not them already, oldest first."""
    rows = Search.objects.filter(
        agency_id=actor.agency, wants_examiner=True, frozen_at=None, purged_at=None, closing=None
    )
    return rows.exclude(examinations__examiner_id=actor.person).order_by("ended_at", "pk")


def waiting_searches(actor: Actor, *, tools: Tools, at_most: int | None = None) -> Iterator[Search]:
    """Yield the searches that wait for this examiner, those that ended first before others.

    Args:
        actor: an examiner.
        tools: the clock.
        at_most: look at no more than so many; for what is asked whenever a page is drawn.
    """
    if not may(actor, Deed.EXAMINE):
        return
    rows = (
        wanting(actor)
        # Whoever ran it would know it again; they begin from its page, or not at all.
        .exclude(asked_by_id=actor.person)
        .exclude(answers__asked_by_id=actor.person)
        .exclude(probe__added_by_id=actor.person)
        .select_related("case__authority", "probe", "answers")
    )
    for search in rows if at_most is None else rows[:at_most]:
        if _waits_for(actor, search, tools=tools):
            yield search


def _waits_for(actor: Actor, search: Search, *, tools: Tools) -> bool:
    try:
        if not has_candidates(search):
            return False
        # Also one of which the deadline was altered, or is over: whoever took it could not begin.
        permit_look(search, now=tools.clock())
        permit_examiner(actor, search, today=tools.clock().date())
    except CountenanceError:
        return False
    return True


def open_draw(actor: Actor) -> Examination | None:
    """Return the open examination that the actor drew, if there is one: there is one at a time.

    While it is open nothing may say whether another search waits, or one could tell it from a control.
    One that somebody altered counts as drawn until the clock ends it: nobody can say any more that it is not.
    """
    for one in own_examinations(actor, ExaminationState.OPEN):
        if is_altered(one) or one.about["drawn"]:
            return one
    return None


def is_altered(one: Examination) -> bool:
    """Say whether an examination does not open any more, or is filed otherwise than it was sealed."""
    try:
        one.check_links()
    except SealBroken:
        return True
    return False


def open_too_long(actor: Actor, *, tools: Tools) -> list[Search]:
    """Return the agency's searches that are not closed after two weeks, oldest first.

    Somebody is still to examine them, or to settle or release what the examiners concluded.
    """
    begun = Examination.objects.filter(search=OuterRef("pk"))
    rows = Search.objects.filter(
        Q(wants_examiner=True) | Exists(begun),
        agency_id=actor.agency,
        state=SearchState.CONCLUDED,
        frozen_at=None,
        purged_at=None,
        closing=None,
        ended_at__lt=tools.clock() - TOO_LONG,
    )
    return list(rows.order_by("ended_at", "pk"))
