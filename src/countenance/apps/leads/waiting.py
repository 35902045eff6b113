"""What waits about leads: searches to be decided, and what became of those that were released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from countenance.apps.cases import queries as cases
from countenance.apps.examinations import queries as examinations
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.examinations.permits import standings_of
from countenance.apps.leads.afterwards import EXAMINER, Progress, progress_of
from countenance.apps.leads.ending import ASKED, ends_at
from countenance.apps.leads.models import Lead
from countenance.apps.leads.queries import released
from countenance.apps.records.waiting import Source, Waiting, of_each
from countenance.apps.searches.models import Search, SearchState
from countenance.apps.searches.queries import code_of
from countenance.examination.combine import EXAMINERS, Standing
from countenance.policy import Actor, Deed, may
from countenance.tools import Tools

LOOKED_AT = 10
"""So many searches are opened to say what is to be decided of them; this is asked whenever a page is drawn."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield what a supervisor decides of searches, and the leads of which an investigator says what came.

    Nothing while an examination is open that the actor drew: a search could be the one it is of.
    """
    if examinations.examines(actor) and examinations.open_draw(actor) is not None:
        return
    sources: list[Source] = []
    if may(actor, Deed.LEAD_RELEASE):
        sources += [_to_decide, _open_too_long]
    if may(actor, Deed.LEAD_OUTCOME):
        sources.append(_to_be_told)
    yield from of_each(sources, lambda source: source(actor, tools=tools))


def _to_decide(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the searches that all their examiners have recorded, and that nobody has decided."""
    recorded = _examined(ExaminationState.RECORDED)
    found = _open(actor).filter(Exists(recorded)).exclude(Exists(_examined(ExaminationState.OPEN)))
    if examinations.examines(actor):
        # A search that only one has recorded is not even opened for whoever could come second.
        done = Count("examinations", filter=Q(examinations__state=ExaminationState.RECORDED))
        found = found.annotate(done=done).filter(done__gte=EXAMINERS)
    # Those that want no examiner any more wait for a supervisor alone.
    searches = list(found.order_by("wants_examiner", "ended_at", "pk")[:LOOKED_AT])
    progress = progress_of(searches)
    yield from of_each(searches, lambda one: _of_search(actor, one, progress[one.pk]))


def _may_know(actor: Actor, search: Search) -> bool:
    """Say whether the actor may know how far a search is; of whoever does not examine, everything is by now."""
    if not examinations.examines(actor):
        return True
    return examinations.sight(actor, search) == examinations.Sight.EVERYTHING


def _of_search(actor: Actor, search: Search, progress: Progress) -> Iterator[Waiting]:
    if not _may_know(actor, search):
        return
    done = released(search) if progress.leads else {}
    counted = Counter(one.standing for one in standings_of(search) if one.subject not in done)
    if counted[Standing.OPEN]:
        return  # It needs more examiners than have recorded.
    agreed, disagreed = counted[Standing.AGREED], counted[Standing.DISAGREED]
    name = f"search {code_of(search)}, case {search.case.reference}"
    href, since = reverse("consolidation", args=[search.pk]), max(progress.recorded)
    if agreed:
        said = "1 candidate" if agreed == 1 else f"{agreed} candidates"
        what = f"Release a lead or close {name}: the examiners agree on {said}"
        yield Waiting(what=what, since=since, href=href)
    if disagreed:
        said = "1 candidate" if disagreed == 1 else f"{disagreed} candidates"
        what = f"The examiners of {name} disagree on {said}"
        yield Waiting(what=what, since=since, href=href, whose=EXAMINER)
    if not agreed and not disagreed:
        close = reverse("search_close", args=[search.pk])
        yield Waiting(
            what=f"Close {name}: all its candidates are compared", since=since, href=close
        )


def _open_too_long(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the searches whose candidates nobody, or too few, compared after two weeks."""
    found = _open(actor).filter(ended_at__lt=tools.clock() - examinations.TOO_LONG)
    unsaid = Q(wants_examiner=True) | Exists(_examined(ExaminationState.OPEN))
    rows = found.filter(unsaid).order_by("ended_at", "pk")[:LOOKED_AT]
    yield from of_each(rows, lambda search: _late(actor, search))


def _late(actor: Actor, search: Search) -> Iterator[Waiting]:
    if _may_know(actor, search):
        name = f"search {code_of(search)}, case {search.case.reference}"
        yield Waiting(
            what=f"Find an examiner for {name}, or close it: it is not compared after two weeks",
            since=(search.ended_at or search.intended_at) + examinations.TOO_LONG,
            href=reverse("search", args=[search.pk]),
        )


def _open(actor: Actor) -> QuerySet[Search]:
    """Return the agency's concluded searches that were not closed."""
    rows = Search.objects.filter(
        agency_id=actor.agency,
        state=SearchState.CONCLUDED,
        frozen_at=None,
        purged_at=None,
        closing=None,
    )
    return rows.select_related("case", "agency")


def _examined(state: ExaminationState) -> QuerySet[Examination]:
    return Examination.objects.filter(search=OuterRef("pk"), state=state)


def _to_be_told(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield the leads of the actor's cases of which nobody has said what became of them.

    Those that are destroyed soon, `ending` yields, with their day.
    """
    now = tools.clock()
    rows = Lead.objects.filter(
        agency_id=actor.agency,
        case__in=cases.cases(actor).order_by().values("pk"),
        outcome_at=None,
        object_key__isnull=False,
        search__frozen_at=None,
        withdrawn_at=None,
    )
    rows = rows.select_related("case__agency", "search__agency").order_by("released_at", "pk")
    yield from of_each(rows, lambda lead: _untold(lead, now=now))


def _untold(lead: Lead, *, now: datetime) -> Iterator[Waiting]:
    end = ends_at(lead, now=now)
    if end is None or now < end - ASKED:
        yield Waiting(
            what=f"Read lead {lead.number}, and say what came of it",
            since=lead.released_at,
            href=reverse("lead", args=[lead.pk]),
        )
