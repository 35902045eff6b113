"""A checklist as a form, and the form as a checklist."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import InputError
from countenance.examination.checklist import Checklist, Mark, Pin, read_analysis, read_comparison
from countenance.examination.components import Answer, Component, Visibility
from countenance.ui.checklists import marking, missing_words, posted

PINS = st.builds(
    Pin,
    st.integers(-6000, 6000).map(lambda n: n / 1000),
    st.integers(-6000, 6000).map(lambda n: n / 1000),
)
NOTES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(str.strip)


def fields(form):
    """Return what a browser would post of a form that nobody touches."""
    data = {"note": form.note}
    for row in form.rows:
        if row.said:
            data[f"said-{row.name}"] = row.said
        data[f"note-{row.name}"] = row.note
        data[f"pins-{row.name}"] = row.pins_json
    return data


@given(st.data(), st.sampled_from([(Answer, read_comparison), (Visibility, read_analysis)]))
def test_what_was_said_survives_the_form(data, kind):
    words, read = kind
    mark = st.builds(
        Mark,
        st.none() | st.sampled_from([str(word) for word in words]),
        NOTES,
        st.lists(PINS, max_size=12).map(tuple),
    )
    marks = data.draw(st.dictionaries(st.sampled_from(list(Component)), mark))
    said = Checklist(marks=marks, note=data.draw(NOTES))
    back = read(posted(fields(marking(said, words))))
    assert back.note == said.note
    assert all(back.mark(component) == said.mark(component) for component in Component)


def test_a_form_shows_all_components_and_counts_those_that_are_answered():
    said = Checklist(marks={Component.NOSE: Mark("cannot"), Component.EARS: Mark(note="Hidden.")})
    form = marking(said)
    assert [row.name for row in form.rows] == [str(component) for component in Component]
    assert form.done == 1
    assert form.missing == "11 components are still to be answered. Next: Face and head outline."


def test_few_missing_components_are_named():
    assert missing_words(["Nose", "Ears"], 12) == "Still to be answered: Nose, Ears."
    assert missing_words([], 12) == "All 12 components are answered."


def test_a_row_says_what_its_note_holds():
    pins = (Pin(0.1, 0.2), Pin(0.3, 0.4))
    marks = {
        Component.NOSE: Mark(None, "Wide.", pins),
        Component.EARS: Mark(None, "", pins[:1]),
    }
    rows = {row.name: row.summary for row in marking(Checklist(marks=marks)).rows}
    assert (rows["nose"], rows["ears"], rows["mouth"]) == ("Note, 2 pins", "1 pin", "")
    seen = [(pin.name, pin.number) for pin in marking(Checklist(marks=marks)).pins]
    assert seen == [("Nose", 1), ("Nose", 2), ("Ears", 1)]


def test_the_lines_of_a_note_count_as_the_browser_counts_them():
    given = posted({"note-nose": "a\r\nb " + "x" * 1995})
    assert len(read_comparison(given).mark(Component.NOSE).note) == 1999


@pytest.mark.parametrize("pins", ["{}", "1", "[", '"x"', "[" * 100_000])
def test_pins_that_are_no_list_are_refused(pins):
    with pytest.raises(InputError, match="two coordinates"):
        posted({"pins-nose": pins})


@pytest.mark.parametrize("pins", [[[1]], [["1", 2]], [[7, 0]], [[float("nan"), 0]], [[0, 0]] * 13])
def test_pins_that_are_on_no_face_are_refused(pins):
    with pytest.raises(InputError):
        read_comparison(posted({"pins-nose": json.dumps(pins)}))
