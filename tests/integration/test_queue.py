"""The queue of searches that wait for an examiner: nothing settled or empty keeps others from their turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from examining import Bench, begin, bench, examine
from factories import acting

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import queries, retention, services, taking
from countenance.apps.examinations.models import Closing
from countenance.apps.examinations.waiting import waiting
from countenance.apps.searches.models import Search
from countenance.errors import NotPermitted, WrongState
from countenance.examination.scale import Conclusion
from countenance.policy import SYSTEM, Role

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
BEFORE = 60
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def about_anna(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] == 1 else OTHER


def copies(made: Bench, of: Search, count: int, **columns: Any) -> None:
    """Write so many searches more, past the services, that ended before the one that waits."""
    for number in range(count):
        one = Search(
            pk=uuid4(),
            agency_id=of.agency_id,
            case_id=of.case_id,
            probe_id=of.probe_id,
            answers_id=of.answers_id,
            authority_id=of.authority_id,
            state=of.state,
            reason=of.reason,
            request=of.request,
            outcome=of.outcome,
            asked_by_id=of.asked_by_id,
            intended_at=of.intended_at,
            ended_at=of.ended_at - timedelta(hours=number + 1),
            **columns,
        )
        one.save(force_insert=True)


def asked(made: Bench) -> list[int]:
    """Return how many queries the inbox makes, and a draw, each of which finds what waits."""
    with CaptureQueriesContext(
        connection,
    ) as inbox:
        assert [one.what for one in waiting(made.third, tools=made.on.tools)] == [
            "Take the next examination"
        ]
    with CaptureQueriesContext(connection) as draw:
        drawn = taking._draw(made.third, examination=uuid4(), tools=made.on.tools)
    assert drawn.search.pk == made.search.pk
    return [len(inbox), len(draw)]


def test_searches_that_want_nobody_keep_no_other_from_its_turn_and_cost_nothing(
    made: Bench,
) -> None:
    asked(made)
    few = asked(made)
    nobody = {**made.search.outcome, "answer": "no_candidate", "candidates": []}
    copies(made, made.search, BEFORE, wants_examiner=False)
    empty = Search.objects.get(pk=made.search.pk)
    empty.outcome = nobody
    copies(made, empty, BEFORE, wants_examiner=False)
    assert asked(made) == few


def test_searches_that_an_examiner_asked_for_are_not_even_looked_at_for_them(made: Bench) -> None:
    assert list(queries.waiting_searches(made.on.actor, tools=made.on.tools)) == []
    copies(made, made.search, BEFORE, wants_examiner=True)
    with CaptureQueriesContext(connection) as looked:
        assert list(queries.waiting_searches(made.on.actor, tools=made.on.tools)) == []
    assert len(looked) == 1


def test_the_queue_is_right_after_each_step(made: Bench) -> None:
    tools = made.on.tools

    def wants() -> bool | None:
        return Search.objects.get(pk=made.search.pk).wants_examiner

    assert wants()
    examine(made.first, made.search, tools=tools, concluding=about_anna)
    assert wants()
    mine = begin(made.second, search=made.search, tools=tools)
    assert not wants()
    services.end_examination(made.second, examination=mine, reason=WHY, tools=tools)
    assert wants()
    examine(made.third, made.search, tools=tools, concluding=lambda _: OTHER)
    assert wants(), "they disagree"
    fourth = acting(made.on, Role.EXAMINER)
    examine(fourth, made.search, tools=tools, concluding=about_anna)
    assert not wants(), "two of three support a lead"


def test_a_search_of_before_there_was_a_queue_is_in_it_after_the_clock_looked(made: Bench) -> None:
    tools = made.on.tools
    Search.objects.filter(pk=made.search.pk).update(wants_examiner=None)
    assert list(queries.waiting_searches(made.first, tools=tools)) == []
    assert retention.requeue_open(SYSTEM, tools=tools) == 1
    assert list(queries.waiting_searches(made.first, tools=tools)) == [made.search]


def test_a_certificate_that_has_ended_since_puts_a_search_back_into_the_queue(made: Bench) -> None:
    tools = made.on.tools
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_anna)
    assert retention.requeue_open(SYSTEM, tools=tools) == 0
    person = Person.objects.get(pk=made.first.person)
    person.standing |= {"certified_until": "2020-01-01"}
    person.save()
    assert retention.requeue_open(SYSTEM, tools=tools) == 1
    assert list(queries.waiting_searches(made.third, tools=tools)) == [made.search]


def test_only_whoever_ran_a_search_begins_and_the_same_is_said_of_every_search(made: Bench) -> None:
    tools = made.on.tools
    said = set()
    examine(made.second, made.search, tools=tools, concluding=about_anna)
    for found in (made.search, made.another_search()):
        with pytest.raises(NotPermitted) as caught:
            services.begin_examination(made.first, search=found, tools=tools)
        assert caught.value.rule == "examination.drawn"
        said.add(caught.value.detail)
    assert len(said) == 1
    ran = replace(made.on.examiner, stepped_up_at=tools.clock())
    begun = services.begin_examination(ran, search=made.search, tools=tools)
    assert not begun.about["drawn"]


def test_whoever_ran_a_search_does_not_come_third_to_it_by_beginning(made: Bench) -> None:
    tools = made.on.tools
    for actor, step in ((made.first, SAME), (made.second, OTHER)):
        examine(actor, made.search, tools=tools, concluding=lambda _, step=step: step)
    ran = replace(made.on.examiner, stepped_up_at=tools.clock())
    with pytest.raises(WrongState, match="Enough"):
        services.begin_examination(ran, search=made.search, tools=tools)
    # Nor by drawing: they would know the photo again, and so that two disagree.
    assert list(queries.waiting_searches(ran, tools=tools)) == []
    assert list(queries.waiting_searches(made.third, tools=tools)) == [made.search]


def test_which_of_those_that_wait_is_drawn_cannot_be_looked_up(made: Bench) -> None:
    tools = made.on.tools
    others = [made.another_search(shot=30 + number) for number in range(3)]
    drawn = set()
    for number in range(4):
        fixed = replace(tools, token_bytes=lambda size, n=number: n.to_bytes(size, "big"))
        taken = taking._draw(made.third, examination=uuid4(), tools=fixed)
        drawn.add(taken.search.pk)
    assert drawn == {one.pk for one in (made.search, *others)}


def test_examinations_that_nobody_drew_make_the_next_draw_likelier_a_control(made: Bench) -> None:
    tools = made.on.tools
    ran = replace(made.on.examiner, stepped_up_at=tools.clock())
    assert taking._begun_since_last_draw(ran) == 0
    for number in range(3):
        found = made.another_search(shot=20 + number)
        services.begin_examination(ran, search=found, tools=tools)
        assert taking._begun_since_last_draw(ran) == number + 1
    Search.objects.filter(pk=made.search.pk).update(asked_by=made.third.person)
    taking.take_examination(ran, tools=tools)
    assert taking._begun_since_last_draw(ran) == 0


def test_no_one_closed_it_but_the_program(made: Bench) -> None:
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=made.on.tools)
    closing = Closing.objects.get()
    assert (closing.by_id, closing.details["links"]["by"]) == (None, None)
    assert UUID(closing.details["links"]["search"]) == made.search.pk
