"""Cases as their list shows them: how far each is, what is next, and whose step that is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count, Max

from countenance.apps.cases import queries as case_queries
from countenance.apps.cases import words
from countenance.apps.cases.models import AuthorityState, Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Probe, RequestState, Search, SearchRequest
from countenance.ledger.entry import OF_EXAMINERS, Action
from countenance.policy import Actor, Deed, may

MOST_CASES = 2000
"""So many of the newest cases are looked through; what is in them is sealed, so each is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is next in a case."""

    words: str
    whose: str
    yours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One case as a line of the list; `last` says what its newest entry records, and when."""

    case: Case
    status: str
    authority: str
    steps: Sequence[Step]

    @property
    def step(self) -> Step | None:
        """Return the step that waits for whoever looks, or else the first one."""
        return next((one for one in self.steps if one.yours), next(iter(self.steps), None))

    @property
    def yours(self) -> bool:
        """Say whether the case waits for whoever looks."""
        return self.step is not None and self.step.yours


@dataclass(frozen=True, slots=True)
class Progress:
    """What there is in some cases, by case."""

    evidence: Counter[UUID]
    searches: Counter[UUID]
    asked: Counter[UUID]
    waiting: dict[UUID, list[UUID]]  # who asked for the searches that wait
    declined: dict[UUID, bool]  # whether the newest request was declined


def rows(actor: Actor, *, query: str, today: date) -> list[CaseRow]:
    """Return the cases that the actor sees and whose reference or purpose has these words, newest first."""
    wanted = query.casefold().split()
    found = [
        one
        for one in case_queries.cases(actor)[:MOST_CASES]
        if _has(f"{one.reference} {one.purpose}".casefold(), wanted)
    ]
    return described(actor, found, today=today)


def described(actor: Actor, cases: Sequence[Case], *, today: date) -> list[CaseRow]:
    """Return cases with their status, authority and next steps."""
    progress = _progress(cases)
    made = []
    for case in cases:
        case.check_links()
        authority = words.NO_AUTHORITY
        if case.authority is not None:
            case.authority.check_links()
            authority = words.state_words(case.authority, today=today)
        made.append(
            CaseRow(
                case=case,
                status=status_of(case, today=today),
                authority=authority,
                steps=steps(actor, case, progress, today=today),
            )
        )
    return made


def status_of(case: Case, *, today: date) -> str:
    """Return how a case stands, in a word."""
    if case.closed_at is not None:
        return "Closed"
    return "Ended" if _is_over(case, today=today) else "Open"


def steps(actor: Actor, case: Case, progress: Progress, *, today: date) -> list[Step]:
    """Return what is next in a case, and whose it is."""
    if case.closed_at is not None:
        return []
    if _is_over(case, today=today):
        return [_lead_step(actor, case, "Close it: its last day is over")]
    return [*_authority_steps(actor, case, today=today), *_work_steps(actor, case, progress)]


def _authority_steps(actor: Actor, case: Case, *, today: date) -> list[Step]:
    authority = case.authority
    if authority is None:
        return [_lead_step(actor, case, "Put it under an authority")]
    state = authority.state(today=today)
    if state == AuthorityState.GRANTED:
        return []
    if state == AuthorityState.WAITING:
        able = may(actor, Deed.AUTHORITY_DECIDE) and authority.proposed_by_id != actor.person
        return [_step("Decide about the authority", "A supervisor", yours=able)]
    return [_lead_step(actor, case, "Put it under a new authority")]


def _work_steps(actor: Actor, case: Case, progress: Progress) -> list[Step]:
    waiting = progress.waiting.get(case.pk, [])
    if waiting:
        able = may(actor, Deed.SEARCH_RUN) and actor.person not in {case.opened_by_id, *waiting}
        count = len(waiting)
        said = "Run the search asked for" if count == 1 else f"Run the {count} searches asked for"
        return [_step(said, "An examiner", yours=able)]
    if not progress.evidence[case.pk]:
        return [_lead_step(actor, case, "Add evidence")]
    if not progress.asked[case.pk] and not progress.searches[case.pk]:
        return [_lead_step(actor, case, "Ask for a search")]
    if progress.declined[case.pk]:
        return [_lead_step(actor, case, "Read why a request was declined, and ask anew")]
    return []


def _step(said: str, whose: str, *, yours: bool) -> Step:
    return Step(words=said, whose="You" if yours else whose, yours=yours)


def _lead_step(actor: Actor, case: Case, said: str) -> Step:
    ours = actor.person in {case.opened_by_id, *case.member_ids}
    return _step(said, case.opened_by.name, yours=ours and may(actor, Deed.CASE_OPEN))


def _is_over(case: Case, *, today: date) -> bool:
    return case.expires_on is not None and case.expires_on < today


def _has(text: str, wanted: Sequence[str]) -> bool:
    return all(word in text for word in wanted)


def _progress(cases: Sequence[Case]) -> Progress:
    ids = [case.pk for case in cases]
    evidence = Probe.objects.filter(case__in=ids, derived_from=None)
    waiting: dict[UUID, list[UUID]] = defaultdict(list)
    asked: Counter[UUID] = Counter()
    requests = SearchRequest.objects.filter(case__in=ids)
    declined: dict[UUID, bool] = defaultdict(bool)
    found = requests.order_by("asked_at", "pk")
    for case_id, by, state in found.values_list("case_id", "asked_by_id", "state"):
        asked[case_id] += 1
        declined[case_id] = state == RequestState.DECLINED
        if state == RequestState.WAITING:
            waiting[case_id].append(by)
    return Progress(
        evidence=_counted(evidence),
        searches=_counted(Search.objects.filter(case__in=ids)),
        asked=asked,
        waiting=waiting,
        declined=declined,
    )


def _counted(found: Any) -> Counter[UUID]:
    return Counter(dict(found.order_by().values_list("case_id").annotate(count=Count("pk"))))


def last_entries(cases: Sequence[Case]) -> dict[UUID, dict[str, Any]]:
    """Return of each case what the newest entry about it, its evidence or its searches records, and when."""
    ids = [case.pk for case in cases]
    case_of = {pk: pk for pk in ids}
    for model in (Probe, Search, SearchRequest):
        case_of |= dict(model._default_manager.filter(case__in=ids).values_list("pk", "case_id"))  # noqa: SLF001 # Django's documented API
    newest: dict[UUID, int] = {}
    # What examiners do is left out: an examiner would read here that another one was at work.
    rows = LedgerRow.objects.filter(about__in=case_of).exclude(action__in=map(str, OF_EXAMINERS))
    found = rows.order_by().values_list("about")
    for about, index in found.annotate(newest=Max("index")):
        case_id = case_of[about]
        newest[case_id] = max(index, newest.get(case_id, -1))
    entries = LedgerRow.objects.in_bulk(list(newest.values()))
    return {
        case_id: {"words": Action(entries[index].action).meaning, "at": entries[index].at}
        for case_id, index in newest.items()
    }
