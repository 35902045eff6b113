"""A search from the evidence to the candidates: with the mouse, with the keyboard, without a script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from examining import examined
from factories import ask, cover, enrol, make_case, make_gallery, make_source, people
from playwright.sync_api import expect

from countenance.apps.agencies.models import Person
from countenance.apps.searches.models import Probe, Search, SearchRequest
from countenance.faces.types import Gate
from countenance.testing import FakeEngine


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
def photo(tmp_path):
    def make(**made):
        path = tmp_path / "probe.jpg"
        path.write_bytes(FakeEngine.photo("ben", 7, **made))
        return path

    return make


@pytest.fixture
def asked(site, case, gallery):
    """Return a function that adds evidence and asks for a search with it."""

    def make(**made):
        return ask(site.deployment, case, [gallery], FakeEngine.photo("ben", 7, **made))

    return make


def examiner(desk, probe=None):
    """Sign in as the examiner, and open a photo."""
    person = Person.objects.get(pk=desk.site.deployment.examiner.person)
    desk.page.context.clear_cookies()
    desk.sign_in(person)
    if probe is not None:
        desk.go(f"/probes/{probe.pk}/")


def add_photo(desk, case, path):
    desk.go(f"/cases/{case.pk}/search/")
    desk.page.locator("#id_photo").set_input_files(path)
    desk.page.get_by_role("button", name="Add the photo").click()


def heading(desk):
    return desk.page.get_by_role("heading", level=1).inner_text()


def see_candidates(desk):
    page = desk.page
    page.wait_for_url("**/searches/**")
    page.wait_for_load_state("load")
    assert heading(desk) == "3 candidates to examine"
    assert page.locator(".candidate").count() == 0
    assert "ben" not in page.locator("main").inner_text()
    examined(desk.site.deployment, Search.objects.get())
    page.reload()
    assert heading(desk) == "3 candidates"
    names = page.locator(".candidate h2").all_inner_texts()
    assert "ben" in names[0]
    assert "A candidate is not an identification." in page.locator(".notice").inner_text()
    assert "even if the person is not in the gallery" in page.locator(".notice").inner_text()
    assert "Receipt" in page.locator("section.receipt").inner_text()
    assert "%" not in page.locator("main").inner_text()


def test_an_investigator_adds_evidence_and_asks(desk, case, photo):
    page = desk.page
    add_photo(desk, case, photo(others=("zoe",)))
    assert heading(desk) == "probe.jpg"
    assert page.locator("main img, main svg image").count() == 1
    desk.picture("evidence")
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.press("Ask for a search")
    assert "A search was asked for" in page.locator("main").inner_text()
    assert SearchRequest.objects.count() == 1
    assert page.get_by_role("button", name="Withdraw the request").is_visible()
    assert desk.axe() == []


def test_a_request_waits_in_the_queue_until_somebody_else_runs_it(desk, asked):
    probe = asked(others=("zoe",))
    page = desk.page
    desk.go("/requests/")
    assert "Not yours to run" in page.locator("main").inner_text()
    assert page.get_by_role("link", name="Open").count() == 0
    examiner(desk)
    desk.go("/requests/")
    desk.picture("requests")
    assert desk.axe() == []
    page.get_by_role("link", name="Open the request").click()
    assert page.url.endswith(f"/probes/{probe.pk}/")
    assert heading(desk) == "Whose face are you searching for?"
    assert page.locator(".of-face:visible").count() == 0
    assert page.locator(".of-none").is_visible()
    page.get_by_label("Face 2").check(force=True)
    assert page.locator(".of-face:visible h2").all_inner_texts() == ["Face 2"]
    page.get_by_label("Face 1").check(force=True)
    assert page.get_by_label("Reason").input_value() == "Reported missing on 3 May"
    desk.picture("search_face")
    desk.press("Check before searching")
    assert heading(desk) == "Check before you search"
    assert Search.objects.count() == 0
    desk.picture("search_check")
    desk.press("Search the gallery")
    see_candidates(desk)
    desk.picture("search_candidates")
    desk.go("/requests/")
    assert "No request waits." in page.locator("main").inner_text()


def test_an_investigator_reads_how_far_a_search_is_and_no_candidate(desk, asked, site):
    probe = asked()
    search_as_examiner(desk, probe)
    person = site.deployment.person
    person.standing = {**person.standing, "roles": ["investigator"]}
    person.save()
    desk.page.context.clear_cookies()
    desk.sign_in(person)
    desk.go(f"/searches/{Search.objects.get().pk}/")
    words = desk.page.locator("main").inner_text()
    assert heading(desk) == "Candidates are being examined"
    for hidden in ("anna", "ben", "cleo", "3 candidates"):
        assert hidden not in words
    assert desk.page.locator(".candidate").count() == 0
    assert desk.axe() == []
    desk.picture("search_investigator")


def search_as_examiner(desk, probe):
    examiner(desk, probe)
    desk.press("Check before searching")
    desk.press("Search the gallery")
    desk.page.wait_for_url("**/searches/**")


def test_the_probe_beside_each_candidate_is_one_look(desk, asked):
    looks = []
    examiner(desk, asked())
    desk.press("Check before searching")
    desk.page.wait_for_load_state("networkidle")
    desk.page.on("request", lambda one: looks.append(one.url) if "/image/" in one.url else None)
    desk.press("Search the gallery")
    desk.page.wait_for_url("**/searches/**")
    desk.page.wait_for_load_state("networkidle")
    assert len(looks) == 1
    looks.clear()
    examined(desk.site.deployment, Search.objects.get())
    desk.page.reload()
    desk.page.wait_for_load_state("networkidle")
    assert desk.page.locator(".candidate").count() == 3
    assert len(looks) == 1


def test_what_was_filled_in_stays_when_something_is_changed(desk, asked):
    page = desk.page
    examiner(desk, asked(others=("zoe",)))
    page.get_by_label("Face 2").check(force=True)
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    page.get_by_label("Number of candidates").fill("7")
    desk.press("Check before searching")
    desk.press("Change something")
    assert heading(desk) == "Whose face are you searching for?"
    assert page.get_by_label("Face 2").is_checked()
    assert page.get_by_label("Reason").input_value() == "Seen at the station on 3 May"
    assert page.get_by_label("Number of candidates").input_value() == "7"


def test_a_search_with_the_keyboard_alone(desk, asked):
    page = desk.page
    examiner(desk, asked(others=("zoe",)))

    def tab_to(locator):
        for _ in range(60):
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
    page.keyboard.type(" Seen at the station on 3 May")
    tab_to(page.get_by_role("button", name="Check before searching"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/check/")
    tab_to(page.get_by_role("button", name="Search the gallery"))
    page.keyboard.press("Enter")
    see_candidates(desk)


def test_evidence_and_search_without_a_script(plain_desk, case, photo):
    page = plain_desk.page
    add_photo(plain_desk, case, photo())
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    plain_desk.press("Ask for a search")
    examiner(plain_desk, Probe.objects.get())
    plain_desk.press("Check before searching")
    plain_desk.press("Search the gallery")
    see_candidates(plain_desk)


def test_a_photo_is_turned_and_cropped_with_plain_forms(plain_desk, asked):
    page, probe = plain_desk.page, asked(others=("zoe",))
    plain_desk.go(f"/probes/{probe.pk}/")
    page.get_by_text("Turn or crop this photo").click()
    plain_desk.picture("evidence_edit")
    plain_desk.press("Crop to face 2")
    assert "No pixel was added." in page.locator("main").inner_text()
    made = Probe.objects.get(derived_from=probe)
    assert page.url.endswith(f"/probes/{made.pk}/")
    page.get_by_text("Turn or crop this photo").click()
    plain_desk.press("Turn to the left")
    assert Probe.objects.get(derived_from=made).details["how"]["quarter_turns"] == 3
    plain_desk.go(f"/probes/{probe.pk}/")
    page.get_by_text("Turn or crop this photo").click()
    for label, value in (("left", "9000"), ("top", "9000")):
        page.get_by_label(f"From the {label}").fill(value)
    page.get_by_label("Width").fill("10")
    page.get_by_label("Height").fill("10")
    plain_desk.press("Crop to this part")
    assert "outside of the photo" in page.get_by_role("alert").inner_text()


def test_an_examiner_declines_with_a_reason(desk, asked):
    probe = asked()
    examiner(desk)
    desk.go("/requests/")
    desk.page.get_by_role("link", name="Decline").click()
    desk.page.get_by_label("Reason").fill("The photo shows somebody from behind")
    desk.press("Decline the request")
    assert SearchRequest.objects.get().state == "declined"
    assert "No request waits." in desk.page.locator("main").inner_text()
    # Whoever asked reads why, and can ask anew.
    desk.page.context.clear_cookies()
    desk.sign_in()
    desk.go(f"/probes/{probe.pk}/")
    assert "The photo shows somebody from behind" in desk.page.locator(".notice").inner_text()
    assert desk.page.get_by_role("button", name="Ask for a search").is_visible()


def test_a_face_that_is_none_of_the_cases_people_is_held(desk, asked, site, case, gallery):
    search_as_examiner(desk, asked())
    other = ask(site.deployment, case, [gallery], FakeEngine.photo("cleo", 7))
    examiner(desk, other)
    desk.press("Check before searching")
    desk.press("Search the gallery")
    assert "about one person" in desk.page.locator("main").inner_text()
    held = Search.objects.get(state="aborted")
    desk.go(f"/searches/{held.pk}/")
    assert heading(desk) == "This search was held"
    desk.picture("search_held")
    assert desk.axe() == []
    assert desk.page.get_by_role("link", name="Widen the case").count() == 0
    desk.page.context.clear_cookies()
    desk.sign_in()
    desk.go(f"/searches/{held.pk}/")
    desk.page.get_by_role("link", name="Widen the case").click()
    assert heading(desk) == "Widen the case"


def test_a_certificate_says_what_was_destroyed(desk, asked):
    search_as_examiner(desk, asked())
    one = Search.objects.get()
    freeze(desk.site.deployment, one)
    desk.go(f"/searches/{one.pk}/")
    assert heading(desk) == "What this search found was destroyed"
    desk.picture("search_destroyed")
    desk.page.get_by_role("link", name="Open the certificate").click()
    words = desk.page.locator("main").inner_text()
    assert "No authority came in time." in words
    assert "Receipt" in words
    desk.picture("certificate")
    assert desk.axe() == []
    with desk.page.expect_download() as saved:
        desk.page.get_by_role("link", name="Save as JSON").click()
    assert saved.value.suggested_filename.endswith(".json")
    with desk.page.expect_download() as saved:
        desk.page.get_by_role("link", name="Save as PDF").click()
    assert saved.value.suggested_filename.endswith(".pdf")


def freeze(on, one):
    """Let a search be one whose authority did not come in time, past the services."""
    from dataclasses import replace

    from countenance.apps.searches import purging
    from countenance.policy import SYSTEM

    by = one.intended_at - timedelta(days=1)
    one.request = {**one.request, "authorise_by": by.isoformat()}
    one.authorise_by = by
    one.save(update_fields=("request", "authorise_by"))
    later = one.intended_at + timedelta(hours=50)
    tools = replace(on.tools, clock=lambda: later)
    purging.freeze_overdue(SYSTEM, tools=tools)
    purging.purge_frozen(SYSTEM, tools=tools)


def test_a_file_that_is_no_photo_is_told_at_once(desk, case, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no photo")
    add_photo(desk, case, path)
    alert = desk.page.get_by_role("alert")
    assert "This photo cannot be used." in alert.inner_text()
    expect(alert).to_be_focused(
        timeout=20_000
    )  # once the page is first shown, which may be after it was loaded


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
    assert "larger or more frontal" in desk.page.get_by_role("alert").inner_text()
    assert desk.axe() == []


def test_an_empty_gallery_gives_no_candidate(desk, site, case):
    empty = make_gallery(site.deployment, "Empty")
    cover(site.deployment, case, [empty])
    probe = ask(site.deployment, case, [empty], FakeEngine.photo("ben", 7))
    search_as_examiner(desk, probe)
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
    desk.page.get_by_role("button", name="Add the photo").click()
    assert heading(desk) == "dropped.jpg"
