"""Every screen, in light and dark, wide and 390 px: no axe finding, no refused resource, no sideways scroll."""

from __future__ import annotations

import pytest
from factories import enrol, incoming, make_case, make_gallery, make_source, people, search

from countenance.apps.galleries.models import EnrolmentRun, Photo
from countenance.apps.searches.models import Probe
from countenance.testing import FakeEngine
from countenance.web import wiring

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]


@pytest.fixture
def screens(site):
    """Return name and path of each screen that a signed-in person reaches, with something on it."""
    on = site.deployment
    gallery, source = make_gallery(on), make_source(on)
    photos = [*people(["anna", "ben"], shots=(1, 2)), incoming("x/notes.txt", b"no photo")]
    enrol(on, gallery, source, photos)
    case = make_case(on)
    found = search(on, case, [gallery], FakeEngine.photo("ben", 5, others=("zoe",)), face=0)
    photo, run = Photo.objects.first(), EnrolmentRun.objects.get()
    return {
        "cases": "/",
        "case_new": "/cases/new/",
        "case": f"/cases/{case.pk}/",
        "case_close": f"/cases/{case.pk}/close/",
        "search_photo": f"/cases/{case.pk}/search/",
        "search_face": f"/probes/{Probe.objects.get().pk}/",
        "searches": "/searches/",
        "search": f"/searches/{found.pk}/",
        "galleries": "/galleries/",
        "gallery_new": "/galleries/new/",
        "gallery": f"/galleries/{gallery.pk}/",
        "enrol": f"/galleries/{gallery.pk}/enrol/",
        "enrolment": f"/enrolments/{run.pk}/",
        "source_new": "/sources/new/",
        "source": f"/sources/{source.pk}/",
        "source_remove": f"/sources/{source.pk}/remove/",
        "photo": f"/photos/{photo.pk}/",
        "photo_remove": f"/photos/{photo.pk}/remove/",
        "subject_remove": f"/subjects/{photo.subject_id}/remove/",
        "ledger": "/ledger/",
        "not_found": "/no/such/page/",
    }


def look_at(desk, name, scheme, width):
    """Return what is wrong with the page as it is shown now."""
    wrong = [f"{name}: {finding}" for finding in desk.axe()]
    if desk.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append(f"{name}: scrolls sideways at {width} px")
    desk.picture(f"screen_{name}_{scheme}_{width}")
    return wrong


def dress(desk, scheme, width):
    desk.page.emulate_media(color_scheme=scheme)
    desk.page.set_viewport_size({"width": width, "height": 900})


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_screen_is_accessible_and_fits(desk, screens, scheme, width):
    dress(desk, scheme, width)
    wrong = []
    for name, path in screens.items():
        desk.go(path)
        assert desk.page.get_by_role("heading", level=1).count() == 1, name
        wrong += look_at(desk, name, scheme, width)
    # The last step of a search has no address of its own.
    desk.go(screens["search_face"])
    desk.page.get_by_label("Face 1").check(force=True)
    desk.page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.page.get_by_role("button", name="Check before searching").click()
    desk.page.wait_for_url("**/check/")
    wrong += look_at(desk, "search_check", scheme, width)
    # A form that came back, with everything that is missing said.
    desk.go(screens["source_new"])
    desk.page.locator("main form").evaluate("form => { form.noValidate = true; }")
    desk.page.get_by_role("button", name="Register the source").click()
    desk.page.get_by_role("alert").wait_for()
    wrong += look_at(desk, "form_errors", scheme, width)
    assert wrong == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_screen_is_accessible_when_there_is_nothing_yet(desk, site, scheme, width):
    dress(desk, scheme, width)
    gallery = make_gallery(site.deployment)
    wrong = []
    for name, path in {
        "empty_cases": "/",
        "empty_searches": "/searches/",
        "empty_galleries": "/galleries/",
        "empty_gallery": f"/galleries/{gallery.pk}/",
        "empty_enrol": f"/galleries/{gallery.pk}/enrol/",
    }.items():
        desk.go(path)
        wrong += look_at(desk, name, scheme, width)
    assert wrong == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_doors_are_accessible(make_desk, site, scheme, width):
    desk = make_desk()
    dress(desk, scheme, width)
    desk.go("/sign-in/")
    wrong = look_at(desk, "sign_in", scheme, width)
    wiring.seal()
    desk.go("/anything/")
    assert desk.page.get_by_role("heading", level=1).inner_text() == "Countenance is sealed"
    wrong += look_at(desk, "unseal", scheme, width)
    assert wrong == []


def test_the_demo_banner_is_on_every_page(desk, screens):
    for name, path in screens.items():
        desk.go(path)
        assert "Demonstration keys" in desk.page.get_by_role("note").inner_text(), name


def test_the_foot_says_who_and_the_last_receipt(desk, screens):
    desk.go("/ledger/")
    foot = desk.page.locator("footer").inner_text()
    assert "Signed in as Test Person" in foot
    assert "receipt" in foot
    newest = desk.page.locator("tbody tr").first.inner_text()
    assert foot.split("receipt ")[1].split(",")[0] in newest


def test_the_skip_link_leads_past_the_navigation(desk):
    desk.page.keyboard.press("Tab")
    assert desk.page.evaluate("document.activeElement.textContent") == "Skip to content"
    desk.page.keyboard.press("Enter")
    assert desk.page.url.endswith("#main")


def test_the_tests_would_see_a_refused_style_and_an_inaccessible_page(desk):
    desk.go("/")
    desk.page.evaluate("""() => {
      const style = document.createElement("style");
      style.textContent = "body { color: inherit }";
      document.head.append(style);
      document.querySelector("main").append(document.createElement("img"), document.createElement("select"));
    }""")
    desk.page.wait_for_timeout(200)
    assert any("style-src" in one for one in desk.violations)
    assert any("Content Security Policy" in one for one in desk.faults)
    assert {finding.split(":")[0] for finding in desk.axe()} >= {"image-alt", "select-name"}
    desk.violations.clear()
    desk.faults.clear()
