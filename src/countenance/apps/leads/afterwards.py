"""What came of searches, said to the apps below: being examined, to be decided, a lead, or none.

How far a search is, is read from plain columns, so that a list of many opens little that is sealed. What
an examiner may know of it is judged first, for each search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from countenance.apps.examinations import queries as examinations
from countenance.apps.examinations.models import Closing, Examination, ExaminationState
from countenance.apps.examinations.permits import examiners_of
from countenance.apps.leads.models import Lead
from countenance.apps.leads.queries import leads_of
from countenance.apps.searches.afterwards import Afterwards, Link
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import TamperDetected
from countenance.policy import Actor, Deed, may

EXAMINER, SUPERVISOR = "An examiner", "A supervisor"
NO_CANDIDATE = "No candidate was returned"
EXAMINING = "Candidates are being examined"
TO_DECIDE = "Examined; not decided yet"
ALTERED = "Altered in the database; it cannot be read"
NO_LEAD = "Examined; no lead was released"
CLOSED = "Closed before all candidates were compared"


@dataclass(slots=True)
class Progress:
    """What the plain columns say of one search: its examinations, whether it was closed, its leads."""

    open: int = 0
    recorded: list[datetime] = field(default_factory=list)
    closing: Closing | None = None
    leads: list[Lead] = field(default_factory=list)


def came_of(actor: Actor, searches: Sequence[Search]) -> Mapping[UUID, Afterwards]:
    """Return what came of searches, of those of which the actor may know it."""
    progress = progress_of(searches)
    found = {}
    for one in searches:
        try:
            if may_know(actor, one):
                found[one.pk] = _said(one, progress[one.pk])
        except TamperDetected:  # It hides no other search from anybody.
            found[one.pk] = Afterwards(words=ALTERED, at=one.ended_at or one.intended_at)
    return found


def may_know(actor: Actor, search: Search) -> bool:
    """Say whether the actor may know how far a search is, and that a lead came of it.

    Whoever could still be asked to examine it must not learn what others concluded.
    """
    ended = search.state == SearchState.CONCLUDED and search.ended_at is not None
    gone = search.frozen_at is not None or search.purged_at is not None
    if not ended or gone or search.agency_id != actor.agency:
        return False
    if examinations.examines(actor):
        return examinations.sight(actor, search) == examinations.Sight.EVERYTHING
    return may(actor, Deed.SEARCH_READ)


def progress_of(searches: Sequence[Search]) -> Mapping[UUID, Progress]:
    """Return how far searches are, in three queries for all of them; whoever reads a closing checks its links."""
    found: defaultdict[UUID, Progress] = defaultdict(Progress)
    rows = Examination.objects.filter(search__in=searches).exclude(state=ExaminationState.ENDED)
    for one in rows.only("search_id", "recorded_at"):
        if one.search_id is not None and one.recorded_at is not None:
            found[one.search_id].recorded.append(one.recorded_at)
        elif one.search_id is not None:
            found[one.search_id].open += 1
    for closing in Closing.objects.filter(search__in=searches):
        found[closing.search_id].closing = closing
    leads = Lead.objects.filter(search__in=searches, object_key__isnull=False)
    for lead in leads.order_by("number"):
        found[lead.search_id].leads.append(lead)
    return found


def is_to_decide(search: Search, progress: Progress) -> bool:
    """Say whether as many examined a search as it needs, and nobody still does."""
    if progress.open or not progress.recorded or progress.closing is not None:
        return False
    return len(progress.recorded) >= examiners_of(search)


def _said(search: Search, progress: Progress) -> Afterwards:
    ended_at = search.ended_at or search.intended_at
    if progress.leads:
        return _of_leads(progress.leads)
    if progress.closing is not None:
        closed = progress.closing
        closed.check_links()
        words = NO_LEAD if closed.details["compared"] else CLOSED
        said = "" if closed.by_id is None else closed.details["reason"]
        return Afterwards(words=words, at=closed.at, said=said)
    if not examinations.has_candidates(search):
        return Afterwards(words=NO_CANDIDATE, at=ended_at)
    if is_to_decide(search, progress):
        return Afterwards(words=TO_DECIDE, at=max(progress.recorded), whose=SUPERVISOR)
    return Afterwards(words=EXAMINING, at=ended_at, whose=EXAMINER)


def _of_leads(leads: Sequence[Lead]) -> Afterwards:
    """Return the leads of a search as what came of it; withdrawn ones count only if there is no other."""
    links = tuple(_link(lead) for lead in leads)
    if standing := [lead for lead in leads if lead.withdrawn_at is None]:
        count = len(standing)
        words = "A lead was released" if count == 1 else f"{count} leads were released"
        return Afterwards(words=words, at=max(one.released_at for one in standing), leads=links)
    at = max(lead.withdrawn_at for lead in leads if lead.withdrawn_at is not None)
    words = "Its lead was withdrawn" if len(leads) == 1 else "Its leads were withdrawn"
    return Afterwards(words=words, at=at, leads=links)


def links_from(actor: Actor, search: Search) -> Iterator[Link]:
    """Yield the pages that the actor can open from a search.

    Raises:
        SealBroken: a lead or an examination was changed in the database.
    """
    if not may_know(actor, search):
        return
    for lead in leads_of(search):
        yield _link(lead, UUID(lead.details["subject"]))
    everything = examinations.sight(actor, search) == examinations.Sight.EVERYTHING
    if everything and len(progress_of([search])[search.pk].recorded) >= examiners_of(search):
        href = reverse("consolidation", args=[search.pk])
        yield Link(words="Compare the examinations", href=href)
    closes = may(actor, Deed.LEAD_RELEASE) and may(actor, Deed.SEARCH_CLOSE)
    if closes and examinations.has_candidates(search) and not examinations.is_closed(search):
        yield Link(words="Close the search", href=reverse("search_close", args=[search.pk]))


def _link(lead: Lead, subject: UUID | None = None) -> Link:
    return Link(words=f"Lead {lead.number}", href=reverse("lead", args=[lead.pk]), subject=subject)
