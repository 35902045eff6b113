"""What an examiner writes down: components, answers, notes and pins."""

import json
from itertools import pairwise

import pytest

from countenance.errors import InputError
from countenance.examination.checklist import (
    FARTHEST,
    LONGEST_NOTE,
    MOST_PINS,
    Checklist,
    Mark,
    Pin,
    enough_to_lead,
    read_analysis,
    read_comparison,
)
from countenance.examination.components import Answer, Component, Visibility

ALL = list(Component)


def said(word, count):
    return Checklist(marks={component: Mark(said=word) for component in ALL[:count]})


def nose(**mark):
    return {"marks": {"nose": mark}}


def test_components_go_from_the_top_of_the_face_to_the_bottom():
    assert [str(one) for one in Component] == [
        *("outline", "hairline", "forehead", "eyebrows", "eyes", "cheeks", "nose", "ears"),
        *("mouth", "chin", "lines", "marks"),
    ]


@pytest.mark.parametrize("word", [*Component, *Answer, *Visibility])
def test_every_word_has_its_label_in_sentence_case(word):
    first, *rest = word.label.split()
    assert first[0].isupper()
    assert all(one.islower() for one in rest)


def test_every_component_says_what_to_look_at():
    helps = [component.help for component in Component]
    assert all(text.endswith(".") for text in helps)
    assert len(set(helps)) == len(helps)


def test_of_an_empty_checklist_everything_is_missing():
    assert Checklist().missing == ALL
    assert Checklist().comparable == 0
    assert Checklist().mark(Component.NOSE) == Mark()


def test_what_is_missing_is_listed_from_the_top_down():
    some = Checklist(marks={Component.CHIN: Mark(said="similar"), Component.EYES: Mark(note="?")})
    assert some.missing == [one for one in ALL if one != Component.CHIN]


def test_cannot_compare_is_a_full_answer():
    assert said("cannot", len(ALL)).missing == []


@pytest.mark.parametrize("nothing", ["cannot", "hidden", None])
def test_what_cannot_be_compared_is_not_counted(nothing):
    assert said(nothing, len(ALL)).comparable == 0


@pytest.mark.parametrize("word", ["similar", "different", "clear", "partly"])
def test_what_was_compared_is_counted(word):
    assert said(word, 5).comparable == 5


def test_a_lead_needs_half_of_the_components():
    assert not enough_to_lead(said("similar", 5))
    assert enough_to_lead(said("similar", 6))
    assert enough_to_lead(said("different", len(ALL)))


def test_a_checklist_is_sealed_in_one_order_whatever_was_answered_first():
    one = Checklist(marks={Component.MARKS: Mark("similar"), Component.EYES: Mark("different")})
    other = Checklist(marks={Component.EYES: Mark("different"), Component.MARKS: Mark("similar")})
    assert json.dumps(one.as_json()) == json.dumps(other.as_json())
    assert list(one.as_json()["marks"]) == ["eyes", "marks"]


def test_it_comes_back_from_its_json_with_notes_and_pins():
    mark = Mark("different", "A mole\nbelow the left eye", (Pin(-0.5, 0.25), Pin(0.0, 1.125)))
    one = Checklist(marks={Component.EYES: mark, Component.EARS: Mark("cannot")}, note="Blurred")
    assert read_comparison(json.loads(json.dumps(one.as_json()))) == one


def test_a_whole_checklist_comes_back():
    whole = said("different", len(ALL))
    assert read_comparison(whole.as_json()) == whole


def test_an_analysis_takes_the_words_of_the_probe_and_no_others():
    assert read_analysis(nose(said="partly")).mark(Component.NOSE).said == "partly"
    with pytest.raises(InputError, match="one of the answers given"):
        read_analysis(nose(said="similar"))
    with pytest.raises(InputError, match="one of the answers given"):
        read_comparison(nose(said="partly"))


@pytest.mark.parametrize("given", [{}, {"said": None}, {"said": ""}])
def test_nothing_chosen_is_no_answer(given):
    assert read_comparison(nose(**given)).mark(Component.NOSE).said is None


@pytest.mark.parametrize("given", [0, False, 1, [], {}, ["similar"], "Similar", "unsure"])
def test_an_answer_is_one_of_the_words(given):
    with pytest.raises(InputError, match="one of the answers given"):
        read_comparison(nose(said=given))


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "marks",
        {"marks": []},
        {"marks": "nose"},
        {"marks": {"wart": {}}},
        {"marks": {"nose": None}},
        {"marks": {"nose": "similar"}},
        {"note": 5},
        {"note": None},
        nose(note=["text"]),
    ],
)
def test_something_else_than_a_checklist_is_refused(data):
    for read in (read_analysis, read_comparison):
        with pytest.raises(InputError):
            read(data)


def test_a_note_is_as_long_as_its_field_lets_it_be():
    longest = "a\r\n" * (LONGEST_NOTE // 2)
    assert len(read_comparison({"note": longest + "  "}).note) == LONGEST_NOTE - 1
    with pytest.raises(InputError, match="2,000 characters"):
        read_comparison(nose(note="a" * (LONGEST_NOTE + 1)))


def test_line_ends_are_kept_as_one_character():
    assert (
        read_comparison({"note": " one\r\ntwo\rthree\n\tfour "}).note == "one\ntwo\nthree\n\tfour"
    )


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85", "\ud800"])
def test_a_note_holds_nothing_that_cannot_be_printed(sign):
    with pytest.raises(InputError, match="cannot be shown or printed"):
        read_comparison(nose(note=f"a{sign}b"))


@pytest.mark.parametrize("text", ["Größe", "左眼下の痣", "שומה", "👁"])
def test_a_note_is_in_any_language(text):
    assert read_comparison({"note": text}).note == text


def test_pins_lie_on_the_face():
    corner = [FARTHEST, -FARTHEST]
    assert read_comparison(nose(pins=[corner])).mark(Component.NOSE).pins == (Pin(*corner),)
    nowhere = float("nan")
    for x, y in ((FARTHEST + 0.01, 0), (0, -FARTHEST - 0.01), (nowhere, 0), (0, nowhere)):
        with pytest.raises(InputError, match="lies on the face"):
            read_comparison(nose(pins=[[x, y]]))
        with pytest.raises(InputError, match="lies on the face"):
            Pin(x, y)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 10**400, -(10**400), 1e300])
def test_a_pin_endlessly_far_away_is_refused(number):
    for pin in ([number, 0], [0, number], [float("nan"), number]):
        with pytest.raises(InputError, match="lies on the face"):
            read_comparison(nose(pins=[pin]))


@pytest.mark.parametrize("pin", [1, "12", [1], [1, 2, 3], ["1", "2"], [True, 0], [0, None], {}])
def test_a_pin_has_two_coordinates(pin):
    with pytest.raises(InputError, match="two coordinates"):
        read_comparison(nose(pins=[pin]))


def test_pins_are_kept_to_a_thousandth():
    assert read_comparison(nose(pins=[[0.12345, 2]])).mark(Component.NOSE).pins == (
        Pin(0.123, 2.0),
    )


def test_there_are_only_so_many_pins():
    assert len(read_comparison(nose(pins=[[0, 0]] * MOST_PINS)).mark(Component.NOSE).pins) == 12
    for pins in ([[0, 0]] * (MOST_PINS + 1), "[[0, 0]]", {"0": [0, 0]}):
        with pytest.raises(InputError, match="at most 12 pins"):
            read_comparison(nose(pins=pins))


def test_half_of_the_components_is_half_of_them():
    counts = [enough_to_lead(said("similar", count)) for count in range(len(ALL) + 1)]
    assert counts == sorted(counts)
    assert sum(one != other for one, other in pairwise(counts)) == 1
