"""How conclusions about one candidate combine, case by case; any input is in `test_lead_rule.py`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from countenance.errors import LeadNotSupported
from countenance.examination.combine import (
    SAID,
    Concluded,
    Standing,
    Waiver,
    combine,
    current,
    permit_lead,
    why_no_lead,
)
from countenance.examination.scale import Conclusion

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANNA, BEN, CLEO, DAN, EVA = (UUID(int=number) for number in range(1, 6))
SUPERVISOR = UUID(int=99)
EVERYBODY = {ANNA, BEN, CLEO, DAN, EVA}
LAW = Waiver(law="A law that was made up", section="section 1")
numbers = count(100)

YES, NO, NEITHER = Conclusion.SAME, Conclusion.OTHER, Conclusion.NEITHER


def says(who, conclusion, **more):
    number = next(numbers)
    given = {
        "id": UUID(int=number),
        "examiner": who,
        "conclusion": conclusion,
        "enough": True,
        "at": NOON + timedelta(minutes=number),
        "certified": True,
    }
    return Concluded(**(given | more))


def then_says(earlier, conclusion, **more):
    return says(earlier.examiner, conclusion, follows=earlier.id, **more)


def refused(concluded, **more):
    given = {"releases": SUPERVISOR, "certified_now": EVERYBODY} | more
    with pytest.raises(LeadNotSupported) as error:
        permit_lead(concluded, **given)
    return error.value


def bearing(concluded, **more):
    given = {"releases": SUPERVISOR, "certified_now": EVERYBODY} | more
    return {one.examiner for one in permit_lead(concluded, **given)}


@pytest.mark.parametrize(
    ("steps", "standing"),
    [
        ([], Standing.OPEN),
        ([YES], Standing.OPEN),
        ([NO], Standing.OPEN),
        ([YES, YES], Standing.AGREED),
        ([Conclusion.SAME_STRONG, YES], Standing.AGREED),
        ([NO, NO], Standing.NO_LEAD),
        ([NEITHER, NEITHER], Standing.NO_LEAD),
        ([NEITHER, NO], Standing.NO_LEAD),
        ([YES, NO], Standing.DISAGREED),
        ([YES, NEITHER], Standing.DISAGREED),
        ([YES, NO, YES], Standing.AGREED),
        ([YES, NO, NO], Standing.NO_LEAD),
        ([YES, NEITHER, NO], Standing.NO_LEAD),
        ([YES, YES, YES], Standing.AGREED),
        # Asking on and on until two have said yes leads nowhere.
        ([YES, NO, NO, YES], Standing.NO_LEAD),
        ([YES, NO, YES, YES], Standing.AGREED),
        ([YES, NO, NO, YES, NO], Standing.NO_LEAD),
        ([YES, NO, NO, YES, YES], Standing.AGREED),
    ],
)
def test_conclusions_of_different_people_combine(steps, standing):
    people = (ANNA, BEN, CLEO, DAN, EVA)
    told = [says(who, step) for who, step in zip(people, steps, strict=False)]
    assert combine(told) == standing
    if standing == Standing.AGREED:
        assert len(bearing(told)) >= 2
    else:
        assert refused(told).detail == SAID[standing]


def test_one_person_twice_is_one_person():
    assert combine([says(ANNA, YES), says(ANNA, YES)]) == Standing.OPEN


def test_of_two_conclusions_of_one_person_the_more_careful_counts():
    yes, no = says(ANNA, YES), says(ANNA, NO)
    assert current([yes, no]) == [no]
    assert current([no, says(ANNA, YES)]) == [no]


@pytest.mark.parametrize("lack", [{"enough": False}, {"certified": False}, {"control": True}])
def test_support_without_what_it_needs_is_none(lack):
    assert combine([says(ANNA, YES), says(BEN, YES, **lack)]) != Standing.AGREED


def test_a_followed_conclusion_no_longer_counts():
    yes, no = says(ANNA, YES), says(BEN, NO)
    assert combine([yes, no]) == Standing.DISAGREED
    assert combine([yes, no, then_says(no, YES)]) == Standing.AGREED
    assert combine([yes, no, then_says(yes, NEITHER)]) == Standing.NO_LEAD


def test_the_last_of_several_follow_ups_counts():
    yes, first = says(ANNA, YES), says(BEN, NO)
    second = then_says(first, YES)
    third = then_says(second, NEITHER)
    assert current([third, first, yes, second]) == [yes, third]


def test_following_at_the_same_moment_is_following():
    no = says(BEN, NO)
    assert current([no, then_says(no, YES, at=no.at)])[0].conclusion == YES


def test_nobody_elses_conclusion_takes_the_place_of_ones_own():
    yes, no = says(ANNA, YES), says(BEN, NO)
    foreign = says(CLEO, YES, follows=no.id)
    assert current([yes, no, foreign]) == [yes, no, foreign]
    again = says(BEN, YES)
    assert current([no, again, foreign]) == [no, foreign]


def test_a_control_takes_the_place_of_nothing():
    yes, no = says(ANNA, YES), says(BEN, NO)
    control = then_says(no, YES, control=True)
    assert combine([yes, no, control]) == Standing.DISAGREED


def test_an_earlier_conclusion_follows_nothing():
    no = says(BEN, NO)
    backwards = then_says(no, YES, at=no.at - timedelta(minutes=1))
    assert current([no, backwards]) == [no]


def test_a_circle_of_follow_ups_counts_as_the_more_careful():
    one, other = says(BEN, YES, at=NOON), says(BEN, NO, at=NOON)
    circle = [replace(one, follows=other.id), replace(other, follows=one.id)]
    assert [found.conclusion for found in current(circle)] == [NO]
    itself = says(ANNA, YES)
    assert len(current([replace(itself, follows=itself.id)])) == 1
    against = replace(other, follows=other.id)
    assert current([against, one]) == [against]


def test_a_control_concurs_in_nothing():
    assert says(ANNA, YES).concurs
    assert not says(ANNA, YES, control=True).concurs


def test_current_conclusions_are_in_the_order_in_which_they_were_made():
    told = [says(who, YES) for who in (CLEO, ANNA, BEN)]
    assert current(list(reversed(told))) == told
    at_once = [says(who, YES, at=NOON) for who in (BEN, ANNA)]
    assert current(list(reversed(at_once))) == at_once
    later = says(CLEO, YES, id=UUID(int=1))
    assert current([later, *told[1:]]) == [*told[1:], later]
    twice = [says(ANNA, NO), says(ANNA, NEITHER, id=UUID(int=2))]
    assert current(twice) == current(list(reversed(twice))) == twice[:1]


def test_the_supervisor_who_examined_it_does_not_release_it():
    told = [says(ANNA, YES), says(BEN, YES)]
    for who in (ANNA, BEN):
        assert "does not release" in refused(told, releases=who).detail
    followed = says(CLEO, YES)
    more = [*told, followed, then_says(followed, YES)]
    assert "does not release" in refused(more, releases=CLEO).detail


def test_support_lapses_with_the_certificate():
    told = [says(ANNA, YES), says(BEN, YES)]
    error = refused(told, certified_now={ANNA})
    assert error.rule == "lead.certificate_lapsed"
    assert "Ask another examiner" in error.detail
    assert bearing([*told, says(CLEO, YES)], certified_now={ANNA, CLEO}) == {ANNA, CLEO}
    # Then two disagree, and one more decides.
    third = [*told, says(CLEO, NO)]
    assert refused(third, certified_now={ANNA, CLEO}).rule == "lead.certificate_lapsed"
    fourth = [*third, says(DAN, YES)]
    assert bearing(fourth, certified_now={ANNA, CLEO, DAN}) == {ANNA, DAN}


def test_what_speaks_against_a_lead_does_not_lapse():
    told = [says(ANNA, YES), says(BEN, NO), says(CLEO, NO), says(DAN, YES)]
    assert refused(told, certified_now={ANNA, DAN}).detail == SAID[Standing.NO_LEAD]
    split = [*(says(who, YES) for who in (ANNA, BEN, CLEO)), says(DAN, NO), says(EVA, NO)]
    assert len(bearing(split)) == 3
    assert refused(split, certified_now={BEN, CLEO, DAN}).rule == "lead.certificate_lapsed"


def test_a_law_lets_one_examiner_do():
    told = [says(ANNA, YES)]
    assert combine(told, waiver=LAW) == Standing.AGREED
    assert bearing(told, waiver=LAW) == {ANNA}
    assert combine([says(ANNA, NO)], waiver=LAW) == Standing.NO_LEAD
    assert combine([], waiver=LAW) == Standing.OPEN


def test_a_waived_second_examiner_who_disagrees_all_the_same_is_heard():
    told = [says(ANNA, YES), says(BEN, NO)]
    assert combine(told, waiver=LAW) == Standing.DISAGREED
    assert combine([*told, says(CLEO, NO)], waiver=LAW) == Standing.NO_LEAD
    assert combine([*told, says(CLEO, YES)], waiver=LAW) == Standing.AGREED


def test_a_waiver_still_needs_a_certificate_in_date():
    told = [says(ANNA, YES)]
    assert refused(told, waiver=LAW, certified_now=set()).rule == "lead.certificate_lapsed"
    assert refused([says(ANNA, YES, certified=False)], waiver=LAW)
    assert refused([says(ANNA, YES, enough=False)], waiver=LAW)


@pytest.mark.parametrize(("law", "section"), [("", "1"), ("A law", ""), (" ", "1"), ("A", "\n")])
def test_a_waiver_without_law_or_section_is_none(law, section):
    with pytest.raises(LeadNotSupported, match="names law and section"):
        Waiver(law=law, section=section)


def test_a_pack_may_ask_for_three():
    told = [says(ANNA, YES), says(BEN, YES)]
    assert combine(told, examiners=3) == Standing.OPEN
    assert combine([*told, says(CLEO, YES)], examiners=3) == Standing.AGREED
    split = [*told, says(CLEO, NO)]
    assert combine(split, examiners=3) == Standing.DISAGREED
    assert combine([*split, says(DAN, YES)], examiners=3) == Standing.AGREED
    assert combine([*split, says(DAN, NO)], examiners=3) == Standing.NO_LEAD
    assert len(bearing([*split, says(DAN, YES)], examiners=3)) == 3


def test_where_a_pack_asks_for_four_a_majority_of_three_is_too_few():
    told = [says(who, YES) for who in (ANNA, BEN, CLEO)] + [says(DAN, NO)]
    assert combine(told, examiners=4) == Standing.DISAGREED
    assert combine([*told, says(EVA, NO)], examiners=4) == Standing.NO_LEAD
    assert combine([*told, says(EVA, YES)], examiners=4) == Standing.AGREED


def test_no_pack_may_ask_for_fewer_than_two():
    for examiners in (1, 0, -1):
        assert combine([says(ANNA, YES)], examiners=examiners) == Standing.OPEN


def test_what_is_missing_is_said_with_as_many_examiners_as_are_needed():
    assert "two examiners" in why_no_lead(Standing.OPEN)
    assert "three examiners" in why_no_lead(Standing.OPEN, examiners=3)
    assert "9 examiners" in why_no_lead(Standing.OPEN, examiners=9)
    assert "conclusion of an examiner" in why_no_lead(Standing.OPEN, examiners=1)
    assert why_no_lead(Standing.NO_LEAD, examiners=3) == SAID[Standing.NO_LEAD]
    for examiners, decides in ((1, "a third"), (2, "a third"), (3, "a fourth"), (9, "another")):
        said = why_no_lead(Standing.DISAGREED, examiners=examiners)
        assert f"or {decides} examiner decides; the search waits for one." in said
    assert refused([], waiver=LAW).detail == why_no_lead(Standing.OPEN, examiners=1)
    assert refused([], examiners=3).detail == why_no_lead(Standing.OPEN, examiners=3)
    assert refused([], examiners=1).detail == why_no_lead(Standing.OPEN)
