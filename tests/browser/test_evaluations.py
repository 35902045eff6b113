"""What was measured of a gallery, its charts, and the way to another operating point, in the browser."""

from __future__ import annotations

import os
from types import SimpleNamespace

import lifelike
import measuring
import pytest
from browser.examiners import WRITES, keep
from factories import acting

from countenance.apps.agencies.models import Person
from countenance.policy import Role

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
PEOPLE = 40


@pytest.fixture
def world(site):
    """Return a gallery that was measured and has an operating point, and who works on it."""
    on = site.deployment
    gallery = measuring.filled(on, measuring.names(PEOPLE), (1, 2), "Missing persons")
    found = lifelike.evaluated(on, gallery, of="sample")
    return SimpleNamespace(
        on=on,
        gallery=gallery,
        evaluation=found,
        steward=acting(on, Role.STEWARD),
        point=measuring.pointed(on, gallery, found, 0.01),
    )


def everywhere(desk, name, path):
    """Return what is wrong with a page in any look."""
    wrong = []
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        desk.go(path)
        wrong += desk.look(name, scheme, width)
    return wrong


SMALLEST_WORDS = """() => Math.min(...[...document.querySelectorAll("figure.chart text")].map(
    (one) => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a))"""


def test_what_was_measured_is_read_on_any_screen(desk, world):
    wrong = everywhere(desk, "evaluations_gallery", f"/galleries/{world.gallery.pk}/evaluations/")
    main = desk.page.locator("main")
    assert "in this gallery of 40 return somebody" in main.inner_text()
    assert "10 times as large: 400" in main.inner_text()
    wrong += everywhere(desk, "evaluation", f"/evaluations/{world.evaluation.pk}/")
    assert main.locator("svg[role=img]").count() == 8
    assert desk.page.viewport_size["width"] == 390
    assert desk.page.evaluate(SMALLEST_WORDS) >= 12
    assert main.get_by_text("too few").count() >= 1
    table = main.locator("figure details").first
    assert not table.locator("table").is_visible()
    table.locator("summary").click()
    assert table.locator("table").is_visible()
    wrong += everywhere(desk, "gallery_measured", f"/galleries/{world.gallery.pk}/")
    assert wrong == []


def test_a_gallery_is_measured_by_pressing_a_button_and_the_page_follows(desk, site):
    gallery = measuring.filled(site.deployment, measuring.names(30), (1, 2), "Registry")
    desk.go(f"/galleries/{gallery.pk}/evaluations/")
    desk.press("Measure it with its own photos")
    # The page follows by itself; nothing is clicked here.
    done = desk.page.get_by_role("link", name="Set an operating point")
    done.wait_for(timeout=60_000)
    main = desk.page.locator("main").inner_text()
    assert "photos of 30 people of the gallery itself who have several" in main
    assert "The gallery is being measured" not in main


def test_an_evaluation_is_read_and_printed_without_a_script(plain_desk, site):
    gallery = measuring.filled(site.deployment, measuring.names(4), (1, 2), "Registry")
    found = lifelike.evaluated(site.deployment, gallery)
    page = plain_desk.page
    plain_desk.go(f"/evaluations/{found.pk}/")
    page.locator("figure summary").first.click()
    assert page.locator("figure table").first.is_visible()
    for name, start in (("Save as PDF", b"%PDF-"), ("Download the numbers (JSON)", b"{")):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=name).click()
        assert waiting.value.path().read_bytes().startswith(start)


def test_a_steward_asks_for_another_operating_point_and_a_supervisor_sees_before_and_after(
    make_desk, world
):
    wrong = []
    desk = make_desk()
    desk.sign_in(person(world.steward))
    page, point = desk.page, f"/galleries/{world.gallery.pk}/operating-point/"
    desk.go(f"/galleries/{world.gallery.pk}/evaluations/")
    page.get_by_role("link", name="Change the operating point").click()
    wrong += everywhere(desk, "point", point)
    page.get_by_label("3 in 1,000 searches").check()
    desk.press("Show before and after")
    assert "Age band: under 30" in page.locator("main").inner_text()
    wrong += everywhere(desk, "point_compared", page.url.removeprefix(desk.site.url))
    page.get_by_label("Reason").fill(measuring.REASON)
    desk.press("Ask for approval")
    page.wait_for_url("**/approvals/**")
    approval = page.url.removeprefix(desk.site.url)
    desk.sign_in(person(world.on.supervisor))
    desk.go(approval)
    wrong += everywhere(desk, "point_approval", approval)
    page.get_by_label("Reason").fill("Agreed in the board")
    desk.press("Approve")
    desk.sign_in(person(world.steward))
    desk.go(approval)
    page.get_by_role("link", name="Carry it out").click()
    desk.press("Carry it out")
    page.wait_for_url("**/evaluations/")
    assert "about 3 in 1,000 searches" in page.locator("main").inner_text()
    assert wrong == []


@pytest.mark.skipif(not os.environ.get(WRITES), reason="makes a picture of the documentation only")
def test_a_picture_of_an_evaluation_is_made(desk, world):
    desk.dress("light", 1200)
    desk.page.set_viewport_size({"width": 1200, "height": 1220})
    desk.sign_in(person(world.steward))
    desk.go(f"/evaluations/{world.evaluation.pk}/")
    desk.page.evaluate("document.fonts.ready")
    keep("evaluation", desk.page.screenshot())


def person(actor):
    return Person.objects.select_related("agency").get(pk=actor.person)
