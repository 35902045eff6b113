"""From a source to enrolled photos, and their removal, in the browser."""

from __future__ import annotations

import pytest
from factories import enrol, make_gallery, make_source, people

from countenance.apps.galleries.models import Photo, Subject
from countenance.testing import FakeEngine


def heading(desk):
    return desk.page.get_by_role("heading", level=1).inner_text()


@pytest.fixture
def folder(tmp_path):
    for person, shots in (("anna", 2), ("ben", 1)):
        (tmp_path / "people" / person).mkdir(parents=True)
        for shot in range(shots):
            path = tmp_path / "people" / person / f"{shot}.jpg"
            path.write_bytes(FakeEngine.photo(person, shot))
    (tmp_path / "people" / "ben" / "notes.txt").write_text("no photo")
    return tmp_path / "people"


def test_a_gallery_and_a_source_are_made(desk):
    page = desk.page
    desk.go("/galleries/")
    page.get_by_role("link", name="New gallery").click()
    page.get_by_label("Name").fill("Missing persons")
    page.get_by_role("button", name="Create the gallery").click()
    assert heading(desk) == "Missing persons"
    desk.go("/sources/new/")
    page.get_by_label("Name").fill("Registry photos")
    page.get_by_label("Owner").fill("The registry")
    page.get_by_label("Lawful basis").fill("Registry Act, section 4")
    page.get_by_label("Purpose").fill("Finding missing persons")
    page.get_by_label("Collected on").fill("2024-05-01")
    page.get_by_label("Kept until").fill("2199-05-01")
    page.get_by_label("Reference").fill("R-17")
    page.get_by_label("Steward").fill("S. Steward")
    page.get_by_role("button", name="Register the source").click()
    assert heading(desk) == "Registry photos"
    assert "Registry Act, section 4" in page.locator("main").inner_text()
    desk.picture("source")


def test_a_folder_is_enrolled_and_its_progress_followed(desk, site, folder):
    page = desk.page
    gallery = make_gallery(site.deployment)
    make_source(site.deployment)
    desk.go(f"/galleries/{gallery.pk}/enrol/")
    page.locator("#id_folder").set_input_files(folder)
    assert "4 files" in page.locator("[data-chosen]").inner_text()
    page.get_by_label("Each sub-folder holds the photos").check()
    page.get_by_role("button", name="Enrol these photos").click()
    page.wait_for_url("**/enrolments/**")
    # The page follows by itself; nothing is clicked here.
    page.get_by_role("link", name="See the gallery").wait_for(timeout=60_000)
    assert "notes.txt" in page.locator("main").inner_text()
    desk.picture("enrolment")
    assert desk.axe() == []
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download as CSV").click()
    assert "notes.txt" in waiting.value.path().read_text()
    page.get_by_role("link", name="See the gallery").click()
    assert sorted(page.locator(".thumbs span").all_inner_texts()) == [
        "anna\n2 photos",
        "ben\n1 photo",
    ]
    desk.picture("gallery")


def test_photos_are_enrolled_without_a_script(plain_desk, site, folder):
    page = plain_desk.page
    gallery = make_gallery(site.deployment)
    make_source(site.deployment)
    plain_desk.go(f"/galleries/{gallery.pk}/enrol/")
    assert not page.locator("#id_folder").is_visible()
    page.locator("#id_photos").set_input_files(list((folder / "anna").glob("*.jpg")))
    page.get_by_label("All of them are of one person").check()
    page.get_by_label("Name of that one person").fill("Anna")
    page.get_by_role("button", name="Enrol these photos").click()
    for _ in range(60):
        if page.get_by_role("link", name="See the gallery").is_visible():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Refresh").click()
    assert [one.label for one in Subject.objects.all()] == ["Anna"]


def test_a_photo_is_looked_at_and_removed(desk, site):
    page = desk.page
    gallery = make_gallery(site.deployment)
    source = make_source(site.deployment)
    enrol(site.deployment, gallery, source, people(["anna", "ben"], shots=(1, 2)))
    desk.go(f"/galleries/{gallery.pk}/")
    page.locator(".thumbs a").first.click()
    page.wait_for_load_state("networkidle")
    assert page.locator("svg .frame").count() == 1
    words = page.locator("main").inner_text()
    assert "Distance between the eyes" in words
    assert "Deposit agreement of 2019" in words
    desk.picture("photo")
    page.get_by_role("link", name="Remove this photo").click()
    page.get_by_label("Reason").fill("The owner asked for it")
    page.get_by_role("button", name="Remove the photo").click()
    assert heading(desk) == "This photo was erased"
    desk.picture("erasure")
    assert Photo.objects.filter(removed_at=None).count() == 3
