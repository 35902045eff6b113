"""No order of events gives a candidate that is agreed on fewer than two distinct examiners who concur."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import examining
import pytest
from examining import ANALYSIS, Bench, bench, checklist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.apps.examinations import closing, queries, services
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.permits import standings_of
from countenance.errors import CountenanceError
from countenance.examination.combine import Standing, current, permit_lead
from countenance.examination.scale import Conclusion

EVENTS = ("begin", "analyse", "conclude", "conclude", "conclude", "follow", "give up", "close")
WHY = "The moles on the left cheek were overlooked on 3 May"

event = st.tuples(
    st.sampled_from(EVENTS), st.integers(0, 3), st.integers(0, 1), st.sampled_from(list(Conclusion))
)


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment, top=2, examiners=4)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(event, min_size=8, max_size=30))
def test_no_order_of_events_leads_without_two_distinct_concurring_examiners(
    made: Bench, events: list[tuple[str, int, int, Conclusion]]
) -> None:
    found = made.another_search(shot=50, top=2)
    said_before: dict[Any, Any] = {}
    for what, who, place, step in events:
        actor = made.examiner(who)
        with suppress(CountenanceError):
            DO[what](made, found, actor, place, step)
        check(made, found)
        said_before = check_unchanged(found, said_before)


def check(made: Bench, found: Any) -> None:
    """Check every candidate against what is written in the rows, counted apart from the rules."""
    for one in standings_of(type(found).objects.get(pk=found.pk)):
        last = current(one.concluded)
        supporting = {row.examiner for row in last if row.conclusion.supports and row.enough}
        if one.standing == Standing.AGREED:
            assert len(supporting) >= 2
            assert 2 * len(supporting) > len(last)
        certified = {actor.person for actor in made.examiners}
        for supervisor in (made.on.supervisor.person, made.first.person):
            try:
                bearing = permit_lead(one.concluded, releases=supervisor, certified_now=certified)
            except CountenanceError:
                continue
            assert len({row.examiner for row in bearing}) >= 2
            assert supervisor not in {row.examiner for row in one.concluded}


def check_unchanged(found: Any, before: dict[Any, Any]) -> dict[Any, Any]:
    """Check that nothing that was recorded was written again, and nobody knows too early."""
    rows = Comparison.objects.filter(examination__search=found, said__isnull=False)
    now = {row.pk: row.said for row in rows}
    assert {pk: now.get(pk) for pk in before} == before
    engaged = Examination.objects.filter(search=found).exclude(state=ExaminationState.ENDED)
    people = [one.examiner_id for one in engaged]
    assert len(people) == len(set(people))
    return now


def begin(made: Bench, found: Any, actor: Any, *_: Any) -> None:
    examining.begin(actor, search=found, tools=made.on.tools)


def own(found: Any, actor: Any) -> Examination:
    one = Examination.objects.filter(search=found, examiner_id=actor.person).first()
    if one is None:
        raise CountenanceError
    return one


def analyse(made: Bench, found: Any, actor: Any, *_: Any) -> None:
    services.record_analysis(
        actor, examination=own(found, actor), checklist=ANALYSIS, tools=made.on.tools
    )


def conclude(made: Bench, found: Any, actor: Any, place: int, step: Conclusion) -> None:
    services.record_conclusion(
        actor,
        comparison=queries.comparisons(own(found, actor))[place],
        checklist=checklist(step),
        conclusion=str(step),
        tools=made.on.tools,
    )


def follow(made: Bench, found: Any, actor: Any, place: int, step: Conclusion) -> None:
    services.follow_conclusion(
        actor,
        comparison=queries.last_of(queries.comparisons(own(found, actor))[place]),
        checklist=checklist(step),
        conclusion=str(step),
        reason=WHY,
        tools=made.on.tools,
    )


def give_up(made: Bench, found: Any, actor: Any, *_: Any) -> None:
    services.end_examination(actor, examination=own(found, actor), reason=WHY, tools=made.on.tools)


def close(made: Bench, found: Any, actor: Any, *_: Any) -> None:
    closing.close_search(actor, search=found, reason=WHY, tools=made.on.tools)


DO: dict[str, Callable[..., None]] = {
    "begin": begin,
    "analyse": analyse,
    "conclude": conclude,
    "follow": follow,
    "give up": give_up,
    "close": close,
}


def test_the_events_do_reach_a_lead_and_a_disagreement(made: Bench) -> None:
    """So that the test above is about something: the same steps in a good order agree, or disagree."""
    for steps, wanted in (
        ((Conclusion.SAME, Conclusion.SAME), Standing.AGREED),
        ((Conclusion.SAME, Conclusion.OTHER), Standing.DISAGREED),
    ):
        found = made.another_search(shot=60 + len(wanted), top=2)
        for actor, step in zip(made.examiners, steps, strict=False):
            begin(made, found, actor)
            analyse(made, found, actor)
            for place in (0, 1):
                conclude(made, found, actor, place, step)
        assert {one.standing for one in standings_of(found)} == {wanted}
