"""A search from the photo to the candidates: with the mouse, with the keyboard, without a script."""

from __future__ import annotations

import pytest
from factories import enrol, make_case, make_gallery, make_source, people

from countenance.apps.searches.models import Search
from countenance.faces.types import Gate
from countenance.testing import FakeEngine


@pytest.fixture
def gallery(site):
    gallery = make_gallery(site.deployment)
    photos = people(["anna", "ben", "cleo"], shots=(1, 2))
    enrol(site.deployment, gallery, make_source(site.deployment), photos)
    return gallery


@pytest.fixture
def case(site):
    return make_case(site.deployment)


@pytest.fixture
def photo(tmp_path):
    def make(**made):
        path = tmp_path / "probe.jpg"
        path.write_bytes(FakeEngine.photo("ben", 7, **made))
        return path

    return make


def add_photo(desk, case, path):
    desk.go(f"/cases/{case.pk}/search/")
    desk.page.locator("#id_photo").set_input_files(path)
    desk.page.get_by_role("button", name="Find the faces").click()


def heading(desk):
    return desk.page.get_by_role("heading", level=1).inner_text()


def see_candidates(desk):
    page = desk.page
    page.wait_for_url("**/searches/**")
    page.wait_for_load_state("load")
    assert heading(desk) == "3 candidates"
    names = page.locator(".candidate h2").all_inner_texts()
    assert "ben" in names[0]
    assert "A candidate is not an identification." in page.locator(".notice").inner_text()
    assert "even if the person is not in the gallery" in page.locator(".notice").inner_text()
    assert "Receipt" in page.locator("section.receipt").inner_text()
    assert "%" not in page.locator("main").inner_text()


def test_a_search_in_three_steps(desk, gallery, case, photo):
    page = desk.page
    add_photo(desk, case, photo(others=("zoe",)))
    assert heading(desk) == "Whose face are you searching for?"
    assert page.locator(".of-face:visible").count() == 0
    assert page.locator(".of-none").is_visible()
    page.get_by_label("Face 1").check(force=True)
    assert page.locator(".of-face:visible h2").all_inner_texts() == ["Face 1"]
    page.get_by_label("Face 2").check(force=True)
    assert page.locator(".of-face:visible h2").all_inner_texts() == ["Face 2"]
    page.get_by_label("Face 1").check(force=True)
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.picture("search_face")
    page.get_by_role("button", name="Check before searching").click()
    assert heading(desk) == "Check before you search"
    assert Search.objects.count() == 0
    desk.picture("search_check")
    page.get_by_role("button", name="Search the gallery").click()
    see_candidates(desk)
    desk.picture("search_candidates")


def test_the_probe_beside_each_candidate_is_one_look(desk, gallery, case, photo):
    asked = []
    add_photo(desk, case, photo())
    desk.page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.page.get_by_role("button", name="Check before searching").click()
    desk.page.wait_for_load_state("networkidle")
    desk.page.on("request", lambda one: asked.append(one.url) if "/image/" in one.url else None)
    desk.page.get_by_role("button", name="Search the gallery").click()
    desk.page.wait_for_url("**/searches/**")
    desk.page.wait_for_load_state("networkidle")
    assert desk.page.locator(".candidate").count() == 3
    assert len(asked) == 1


def test_what_was_filled_in_stays_when_something_is_changed(desk, gallery, case, photo):
    page = desk.page
    add_photo(desk, case, photo(others=("zoe",)))
    page.get_by_label("Face 2").check(force=True)
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    page.get_by_label("Number of candidates").fill("7")
    page.get_by_role("button", name="Check before searching").click()
    page.get_by_role("button", name="Change something").click()
    assert heading(desk) == "Whose face are you searching for?"
    assert page.get_by_label("Face 2").is_checked()
    assert page.get_by_label("Reason").input_value() == "Seen at the station on 3 May"
    assert page.get_by_label("Number of candidates").input_value() == "7"


def test_a_search_with_the_keyboard_alone(desk, gallery, case, photo):
    page = desk.page
    add_photo(desk, case, photo(others=("zoe",)))
    page.wait_for_url("**/probes/**")

    def tab_to(locator):
        for _ in range(40):
            page.keyboard.press("Tab")
            if locator.evaluate("one => one === document.activeElement"):
                return
        pytest.fail("the keyboard does not get there")

    tab_to(page.get_by_label("Face 1"))
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Face 2").is_checked()
    page.keyboard.press("ArrowUp")
    assert page.get_by_label("Face 1").is_checked()
    tab_to(page.get_by_label("Reason"))
    page.keyboard.type("Seen at the station on 3 May")
    tab_to(page.get_by_role("button", name="Check before searching"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/check/")
    tab_to(page.get_by_role("button", name="Search the gallery"))
    page.keyboard.press("Enter")
    see_candidates(desk)


def test_a_search_without_a_script(plain_desk, gallery, case, photo):
    page = plain_desk.page
    add_photo(plain_desk, case, photo())
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    page.get_by_role("button", name="Check before searching").click()
    page.get_by_role("button", name="Search the gallery").click()
    see_candidates(plain_desk)


def test_a_file_that_is_no_photo_is_told_at_once(desk, case, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no photo")
    add_photo(desk, case, path)
    alert = desk.page.get_by_role("alert")
    assert "This photo cannot be used." in alert.inner_text()
    assert alert.evaluate("one => one === document.activeElement")


@pytest.mark.parametrize(
    ("made", "title"),
    [
        ({"faces": 0}, "No face was found"),
        ({"gate": Gate.UNUSABLE}, "No face here can be compared"),
    ],
)
def test_no_usable_face_is_a_clear_answer_with_a_way_out(desk, case, photo, made, title):
    add_photo(desk, case, photo(**made))
    assert heading(desk) == title
    assert desk.page.get_by_role("link", name="Use another photo").is_visible()
    assert desk.axe() == []


def test_an_empty_gallery_gives_no_candidate(desk, site, case, photo):
    make_gallery(site.deployment, "Empty")
    add_photo(desk, case, photo())
    desk.page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.page.get_by_role("button", name="Check before searching").click()
    desk.page.get_by_role("button", name="Search the gallery").click()
    desk.page.wait_for_url("**/searches/**")
    assert heading(desk) == "No candidate"
    assert "This outcome is recorded" in desk.page.locator(".notice").inner_text()
    assert desk.page.locator("section.receipt").is_visible()
    assert desk.axe() == []


def test_a_photo_can_be_dropped(desk, case, photo):
    desk.go(f"/cases/{case.pk}/search/")
    data = list(photo().read_bytes())
    desk.page.evaluate(
        """(data) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(data)], "dropped.jpg", {type: "image/jpeg"}));
          document.querySelector("[data-drop]").dispatchEvent(
            new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        data,
    )
    assert "dropped.jpg" in desk.page.locator("[data-chosen]").inner_text()
    desk.page.get_by_role("button", name="Find the faces").click()
    assert heading(desk) == "Whose face are you searching for?"
