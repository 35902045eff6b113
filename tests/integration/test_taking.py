"""Taking the next examination that waits: one at a time, and now and then a control in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from examining import (
    Bench,
    begin,
    bench,
    checklist,
    conclude_all,
)

from countenance.apps.examinations import queries, services, standings, taking
from countenance.apps.examinations.models import Examination
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    NotFound,
    SamePerson,
    WrongState,
)
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def tools_of(made: Bench) -> Any:
    return made.on.tools


def count(action: Action) -> int:
    return LedgerRow.objects.filter(action=str(action)).count()


def test_the_next_one_that_waits_is_taken_one_at_a_time(made: Bench) -> None:
    tools = without_controls(made)
    newer = made.another_search()
    one = taking.take_examination(made.first, tools=tools)
    both = {made.search.pk, newer.pk}
    assert one.search_id in both
    with pytest.raises(WrongState):
        taking.take_examination(made.first, tools=tools)
    # Which search it is must not be found out by trying to begin them.
    for found in (made.search, newer):
        with pytest.raises((WrongState, SamePerson)) as caught:
            services.begin_examination(made.first, search=found, tools=tools)
        assert caught.type is WrongState
    conclude_all(made.first, one, tools=tools)
    other = taking.take_examination(made.first, tools=tools)
    assert {one.search_id, other.search_id} == both


def test_where_nothing_waits_nothing_is_taken_and_no_control_is_made(made: Bench) -> None:
    tools = only_controls(made)
    for actor in (made.first, made.second):
        begin(actor, search=made.search, tools=tools)
    with pytest.raises(NotFound):
        taking.take_examination(made.third, tools=tools)
    assert Examination.objects.filter(search=None).count() == 0


def test_a_control_has_as_many_candidates_and_entries_as_the_search_in_whose_place_it_is(
    made: Bench,
) -> None:
    tools = only_controls(made)
    before = LedgerRow.objects.count()
    control = taking.take_examination(made.first, tools=tools)
    entries = LedgerRow.objects.count() - before
    assert control.search_id is None
    assert control.about["candidates"] == 4
    before = LedgerRow.objects.count()
    real = taking.take_examination(made.second, tools=without_controls(made))
    assert LedgerRow.objects.count() - before == entries
    assert real.about.keys() == control.about.keys()
    assert count(Action.EXAMINATION_DRAWN) == count(Action.EXAMINATION_BEGUN) == 2
    photos = {
        UUID(face["photo"]) for row in control.comparisons.all() for face in row.about["faces"]
    }
    assert UUID(control.about["probe"]["photo"]) not in photos
    mates = [
        row
        for row in control.comparisons.all()
        if row.about["subject"] == control.control["subject"]
    ]
    assert len(mates) == (1 if control.control["mate"] else 0)


def test_a_control_leads_nowhere_and_what_it_measured_is_its_examiners(made: Bench) -> None:
    tools = only_controls(made)
    control = taking.take_examination(made.first, tools=tools)
    done = conclude_all(made.first, control, tools=tools, concluding=lambda _: SAME)
    assert all(not one.concluded for one in standings.standings(made.search))
    found = standings.measured(made.first.person, agency=made.first.agency)
    mated = sum(
        row.about["subject"] == done.control["subject"] for row in queries.comparisons(done)
    )
    assert (found.false_same.wrong, found.false_same.of) == (4 - mated, 4 - mated)
    assert (found.false_other.wrong, found.false_other.of) == (0, mated)
    nobody = standings.measured(made.second.person, agency=made.first.agency)
    assert nobody.all_wrong.of == 0
    with pytest.raises(NotFound):
        services.follow_conclusion(
            made.first,
            comparison=queries.comparisons(done)[0],
            checklist=checklist(OTHER),
            conclusion=str(OTHER),
            reason=WHY,
            tools=tools,
        )


def draws(made: Bench, chance: int) -> Any:
    """Return tools whose draw of whether a control is due comes out as given; all else is drawn."""
    tools = made.on.tools

    def token_bytes(length: int) -> bytes:
        if length == taking.DRAW_BYTES:
            return bytes([chance]) * length
        drawn: bytes = tools.token_bytes(length)
        return drawn

    return replace(tools, token_bytes=token_bytes)


def without_controls(made: Bench) -> Any:
    return draws(made, 255)


def only_controls(made: Bench) -> Any:
    return draws(made, 0)
