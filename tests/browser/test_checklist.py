"""The checklist beside the photos: answered by keys, pinned on both, and posted as it was said."""

from __future__ import annotations

import json

import pytest
from browser.review_page import review_page
from drawn import draw_face

from countenance.examination.checklist import Checklist, Mark, Pin
from countenance.examination.components import Component, Visibility
from countenance.ui.checklists import marking
from countenance.ui.faceview import Pair

STAGE = "[data-stage]"
SAID = Checklist(
    marks={
        Component.OUTLINE: Mark("similar"),
        Component.HAIRLINE: Mark("similar"),
        Component.EYEBROWS: Mark("different", "The left brow ends lower."),
        Component.EYES: Mark("similar"),
        Component.EARS: Mark("cannot"),
        Component.MARKS: Mark("similar", "The same mole.", (Pin(0.62, 0.8),)),
    }
)


@pytest.fixture
def review(context):
    one = review_page(context)
    one.desk.dress("light", 1440)
    yield one
    assert one.desk.violations == []
    assert one.desk.faults == []


def show(review, **made):
    probe = draw_face("anna", width=900, height=1100, eyes=150, degrees=7, back="#8f9aa4")
    people = ("anna", "ben", "cleo", "dora")
    states = ("In review", "Not started", "Draft kept", "Recorded")
    photos = [
        review.photo(draw_face(person, degrees=-2), f"Candidate {letter}", f"{letter}.svg")
        for person, letter in zip(people, "ABCD", strict=True)
    ]
    strip = [
        {
            "letter": letter,
            "state": state,
            "href": "/",
            "current": letter == "A",
            "concluded": state == "Recorded",
            "photo": photo.href,
        }
        for letter, state, photo in zip("ABCD", states, photos, strict=True)
    ]
    pair = Pair.of(review.photo(probe, "Probe", "probe.svg"), photos[0])
    review.open(pair, strip=strip, **made)


def pins(review, component):
    return json.loads(review.page.locator(f"[name=pins-{component}]").input_value())


def drawn_pins(review):
    """Return of each photo which points of its face are pinned, as they are painted."""
    return review.page.evaluate(
        """[...document.querySelectorAll("[data-face]")].map((face) =>
          [...face.querySelectorAll(".pins .pin")].map((pin) => {
            const at = pin.querySelector("circle").getScreenCTM();
            const p = new DOMPoint(at.e, at.f).matrixTransform(face.getScreenCTM().inverse());
            return [Math.round(p.x * 1000) / 1000, Math.round(p.y * 1000) / 1000,
                    pin.querySelector("text").textContent]; }))"""
    )


def on_face(review, number, x, y):
    return review.page.evaluate(
        """([number, x, y]) => {
          const face = document.querySelectorAll("[data-face]")[number];
          const p = new DOMPoint(x, y).matrixTransform(face.getScreenCTM());
          return [p.x, p.y]; }""",
        [number, x, y],
    )


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_sound_in_light_and_dark_and_on_a_phone(review, scheme, width):
    review.desk.dress(scheme, width)
    show(review, said=SAID)
    wrong = review.desk.look("pair", scheme, width)
    review.page.get_by_text("Note, 1 pin").click()
    review.page.get_by_text("Keys", exact=True).click()
    wrong += review.desk.look("pair_open", scheme, width)
    for key, name in (("o", "originals"), ("s", "split"), ("f", "flicker"), ("p", "pinning")):
        review.page.locator(STAGE).press(key)
        wrong += review.desk.look(f"pair_{name}", scheme, width)
    assert wrong == []


def test_keys_answer_a_component_and_go_on_to_the_next(review):
    show(review)
    review.page.locator("[name=said-outline]").first.focus()
    for key in "123":
        review.page.keyboard.press(key)
    said = {
        name: review.page.locator(f"[name=said-{name}]:checked").get_attribute("value")
        for name in ("outline", "hairline", "forehead")
    }
    assert said == {"outline": "similar", "hairline": "different", "forehead": "cannot"}
    focused = review.page.evaluate("document.activeElement.name")
    assert focused == "said-eyebrows"
    assert review.page.locator("[data-done]").inner_text() == "3 of 12"


def test_a_digit_in_a_note_is_a_digit(review):
    show(review)
    review.page.locator("[data-component=nose] summary").click()
    note = review.page.get_by_label("Note on Nose")
    note.press_sequentially("2 lines")
    assert note.input_value() == "2 lines"
    assert review.page.locator("[name=said-nose]:checked").count() == 0
    assert "Note" in review.page.locator("[data-component=nose] summary").inner_text()


def test_the_bar_says_in_words_what_is_missing_as_the_server_does(review):
    show(review)
    bar = review.page.locator("[data-missing]")
    marks = {}
    for component in Component:
        assert bar.inner_text() == marking(Checklist(marks=marks)).missing
        review.page.locator(f"[name=said-{component}]").nth(1).check(force=True)
        marks[component] = Mark("different")
    assert bar.inner_text() == "All 12 components are answered."


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("originals", [False, True])
def test_a_click_pins_the_same_point_of_both_faces(review, number, originals):
    show(review)
    review.page.locator("[data-component=nose] summary").click()
    if originals:
        # Pins lie on the faces as they are aligned, so these come back.
        review.page.locator(STAGE).press("o")
        assert not review.page.locator(".aligned").first.is_visible()
    review.page.get_by_role("button", name="Put a pin on Nose").click()
    assert review.page.locator(".aligned").first.is_visible()
    review.page.mouse.click(*on_face(review, number, 0.2, 0.66))
    assert pins(review, "nose") == [pytest.approx([0.2, 0.66, 1, 1], abs=0.012)]
    one, other = drawn_pins(review)
    assert one == other
    assert one[0][:2] == pytest.approx(pins(review, "nose")[0][:2], abs=0.002)
    review.page.mouse.click(*on_face(review, 1 - number, -0.2, 0.66))
    assert [pin[2] for pin in drawn_pins(review)[0]] == ["1", "2"]
    assert review.page.locator("[data-component=nose] summary").inner_text().startswith("2 pins")


def test_pins_keep_their_point_and_their_size_when_zoomed(review):
    show(review, said=SAID)

    def size():
        box = review.page.locator(".pins .pin rect").first.bounding_box()
        return box["width"], box["height"]

    before = size()
    for key in "+++":
        review.page.locator(STAGE).press(key)
    assert size() == pytest.approx(before, abs=0.5)
    assert drawn_pins(review)[0] == [[0.62, 0.8, "1"]]


def test_a_drag_or_a_click_without_pinning_puts_no_pin(review):
    show(review)
    x, y = on_face(review, 0, 0, 0)
    review.page.mouse.click(x, y)
    review.page.get_by_role("button", name="Pin face and head outline").click()
    review.page.mouse.move(x, y)
    review.page.mouse.down()
    review.page.mouse.move(x + 40, y + 10, steps=4)
    review.page.mouse.up()
    assert drawn_pins(review) == [[], []]


def test_a_pin_can_be_removed(review):
    show(review, said=SAID)
    review.page.locator("[data-component=marks] summary").click()
    review.desk.press("Remove pin 1")
    assert pins(review, "marks") == []
    assert drawn_pins(review) == [[], []]
    assert review.page.evaluate("document.activeElement.textContent").startswith("Put a pin")


def test_no_more_pins_are_taken_than_are_kept(review):
    show(review)
    review.page.get_by_role("button", name="Pin face").click()
    for step in range(14):
        review.page.mouse.click(*on_face(review, 0, -0.6 + 0.08 * step, 0.5))
    assert len(pins(review, "outline")) == 12


def test_the_keyboard_alone_is_enough(review):
    show(review)
    page = review.page
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-stage]')"):
            break
    page.keyboard.press("+")
    assert page.locator("[data-zoom]").inner_text() == "1.3 times"
    for key in ("p", "ArrowRight", "ArrowRight", "ArrowDown", "Enter", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.name") == "said-outline"
    ((x, y, *photos),) = pins(review, "outline")
    assert photos == [1, 1]
    assert x > 0
    assert y > 0.28
    for key in "122312311111":
        page.keyboard.press(key)
    assert page.locator("[data-missing]").inner_text() == "All 12 components are answered."
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Small scar")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "go":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/save/")
    assert review.posted["do"] == "go"
    assert review.posted["note-marks"] == "Small scar"
    assert review.posted["said-forehead"] == "different"
    assert review.posted["said-eyebrows"] == "cannot"
    assert json.loads(review.posted["pins-outline"]) == [[x, y, 1, 1]]


def test_what_is_focused_is_never_hidden_behind_the_bar(review):
    review.desk.dress("light", 390)
    show(review)
    page = review.page
    page.locator("[name=said-outline]").first.focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        covered = page.evaluate(
            """() => { const { x, y, width, height } = document.activeElement.getBoundingClientRect();
            const top = document.elementFromPoint(x + width / 2, y + height / 2);
            return Boolean(top?.closest(".decide, .stage")) && !document.activeElement.closest(".decide, .stage"); }"""
        )
        assert not covered


def test_the_probe_alone_is_described_by_how_well_it_can_be_seen(review):
    probe = review.photo(draw_face("cleo", degrees=5), "Probe", "probe.svg")
    review.open(Pair.of(probe), answers=Visibility)
    review.page.get_by_label("Not visible").first.check(force=True)
    review.page.get_by_role("button", name="Pin hairline").or_(
        review.page.get_by_role("button", name="Pin face")
    ).first.click()
    review.page.mouse.click(*on_face(review, 0, 0.3, 1.0))
    assert review.desk.look("probe_alone", "light", 1440) == []
    review.desk.press("Save draft")
    assert review.posted["said-outline"] == "hidden"
    assert len(json.loads(review.posted["pins-outline"])) == 1


def test_keys_of_the_photos_count_in_the_checklist_but_not_where_one_writes(review):
    show(review)
    page = review.page
    page.keyboard.press("f")
    assert not page.locator("[name=view][value=flicker]").is_checked()  # nothing is focused
    page.locator("[name=said-outline]").first.focus()
    page.keyboard.press("+")
    assert page.locator("[data-zoom]").inner_text() == "1.3 times"
    page.keyboard.press("g")
    assert not page.locator("[data-guides]").is_checked()
    page.keyboard.press("s")
    assert page.locator("[name=view][value=split]").is_checked()
    page.locator("[data-component=nose] summary").click()
    note = page.get_by_label("Note on Nose")
    note.press_sequentially("s+0gfxop")
    assert note.input_value() == "s+0gfxop"
    assert page.locator("[data-zoom]").inner_text() == "1.3 times"
    assert page.locator("[name=view][value=split]").is_checked()


def test_on_a_phone_it_is_seen_and_read_out_which_candidates_are_concluded(review):
    review.desk.dress("light", 390)
    show(review)
    first, last = review.page.locator(".strip a").first, review.page.locator(".strip a").last
    assert "Recorded" in last.aria_snapshot()
    assert last.locator(".done").bounding_box()["width"] > 0
    assert first.locator(".done").count() == 0
