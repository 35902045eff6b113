"""The written scale: five steps, in sentences, without a number."""

import pytest

from countenance.examination.scale import Conclusion


def test_the_scale_goes_from_one_person_to_two():
    assert [str(step) for step in Conclusion] == [
        *("same_strong", "same", "neither", "other", "other_strong"),
    ]
    assert [step.direction for step in Conclusion] == [1, 1, 0, -1, -1]


def test_only_support_for_one_person_supports_a_lead():
    assert [step for step in Conclusion if step.supports] == [
        Conclusion.SAME_STRONG,
        Conclusion.SAME,
    ]


@pytest.mark.parametrize("step", Conclusion)
def test_a_step_is_spelled_out_in_a_sentence_without_a_number(step):
    assert step.sentence.endswith(".")
    assert not any(sign.isdigit() or sign == "%" for sign in step.sentence + step.label)


def test_every_step_is_said_differently():
    assert len({step.label for step in Conclusion}) == len(Conclusion)
    assert len({step.sentence for step in Conclusion}) == len(Conclusion)


def test_a_step_is_stored_by_its_name():
    assert Conclusion("same") is Conclusion.SAME
    with pytest.raises(ValueError, match="probably"):
        Conclusion("probably")
