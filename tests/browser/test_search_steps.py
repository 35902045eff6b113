"""The three steps of a search: photo, face, check; each with a script and without one."""

from __future__ import annotations

import pytest
from factories import ask, enrol, make_case, make_gallery, make_source, people

from countenance.apps.agencies.models import Person
from countenance.apps.searches.models import Probe, Search
from countenance.testing import FakeEngine

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
PASTED = """([kind, files, on]) => {
  const data = new DataTransfer();
  for (const [name, bytes] of files)
    data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/jpeg"}));
  const at = document.querySelector(on);
  const event = kind === "paste"
    ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
  at.dispatchEvent(event);
}"""


@pytest.fixture
def gallery(site):
    gallery = make_gallery(site.deployment)
    photos = people(["anna", "ben", "cleo"], shots=(1, 2))
    enrol(site.deployment, gallery, make_source(site.deployment), photos)
    return gallery


@pytest.fixture
def case(site, gallery):
    return make_case(site.deployment)


@pytest.fixture
def asked(site, case, gallery):
    def make(person="ben", shot=7, name="probe.jpg", **made):
        photo = FakeEngine.photo(person, shot, **made)
        return ask(site.deployment, case, [gallery], photo, name)

    return make


def become_examiner(desk):
    desk.page.context.clear_cookies()
    desk.sign_in(Person.objects.get(pk=desk.site.deployment.examiner.person))


def look_around(desk, name):
    wrong = []
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        wrong += desk.look(name, scheme, width)
    desk.dress("light", 1440)
    assert wrong == []


def words(desk):
    return desk.page.locator("main").inner_text()


def give(desk, kind, *files, on="[data-drop]"):
    listed = [[name, list(data)] for name, data in files]
    desk.page.evaluate(PASTED, [kind, listed, on])
    return desk.page.locator("[data-chosen]").inner_text()


def test_a_photo_is_pasted_dropped_or_chosen(desk, case):
    photo = FakeEngine.photo("ben", 7)
    desk.go(f"/cases/{case.pk}/search/")
    assert desk.page.locator(".steps [aria-current]").inner_text() == "Photo"
    assert "2 files" in give(desk, "drop", ("one.jpg", photo), ("two.jpg", photo))
    assert desk.page.evaluate("document.querySelector('#id_photo').files.length") == 2
    # What is sent is shown first, without an address of its own.
    desk.page.locator("[data-shown] canvas").nth(1).wait_for()
    assert desk.page.locator("[data-shown] canvas").first.get_attribute("aria-label") == "one.jpg"
    assert "Nothing was pasted that is a file" in give(desk, "paste")
    assert "pasted.jpg, 1 KB" in give(desk, "paste", ("pasted.jpg", photo), on="body")
    desk.page.locator("[data-shown] canvas[aria-label='pasted.jpg']").wait_for()
    look_around(desk, "step_photo")
    desk.press("Add the photo")
    assert desk.heading() == "pasted.jpg"


def test_a_file_that_is_too_large_is_told_before_it_is_sent(desk, case):
    desk.go(f"/cases/{case.pk}/search/")
    desk.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(70e6)], "large.jpg", {type: "image/jpeg"}));
          document.querySelector("[data-drop]").dispatchEvent(
            new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }"""
    )
    assert "at most 64 MB" in desk.page.locator("[data-chosen]").inner_text()
    desk.press("Add the photo")
    assert desk.heading() == "Which photo is evidence?"


def test_a_missed_face_is_marked_with_the_mouse(desk, asked):
    probe = asked(missed="anna")
    become_examiner(desk)
    desk.go(f"/probes/{probe.pk}/")
    page = desk.page
    assert page.locator(".steps [aria-current]").inner_text() == "Face"
    page.get_by_text("Mark a face that was not found").click()
    page.locator("#photo.drawing").wait_for()
    photo = page.locator("#photo svg")
    photo.scroll_into_view_if_needed()
    # The photo may have room beside it: where its pixels are on the screen, the browser knows.
    left, top, scale = photo.evaluate(
        "one => { const at = one.getScreenCTM();"
        " return [at.e, at.f, at.a * one.viewBox.baseVal.width / 640]; }"
    )
    page.mouse.move(left + 535 * scale, top + 375 * scale)
    page.mouse.down()
    page.mouse.move(left + 600 * scale, top + 450 * scale, steps=4)
    page.mouse.move(left + 635 * scale, top + 475 * scale, steps=4)
    page.mouse.up()
    drawn = [
        int(page.get_by_label(name).input_value())
        for name in ("Left edge", "Top edge", "Across", "Down")
    ]
    assert all(
        abs(is_ - wanted) <= 2 for is_, wanted in zip(drawn, (535, 375, 100, 100), strict=True)
    )
    assert page.locator("rect.drawn").count() == 1
    look_around(desk, "step_face_marking")
    desk.press("Mark this face")
    assert "Face 2 is marked." in page.get_by_role("status").first.inner_text()
    page.get_by_label("Face 2").check(force=True)
    shown = page.locator(".of-face:visible").inner_text()
    assert "Marked by hand; found there by the program" in shown
    look_around(desk, "step_face_marked")
    desk.press("Check before searching")
    assert "marked by hand" in words(desk)
    look_around(desk, "step_check_marked")
    desk.press("Search the gallery")
    page.wait_for_url("**/searches/**")
    assert Search.objects.get().request["face"] == 1


def test_a_missed_face_is_marked_with_the_keyboard(desk, asked):
    probe = asked(missed="anna")
    desk.go(f"/probes/{probe.pk}/")
    page = desk.page
    page.get_by_text("Mark a face that was not found").focus()
    page.keyboard.press("Enter")
    page.locator("#photo.drawing").wait_for()
    page.get_by_role("button", name="Start in the middle of the photo").first.focus()
    page.keyboard.press("Enter")
    left = page.get_by_label("Left edge")
    assert left.evaluate("one => one === document.activeElement")
    before = int(left.input_value())
    page.keyboard.press("Shift+ArrowUp")
    assert int(left.input_value()) == before + 16
    page.keyboard.press("ArrowDown")
    assert int(left.input_value()) == before + 15
    scale = page.locator("#photo svg").evaluate("one => 640 / one.viewBox.baseVal.width")
    assert float(page.locator("rect.drawn").get_attribute("x")) == pytest.approx(
        (before + 15) / scale
    )
    for value in ("530", "370", "110", "110"):
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Mark this face").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").first.wait_for()
    assert Probe.objects.get(pk=probe.pk).details["faces"][1]["manual"] is True


def test_a_face_is_marked_and_the_light_changed_without_a_script(plain_desk, asked):
    probe = asked(missed="anna")
    page = plain_desk.page
    plain_desk.go(f"/probes/{probe.pk}/")
    page.get_by_text("Mark a face that was not found").click()
    assert page.get_by_text("Drag over the photo").first.is_hidden()
    for label, value in (("Left edge", 20), ("Top edge", 20), ("Across", 60), ("Down", 80)):
        page.get_by_label(label).fill(str(value))
    plain_desk.press("Mark this face")
    assert "Face 2 is marked." in words(plain_desk)
    assert "No face was found where this one was marked" in words(plain_desk)
    page.get_by_text("Make this photo brighter or darker").click()
    page.get_by_label("Brightness").select_option("2 brighter")
    plain_desk.press("Make a copy in this light")
    assert "Made brighter by 2 steps." in words(plain_desk)
    made = Probe.objects.get(derived_from=probe)
    assert made.details["how"]["brightness"] == 2
    page.get_by_role("link", name="Undo the last step").click()
    assert page.url.endswith(f"/probes/{probe.pk}/")
    assert "Made brighter by 2 steps." in words(plain_desk)
    page.get_by_text("Make this photo brighter or darker").click()
    plain_desk.press("Make a copy in this light")
    assert "Choose a part of the photo" in page.get_by_role("alert").inner_text()


def test_several_photos_of_one_person_are_searched_together(desk, asked):
    asked()
    second = asked(shot=8, name="station.jpg", others=("zoe",))
    asked(person="cleo", shot=9, name="someone.jpg")
    become_examiner(desk)
    page = desk.page
    desk.go(f"/probes/{second.pk}/")
    page.get_by_label("Face 1").first.check(force=True)
    page.get_by_label("probe.jpg, face 1").check()
    page.get_by_label("someone.jpg, face 1").check()
    look_around(desk, "step_face_several")
    desk.press("Check before searching")
    assert page.locator(".steps [aria-current]").inner_text() == "Check"
    assert "3 photos of one person, searched together" in words(desk)
    look_around(desk, "step_check_several")
    desk.press("Search the gallery")
    said = page.get_by_role("alert").inner_text()
    assert "Photo 3 is not like the others" in said
    assert "Photo 3: someone.jpg" in " ".join(words(desk).split())
    look_around(desk, "step_face_not_alike")
    # The proof of who one is was used for the search that was tried.
    become_examiner(desk)
    desk.go(f"/probes/{second.pk}/")
    page.get_by_label("Face 1").first.check(force=True)
    page.get_by_label("probe.jpg, face 1").check()
    desk.press("Check before searching")
    desk.press("Search the gallery")
    page.wait_for_url("**/searches/**")
    assert "2 photos of one person were searched together" in words(desk)
    assert "%" not in words(desk)
    look_around(desk, "search_several")
    # From now on the bystander in the photo is blurred for the examiner.
    desk.go(f"/probes/{second.pk}/")
    assert "only the face that was searched for is shown clearly" in words(desk)
    assert "?face=0" in page.locator("#photo image").get_attribute("href")
    look_around(desk, "photo_after_search")
    assert Search.objects.filter(state="concluded").count() == 1


def test_the_steps_without_a_script(plain_desk, asked):
    first, second = asked(), asked(shot=8, name="station.jpg")
    become_examiner(plain_desk)
    page = plain_desk.page
    plain_desk.go(f"/probes/{first.pk}/")
    page.get_by_label("station.jpg, face 1").check()
    plain_desk.press("Check before searching")
    plain_desk.press("Search the gallery")
    page.wait_for_url("**/searches/**")
    assert Search.objects.get().request["more"][0]["probe"] == str(second.pk)


def test_the_light_that_is_chosen_is_shown_before_a_copy_is_made(desk, asked):
    probe = asked()
    desk.go(f"/probes/{probe.pk}/")
    page = desk.page
    page.get_by_text("Make this photo brighter or darker").click()
    photo = page.locator("#photo image")
    before = page.locator("#photo").screenshot()
    page.get_by_label("Brightness").select_option("2 darker")
    assert photo.get_attribute("filter") == "url(#light)"
    assert page.locator("#photo").screenshot() != before
    look_around(desk, "choose_light")
    page.get_by_label("Brightness").select_option("As it is")
    assert photo.get_attribute("filter") is None
