"""No path leads to a lead but two concurring, distinct, current examiners, or a law that waives the second.

Histories are random: conclusions, follow-ups (also of somebody else's, backwards and in circles, as only
a broken database holds them), controls, certificates that end, waivers, supervisors who examined.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import comb
from random import Random
from statistics import mean
from uuid import UUID

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as some

from countenance.errors import InputError, LeadNotSupported
from countenance.examination.checklist import (
    LEAST_COMPARABLE,
    Checklist,
    Mark,
    Pin,
    enough_to_lead,
    read_analysis,
    read_comparison,
)
from countenance.examination.combine import (
    Concluded,
    Standing,
    Waiver,
    combine,
    current,
    permit_lead,
)
from countenance.examination.components import Answer, Component, Visibility
from countenance.examination.control import DRAWN, Tried, is_control_due, measure, rate
from countenance.examination.scale import Conclusion

DAY = datetime(2026, 5, 4, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 7)]
SUPERVISOR = UUID(int=99)
LAW = Waiver(law="A law that was made up", section="section 1")

conclusions = some.sampled_from(Conclusion)
people = some.sampled_from(PEOPLE)


@some.composite
def histories(draw, broken=True):
    """Return what was recorded about one candidate, in any order of rows.

    A history that is not broken has one line of follow-ups for each person, made one after the other.
    """
    made = []
    for number in range(draw(some.integers(0, 9))):
        one = Concluded(
            id=UUID(int=1000 + number),
            examiner=draw(people),
            conclusion=draw(conclusions),
            enough=draw(some.integers(0, 4)) > 0,
            at=DAY + timedelta(minutes=number),
            certified=draw(some.integers(0, 4)) > 0,
            control=draw(some.integers(0, 5)) == 0,
        )
        if broken:
            at = DAY + timedelta(minutes=draw(some.integers(0, 3)))
            known = [UUID(int=1000 + other) for other in range(10)]
            one = replace(one, at=at, follows=draw(some.none() | some.sampled_from(known)))
        else:
            earlier = [other for other in made if other.examiner == one.examiner]
            if earlier:
                one = replace(one, control=earlier[-1].control, follows=earlier[-1].id)
        made.append(one)
    return draw(some.permutations(made))


def told_by(history):
    """Return each person's rows, without controls."""
    real = [one for one in history if not one.control]
    return {
        who: [one for one in real if one.examiner == who] for who in {one.examiner for one in real}
    }


def said_last(history):
    """Return the last row of each person of a history that is not broken."""
    return {who: max(rows, key=lambda one: one.at) for who, rows in told_by(history).items()}


def speaks_for(one, certified_now=PEOPLE):
    return (
        one.conclusion in (Conclusion.SAME, Conclusion.SAME_STRONG)
        and one.enough
        and one.certified
        and not one.control
        and one.examiner in certified_now
    )


def lead(history, **more):
    """Return the conclusions that a lead stands on; None if it is refused."""
    given_ = {"releases": SUPERVISOR, "certified_now": PEOPLE} | more
    try:
        return permit_lead(history, **given_)
    except LeadNotSupported:
        return None


@settings(max_examples=1000)
@given(
    history=histories(),
    releases=some.sampled_from([*PEOPLE, SUPERVISOR]),
    certified=some.sets(people),
    waiver=some.none() | some.just(LAW),
)
def test_a_lead_stands_on_two_distinct_current_examiners_who_concur(
    history, releases, certified, waiver
):
    bearing = lead(history, releases=releases, certified_now=certified, waiver=waiver)
    event(f"lead: {bearing is not None}")
    if bearing is None:
        return
    who = [one.examiner for one in bearing]
    assert len(set(who)) == len(who) >= (2 if waiver is None else 1)
    assert releases not in {one.examiner for one in history}
    for one in bearing:
        assert one in history
        assert speaks_for(one, certified)
        others = [row for row in history if row.examiner == one.examiner and not row.control]
        followers = [row for row in others if row.follows == one.id and row.at >= one.at]
        assert not [row for row in followers if row is not one], "it was followed"
        open_ends = [row for row in others if row.id not in {other.follows for other in others}]
        assert all(speaks_for(row) for row in open_ends), "the same person says something else too"


@settings(max_examples=1000)
@given(history=histories(broken=False), certified=some.sets(people))
def test_a_lead_is_what_two_say_and_more_than_contradict(history, certified):
    last = said_last(history)
    against = [one for one in last.values() if not speaks_for(one)]
    bearing = [one for one in last.values() if speaks_for(one, certified)]
    permitted = len(bearing) >= 2 and len(bearing) > len(against)
    permitted = permitted and (len(bearing) + len(against) > 2 or not against)
    found = lead(history, certified_now=certified)
    assert (found is not None) == permitted
    if found is not None:
        assert {one.id for one in found} == {one.id for one in bearing}


@settings(max_examples=500)
@given(
    history=histories(),
    certified=some.sets(people),
    waiver=some.none() | some.just(LAW),
    examiners=some.integers(1, 4),
    data=some.data(),
)
def test_the_order_never_matters(history, certified, waiver, examiners, data):
    other = data.draw(some.permutations(history))
    given_ = {"waiver": waiver, "examiners": examiners}
    assert current(history) == current(other)
    assert combine(history, **given_) == combine(other, **given_)
    given_["certified_now"] = certified
    assert lead(history, **given_) == lead(other, **given_)


@settings(max_examples=500)
@given(history=histories(), control=histories(), data=some.data())
def test_controls_never_count(history, control, data):
    known = [
        replace(one, id=UUID(int=5000 + number), control=True) for number, one in enumerate(control)
    ]
    assert combine(known) == Standing.OPEN
    assert lead(known) is None
    assert lead(known, waiver=LAW) is None
    both = data.draw(some.permutations([*history, *known]))
    assert current(both) == current(history)
    assert combine(both) == combine(history)


@settings(max_examples=500)
@given(history=histories(broken=False), conclusion=conclusions, data=some.data())
def test_a_followed_conclusion_never_counts(history, conclusion, data):
    real = list(said_last(history).values())
    assume(real)
    earlier = data.draw(some.sampled_from(sorted(real, key=lambda one: one.id)))
    later = replace(
        earlier,
        id=UUID(int=7000),
        conclusion=conclusion,
        follows=earlier.id,
        at=DAY + timedelta(days=1),
    )
    counted = current([*history, later])
    assert later in counted
    assert earlier not in counted
    instead = [later if one is earlier else one for one in real]
    assert combine([*history, later]) == combine(instead)


@settings(max_examples=500)
@given(history=histories(broken=False), stranger=people, data=some.data())
def test_nobody_takes_the_place_of_anothers_conclusion(history, stranger, data):
    real = sorted(said_last(history).values(), key=lambda one: one.id)
    assume(real)
    earlier = data.draw(some.sampled_from(real))
    assume(stranger not in said_last(history))
    foreign = Concluded(
        id=UUID(int=7000),
        examiner=stranger,
        conclusion=Conclusion.SAME_STRONG,
        enough=True,
        at=DAY + timedelta(days=1),
        certified=True,
        follows=earlier.id,
    )
    assert earlier in current([*history, foreign])


@given(history=histories(), who=people, waiver=some.none() | some.just(LAW))
def test_whoever_examined_it_never_releases_it(history, who, waiver):
    assume(who in {one.examiner for one in history})
    with pytest.raises(LeadNotSupported, match="does not release"):
        permit_lead(history, releases=who, certified_now=PEOPLE, waiver=waiver)


@settings(max_examples=500)
@given(history=histories(), fewer=some.sets(people), more=some.sets(people))
def test_a_certificate_that_ends_never_makes_a_lead(history, fewer, more):
    for waiver in (None, LAW):
        if lead(history, certified_now=fewer & more, waiver=waiver) is not None:
            assert lead(history, certified_now=fewer, waiver=waiver) is not None


@settings(max_examples=500)
@given(history=histories(), examiners=some.integers(-3, 5))
def test_a_pack_asks_for_more_examiners_and_never_for_fewer(history, examiners):
    bearing = lead(history, examiners=examiners)
    if bearing is not None:
        assert len(bearing) >= max(2, examiners)
        assert lead(history) is not None


@settings(max_examples=500)
@given(history=histories(broken=False))
def test_a_waiver_names_a_law_or_waives_nothing(history):
    without, waived = lead(history), lead(history, waiver=LAW)
    if without is not None:
        assert waived == without
    elif waived is not None:
        assert len(said_last(history)) == len(waived) == 1
    for law, section in (("", ""), ("A law", " "), ("\t", "section 1")):
        with pytest.raises(LeadNotSupported):
            Waiver(law=law, section=section)


# What examiners write down.

notes = some.text(
    some.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\t"), max_size=60
).map(str.strip)
places = some.integers(-6000, 6000).map(lambda number: number / 1000)
pins = some.lists(some.builds(Pin, places, places), max_size=12).map(tuple)


def checklists(words):
    said = some.none() | some.sampled_from([str(word) for word in words])
    marks = some.builds(Mark, said=said, note=notes, pins=pins)
    return some.builds(
        Checklist, marks=some.dictionaries(some.sampled_from(Component), marks), note=notes
    )


@given(checklists(Answer))
def test_a_comparison_comes_back_from_its_json_as_it_was(checklist):
    assert read_comparison(checklist.as_json()) == checklist


@given(checklists(Visibility))
def test_an_analysis_comes_back_from_its_json_as_it_was(checklist):
    assert read_analysis(checklist.as_json()) == checklist


@given(checklists(Answer))
def test_where_most_cannot_be_compared_nothing_leads(checklist):
    compared = [c for c in Component if checklist.mark(c).said in ("similar", "different")]
    assert checklist.comparable == len(compared)
    assert enough_to_lead(checklist) == (len(compared) >= LEAST_COMPARABLE)
    silent = {c for c in Component if checklist.mark(c).said is None}
    assert set(checklist.missing) == silent


anything = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=5)
    | some.sampled_from(["similar", "different", "cannot", "clear", 10**400]),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(["marks", "note", "said", "pins", "nose", "eyes"]), inner
        )
    ),
    max_leaves=20,
)
bent = some.fixed_dictionaries(
    {"marks": some.dictionaries(some.sampled_from(["nose", "eyes", "wart"]), anything)}
)


@settings(max_examples=1000)
@example({"marks": {"nose": {"pins": [[10**400, 0]]}}})
@example({"marks": {"nose": {"pins": [[float("nan"), 10**400]]}}})
@given(anything | bent)
def test_anything_else_is_refused_and_never_breaks(data):
    for read in (read_analysis, read_comparison):
        with suppress(InputError):  # and no other error
            assert read(read(data).as_json()) == read(data)


# Known answers.


@given(some.integers(0, 5000), some.data())
def test_an_interval_holds_the_share_it_is_of(of, data):
    wrong = data.draw(some.integers(0, of))
    found, turned = rate(wrong, of), rate(of - wrong, of)
    assert 0.0 <= found.low <= found.high <= 1.0
    assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low))
    if of:
        assert found.low <= wrong / of <= found.high
        assert found.low < found.high
        assert rate(10 * wrong, 10 * of).high - rate(10 * wrong, 10 * of).low < (
            found.high - found.low
        )


@pytest.mark.parametrize(("pairs", "exact"), [(30, 0.964), (50, 0.951), (200, 0.959)])
def test_an_examiner_who_errs_in_one_of_five_is_measured_at_that(pairs, exact):
    """Simulate 2,000 examiners: their intervals hold the true rate in about 95 of 100 runs.

    How often exactly goes up and down with the number of pairs, because errors are counted whole.
    """
    chance, runs = Random(20260504), 2000
    assert sum(
        comb(pairs, wrong) * 0.2**wrong * 0.8 ** (pairs - wrong)
        for wrong in range(pairs + 1)
        if rate(wrong, pairs).low <= 0.2 <= rate(wrong, pairs).high
    ) == pytest.approx(exact, abs=0.001)
    measured = [_simulated(chance, pairs) for _ in range(runs)]
    holds = [one.all_wrong.low <= 0.2 <= one.all_wrong.high for one in measured]
    assert mean(one.all_wrong.share for one in measured) == pytest.approx(0.2, abs=0.005)
    assert mean(holds) == pytest.approx(exact, abs=0.015)  # three standard errors
    for part in ("false_same", "false_other"):
        inside = [getattr(one, part).low <= 0.2 <= getattr(one, part).high for one in measured]
        assert 0.92 <= mean(inside) <= 0.98


def _simulated(chance, pairs):
    """Return what is measured of somebody who is wrong one time in five, whichever the truth is."""
    right = {True: (Conclusion.SAME, Conclusion.SAME_STRONG)}
    right[False] = (Conclusion.OTHER, Conclusion.OTHER_STRONG)
    tried = []
    for _ in range(pairs):
        mated = chance.random() < 0.5
        said = right[mated if chance.random() >= 0.2 else not mated]
        tried.append(Tried(mated=mated, conclusion=chance.choice(said)))
    return measure(tried)


@given(some.binary(min_size=DRAWN, max_size=DRAWN), some.floats(0, 1), some.floats(0, 1))
def test_a_larger_share_never_draws_fewer_controls(drawn, one, other):
    small, large = sorted((one, other))
    assert is_control_due(drawn, share=large) or not is_control_due(drawn, share=small)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25])
def test_as_many_controls_are_drawn_as_the_share_says(share):
    chance, draws = Random(7), 40_000
    drawn = sum(is_control_due(chance.randbytes(DRAWN), share=share) for _ in range(draws))
    assert drawn / draws == pytest.approx(share, abs=0.006)
