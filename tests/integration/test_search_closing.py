"""How examinations of a search end: it is closed, left open for too long, or what it found is destroyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from examining import (
    Bench,
    begin,
    bench,
    checklist,
    conclude_all,
    examine,
)
from factories import acting, search, set_by_hand

from countenance.apps.examinations import closing, queries, services
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.leads import services as leads
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import purging
from countenance.apps.searches.models import Search
from countenance.errors import (
    NotPermitted,
    ReasonMissing,
    WrongState,
)
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def tools_of(made: Bench) -> Any:
    return made.on.tools


def about_anna(comparison: Any) -> Conclusion:
    """Conclude that the first of the list is the same person, and all others are not."""
    return SAME if comparison.about["rank"] == 1 else OTHER


def test_a_search_is_closed_when_all_is_compared_or_with_a_reason(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.second, search=made.search, tools=tools)
    supervisor = acting(made.on, Role.SUPERVISOR)
    with pytest.raises(ReasonMissing):
        closing.close_search(supervisor, search=made.search, reason="", tools=tools)
    closing.close_search(supervisor, search=made.search, reason=WHY, tools=tools)
    begun.refresh_from_db()
    assert begun.state == ExaminationState.ENDED
    found = Search.objects.get(pk=made.search.pk)
    assert queries.is_closed(found)
    assert found.closing.details["compared"] is False
    with pytest.raises(WrongState):
        closing.close_search(supervisor, search=found, reason=WHY, tools=tools)
    with pytest.raises(WrongState):
        begin(made.first, search=found, tools=tools)
    other = made.another_search()
    for actor in (made.first, made.second):
        examine(actor, other, tools=tools, concluding=about_anna)
    with pytest.raises(ReasonMissing):  # Support that nobody releases is no reason by itself.
        closing.close_search(supervisor, search=other, reason="", tools=tools)
    closed = closing.close_search(supervisor, search=other, reason=WHY, tools=tools)
    assert closed.details["compared"] is True


def test_a_search_with_which_all_is_done_is_closed_by_the_program(made: Bench) -> None:
    tools = tools_of(made)
    examine(made.first, made.search, tools=tools)
    assert Search.objects.get(pk=made.search.pk).wants_examiner
    begun = begin(made.second, search=made.search, tools=tools)
    assert not Search.objects.get(pk=made.search.pk).wants_examiner
    conclude_all(made.second, begun, tools=tools)
    found = Search.objects.get(pk=made.search.pk)
    assert queries.is_closed(found)
    assert found.closing.by_id is None
    assert found.closing.details["compared"] is True
    assert not found.wants_examiner


def test_a_disagreement_and_support_that_nobody_released_stay_open(made: Bench) -> None:
    tools = tools_of(made)
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_anna)
    found = Search.objects.get(pk=made.search.pk)
    assert (queries.is_closed(found), found.wants_examiner) == (False, False)
    other = made.another_search()
    examine(made.first, other, tools=tools, concluding=about_anna)
    examine(made.second, other, tools=tools)
    found = Search.objects.get(pk=other.pk)
    assert (queries.is_closed(found), found.wants_examiner) == (False, True)
    # The one who saw more says less: then nothing is left.
    row = next(
        row
        for row in queries.comparisons(queries.visible_to(made.first, found)[0])
        if row.about["rank"] == 1
    )
    services.follow_conclusion(
        made.first,
        comparison=row,
        checklist=checklist(OTHER),
        conclusion=str(OTHER),
        reason=WHY,
        tools=tools,
    )
    found = Search.objects.get(pk=other.pk)
    assert (queries.is_closed(found), found.wants_examiner) == (True, False)


def test_a_search_is_closed_with_the_last_lead_of_it(made: Bench) -> None:
    tools = tools_of(made)
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_anna)
    supervisor = acting(made.on, Role.SUPERVISOR)
    subject = UUID(made.search.outcome["candidates"][0]["subject"])
    leads.release_lead(
        replace(supervisor, stepped_up_at=tools.clock()),
        search=made.search,
        subject=subject,
        tools=tools,
    )
    assert queries.is_closed(Search.objects.get(pk=made.search.pk))


def test_giving_up_puts_a_search_back_into_the_queue(made: Bench) -> None:
    tools = tools_of(made)
    for actor in (made.first, made.second):
        begun = begin(actor, search=made.search, tools=tools)
    assert list(queries.waiting_searches(made.third, tools=tools)) == []
    services.end_examination(made.second, examination=begun, reason=WHY, tools=tools)
    assert list(queries.waiting_searches(made.third, tools=tools)) == [made.search]


def test_a_search_that_found_nobody_never_waits(made: Bench) -> None:
    photo = FakeEngine.photo("anna", shot=7)
    set_by_hand(made.gallery, 1.0)
    found = search(made.on, made.case, [made.gallery], photo)
    assert found.outcome["candidates"] == []
    assert not Search.objects.get(pk=found.pk).wants_examiner


def test_only_who_ran_a_search_or_a_supervisor_closes_it_and_learns_nothing_by_that(
    made: Bench,
) -> None:
    tools, ran = tools_of(made), made.on.examiner
    for found in (made.search, made.another_search()):
        with pytest.raises(NotPermitted) as caught:
            closing.close_search(made.third, search=found, reason=WHY, tools=tools)
        assert caught.value.rule == "search.close_own"
        # Others have recorded theirs, or nobody has: whoever ran it is asked the same.
        if found.pk == made.search.pk:
            for actor in (made.first, made.second):
                examine(actor, found, tools=tools, concluding=about_anna)
        with pytest.raises(ReasonMissing):
            closing.close_search(ran, search=found, reason="", tools=tools)
        closing.close_search(ran, search=found, reason=WHY, tools=tools)


def test_a_search_whose_candidates_nobody_compares_is_a_signal(made: Bench) -> None:
    tools = tools_of(made)
    assert queries.open_too_long(made.first, tools=tools) == []
    later = made.on.tools.clock() + 2 * queries.TOO_LONG
    tools = replace(tools, clock=lambda: later)
    assert queries.open_too_long(made.first, tools=tools) == [made.search]
    closing.close_search(made.on.supervisor, search=made.search, reason=WHY, tools=tools)
    assert queries.open_too_long(made.first, tools=tools) == []


def test_a_purge_destroys_what_was_written_about_the_candidates(made: Bench) -> None:
    tools = tools_of(made)
    examine(made.first, made.search, tools=tools, concluding=about_anna)
    begun = begin(made.second, search=made.search, tools=tools)
    made.search.refresh_from_db()
    destroy(made)
    assert Examination.objects.get(pk=begun.pk).state == ExaminationState.ENDED
    for actor in (made.first, made.second):
        assert list(queries.own_examinations(actor)) == []
    for one in Examination.objects.filter(search=made.search):
        assert one.object_key is None
        assert one.analysis is None
        for row in one.comparisons.all():
            assert row.object_key is None
            assert row.said is None
    said = LedgerRow.objects.filter(action=str(Action.CONCLUSION_RECORDED))
    assert said.count() == 4
    assert said.exclude(body=None).count() == 0


def destroy(made: Bench) -> None:
    """Let the search be one whose authority did not come in time, past the services, and let the clock run."""
    one = made.search
    by = one.intended_at - timedelta(days=1)
    one.request = {**one.request, "authorise_by": by.isoformat()}
    one.authorise_by = by
    one.save(update_fields=("request", "authorise_by"))
    later = one.intended_at + timedelta(hours=50)
    tools = replace(made.on.tools, clock=lambda: later)
    purging.freeze_overdue(SYSTEM, tools=tools)
    purging.purge_frozen(SYSTEM, tools=tools)
