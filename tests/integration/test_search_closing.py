"""How examinations of a search end: it is closed, left open for too long, or what it found is destroyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from examining import (
    Bench,
    bench,
    examine,
)
from factories import acting

from countenance.apps.examinations import closing, queries, services
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import purging
from countenance.apps.searches.models import Search
from countenance.errors import (
    ReasonMissing,
    WrongState,
)
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Role

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
    begun = services.begin_examination(made.second, search=made.search, tools=tools)
    supervisor = acting(made.on, Role.SUPERVISOR)
    with pytest.raises(ReasonMissing):
        closing.close_search(supervisor, search=made.search, tools=tools)
    closing.close_search(supervisor, search=made.search, reason=WHY, tools=tools)
    begun.refresh_from_db()
    assert begun.state == ExaminationState.ENDED
    found = Search.objects.get(pk=made.search.pk)
    assert queries.is_closed(found)
    assert found.closing.details["compared"] is False
    with pytest.raises(WrongState):
        closing.close_search(supervisor, search=found, reason=WHY, tools=tools)
    with pytest.raises(WrongState):
        services.begin_examination(made.first, search=found, tools=tools)
    other = made.another_search()
    for actor in (made.first, made.second):
        examine(actor, other, tools=tools)
    closed = closing.close_search(made.first, search=other, tools=tools)
    assert closed.details["compared"] is True


def test_a_search_whose_candidates_nobody_compares_is_a_signal(made: Bench) -> None:
    tools = tools_of(made)
    assert queries.open_too_long(made.first, tools=tools) == []
    later = made.on.tools.clock() + 2 * queries.TOO_LONG
    tools = replace(tools, clock=lambda: later)
    assert queries.open_too_long(made.first, tools=tools) == [made.search]
    closing.close_search(made.first, search=made.search, reason=WHY, tools=tools)
    assert queries.open_too_long(made.first, tools=tools) == []


def test_a_purge_destroys_what_was_written_about_the_candidates(made: Bench) -> None:
    tools = tools_of(made)
    examine(made.first, made.search, tools=tools, concluding=about_anna)
    begun = services.begin_examination(made.second, search=made.search, tools=tools)
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
