"""A control in place of a search that was cut at a similarity is cut at the same one.

Strangers below it would look less alike than any that an examiner is ever shown, and tell the control.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from examining import NAMES, Bench, bench, drawing
from factories import enrol, make_source, people, set_by_hand
from telling import forget, let_wait

from countenance.apps.examinations import controls, taking
from countenance.apps.searches.candidates import nearest_subjects
from countenance.apps.searches.models import Search

LEAST = 0.6


@pytest.fixture
def made(deployment: Any) -> Bench:
    """A bench where what waits was cut at `LEAST`, and found one person."""
    on = bench(deployment)
    set_by_hand(on.gallery, LEAST)
    found = on.another_search("ben")
    assert (found.request["threshold"], len(found.outcome["candidates"])) == (LEAST, 1)
    return replace(on, search=found)


class Taken(NamedTuple):
    """What was drawn: of which search it is, if of one; else whether the control holds the person."""

    search: UUID | None
    mate: bool | None
    similarities: list[float]


def taken(made: Bench, *, mate: bool, control: bool = True, waiting: Any = None) -> Taken:
    """Take one examination, when a control of a kind is due or is not, and take that back."""
    let_wait((waiting or made.search).pk)
    tools = drawing(made, control=control)

    def kind_is_known(length: int) -> bytes:
        return bytes([not mate]) if length == 1 else tools.token_bytes(length)

    one = taking.take_examination(made.first, tools=replace(tools, token_bytes=kind_is_known))
    similar = [row.about["faces"][0]["similarity"] for row in one.comparisons.all()]
    found = Taken(one.search_id, one.control["mate"] if one.control else None, similar)
    forget(one)
    return found


def test_no_candidate_of_a_control_is_less_alike_than_the_search_in_its_place_asked_for(
    made: Bench,
) -> None:
    """Nobody else here is so much alike, so a control either holds the person, or the search itself is drawn."""
    held = taken(made, mate=True)
    assert (held.search, held.mate, len(held.similarities)) == (None, True, 1)
    assert held.similarities[0] >= LEAST
    assert taken(made, mate=False).search == made.search.pk


def test_strangers_who_are_as_much_alike_as_that_are_found_among_those_drawn(made: Bench) -> None:
    twins = [
        replace(one, subject=f"{name} again")
        for name in NAMES[:3]
        for one in people([name], (7, 8))
    ]
    enrol(made.on, made.gallery, make_source(made.on, "Another archive"), twins)
    for mate in (True, False):
        one = taken(made, mate=mate)
        assert (one.search, one.mate, len(one.similarities)) == (None, mate, 1)
        assert one.similarities[0] >= LEAST


def test_as_many_people_are_looked_for_whatever_comes_of_it(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that a draw takes says neither whether it is a control, nor which kind it could have been."""
    asked: list[float | None] = []

    def counting(*args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["threshold"])
        return nearest_subjects(*args, **kwargs)

    monkeypatch.setattr(controls, "nearest_subjects", counting)
    kinds = set()
    for control, mate in product((True, False), repeat=2):
        kinds.add(taken(made, control=control, mate=mate).search)
        assert asked == [LEAST] * controls.TRIED_AT_POINT
        asked.clear()
    assert kinds == {None, made.search.pk}


def test_a_search_that_returns_a_list_in_any_case_has_a_control_that_does(made: Bench) -> None:
    listed = Search.objects.exclude(pk=made.search.pk).get()
    for mate in (True, False):
        one = taken(made, mate=mate, waiting=listed)
        assert (one.search, one.mate, len(one.similarities)) == (None, mate, 4)
        assert min(one.similarities) < LEAST
