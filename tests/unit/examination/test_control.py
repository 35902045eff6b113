"""Known answers: what is an error, and how sure its rate is."""

import pytest

from countenance.examination.control import (
    DRAWN,
    MOST_DUE,
    SHARE,
    Tried,
    due_share,
    is_control_due,
    measure,
    rate,
)
from countenance.examination.scale import Conclusion

# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
# table I, method 3 (Wilson's score interval without continuity correction).
NEWCOMBE = (
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
)


@pytest.mark.parametrize(("wrong", "of", "low", "high"), NEWCOMBE)
def test_the_interval_is_wilsons(wrong, of, low, high):
    found = rate(wrong, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    turned = rate(of - wrong, of)
    assert (round(1 - turned.high, 4), round(1 - turned.low, 4)) == (low, high)


def test_of_nothing_nothing_is_known():
    nothing = rate(0, 0)
    assert (nothing.low, nothing.high, nothing.share) == (0.0, 1.0, None)
    assert (nothing.wrong, nothing.of) == (0, 0)


def test_none_and_all_are_the_ends_of_the_interval():
    for of in range(1, 50):
        assert rate(0, of).low == rate(0, of).share == 0.0
        assert rate(of, of).high == rate(of, of).share == 1.0


@pytest.mark.parametrize(("wrong", "of"), [(-1, 3), (4, 3), (1, 0), (0, -1)])
def test_a_share_is_of_something(wrong, of):
    with pytest.raises(ValueError, match="of something"):
        rate(wrong, of)


@pytest.mark.parametrize("mated", [True, False])
@pytest.mark.parametrize("conclusion", Conclusion)
def test_only_the_other_way_is_an_error(mated, conclusion):
    tried = Tried(mated=mated, conclusion=conclusion)
    names = {"same": True, "same_strong": True, "other": False, "other_strong": False}
    said = names.get(conclusion)
    assert tried.wrong == (said is not None and said != mated)
    assert tried.undecided == (said is None)


def test_errors_are_measured_apart_for_one_person_and_for_two():
    told = (
        [(True, Conclusion.SAME)] * 5
        + [(True, Conclusion.OTHER)] * 2
        + [(True, Conclusion.NEITHER)]
        + [(False, Conclusion.OTHER_STRONG)] * 3
        + [(False, Conclusion.SAME_STRONG)]
    )
    found = measure(Tried(mated=mated, conclusion=said) for mated, said in told)
    assert found.false_other == rate(2, 8)
    assert found.false_same == rate(1, 4)
    assert found.all_wrong == rate(3, 12)
    assert found.undecided == rate(1, 12)


def test_nobody_without_controls_has_a_rate():
    found = measure([])
    assert {found.false_same, found.false_other, found.all_wrong, found.undecided} == {rate(0, 0)}


def test_whoever_never_decides_makes_no_error_and_that_is_seen():
    found = measure([Tried(mated=True, conclusion=Conclusion.NEITHER)] * 9)
    assert found.all_wrong.share == 0.0
    assert found.undecided.share == 1.0


def test_a_draw_is_a_control_below_the_share():
    assert SHARE == 0.10
    edge = int(0.25 * 2**64)
    below, at = ((edge + step).to_bytes(8, "big") for step in (-1, 0))
    assert is_control_due(below, share=0.25)
    assert not is_control_due(at, share=0.25)
    assert is_control_due(b"\x19" + bytes(7))
    assert not is_control_due(b"\x1a" + bytes(7))


def test_none_or_all_can_be_controls():
    for drawn in (bytes(DRAWN), b"\xff" * DRAWN):
        assert not is_control_due(drawn, share=0.0)
        assert is_control_due(drawn, share=1.0)


@pytest.mark.parametrize(
    ("drawn", "share"), [(b"", 0.1), (bytes(7), 0.1), (bytes(8), -0.1), (bytes(8), 1.1)]
)
def test_a_draw_takes_enough_random_bytes_and_a_share(drawn, share):
    with pytest.raises(ValueError, match="eight random bytes"):
        is_control_due(drawn, share=share)


def test_controls_are_a_share_of_all_examinations_also_of_those_that_nobody_drew():
    assert [due_share(0.1, begun=begun) for begun in (0, 1, 3)] == pytest.approx([0.1, 0.2, 0.4])
    assert due_share(0.1, begun=4) == due_share(0.1, begun=400) == MOST_DUE == 0.5
    assert due_share(0.8, begun=0) == due_share(0.8, begun=9) == 0.8
    assert due_share(0.0, begun=9) == 0.0
    for share, begun in ((-0.1, 0), (1.1, 0), (0.1, -1)):
        with pytest.raises(ValueError, match="share"):
            due_share(share, begun=begun)


def test_the_controls_that_were_recorded_and_given_up_stand_beside_the_rates():
    found = measure([Tried(mated=True, conclusion=Conclusion.OTHER)], recorded=3, given_up=2)
    assert (found.recorded, found.given_up, found.all_wrong.of) == (3, 2, 1)
    assert (measure([]).recorded, measure([]).given_up) == (0, 0)
