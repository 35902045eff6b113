"""A video from the upload to the photo: its progress, stopping it, and the frame that is chosen."""

from __future__ import annotations

import threading

import pytest
from factories import enrol, make_case, make_gallery, make_source, people

from countenance.apps.searches import footage
from countenance.apps.searches.models import Probe
from countenance.testing import FakeEngine

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]


@pytest.fixture
def case(site):
    gallery = make_gallery(site.deployment)
    enrol(site.deployment, gallery, make_source(site.deployment), people(["anna", "ben"]))
    return make_case(site.deployment)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "shop.mp4"
    path.write_bytes(FakeEngine.video("anna", "ben", "cleo"))
    return path


@pytest.fixture
def held(monkeypatch):
    """Hold every video at 42 % until the event is set, or somebody stops it."""
    go_on = threading.Event()
    right_away = FakeEngine.look_through

    def look_through(self, data, *, notify):
        while not go_on.wait(0.1):
            notify(0.42)
        return right_away(self, data, notify=notify)

    monkeypatch.setattr(FakeEngine, "look_through", look_through)
    monkeypatch.setattr(footage, "ASK_EVERY", 0.2)
    yield go_on
    go_on.set()


def add(desk, case, path):
    desk.go(f"/cases/{case.pk}/search/")
    desk.page.get_by_role("link", name="Add the video").click()
    desk.page.locator("#id_video").set_input_files(path)
    desk.page.get_by_role("button", name="Add the video").click()
    desk.page.wait_for_url("**/videos/**")


def looks(desk, name):
    wrong = []
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        wrong += desk.look(name, scheme, width)
    return wrong


def test_a_frame_is_chosen_with_the_keyboard_after_its_progress_was_followed(
    desk, case, video, held
):
    page = desk.page
    desk.go(f"/cases/{case.pk}/video/")
    wrong = looks(desk, "footage_new")
    add(desk, case, video)
    page.locator("progress[value='42']").wait_for()
    wrong += looks(desk, "footage_progress")
    held.set()
    # The page follows by itself; nothing is clicked here.
    page.get_by_role("button", name="Use this frame").wait_for(timeout=60_000)
    assert desk.heading() == "Which frame shows the person best?"
    assert page.get_by_role("group").count() == 3
    assert page.get_by_role("radio").count() == 6
    assert "%" not in page.locator("main").inner_text()
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert page.get_by_role("radio").nth(3).is_checked()
    wrong += looks(desk, "footage_groups")
    page.keyboard.press("Enter")
    page.wait_for_url("**/probes/**")
    page.wait_for_load_state("load")
    assert "A frame of a video" in page.locator("main").inner_text()
    assert Probe.objects.get().details["file_name"] == "shop.mp4 at 0:22"
    assert page.locator("svg image").first.is_visible()
    wrong += looks(desk, "footage_frame")
    page.get_by_role("link", name="a video of this case").click()
    assert "shop.mp4 at 0:22" in page.locator("aside").inner_text()
    assert wrong == []


def test_looking_through_a_video_is_stopped(desk, case, video, held):
    add(desk, case, video)
    desk.page.get_by_role("button", name="Stop looking through it").click()
    desk.page.get_by_text("Looking through it was stopped.").wait_for()
    assert looks(desk, "footage_stopped") == []
    assert not held.is_set()


def test_a_video_is_added_and_a_frame_chosen_without_a_script(plain_desk, case, video):
    page = plain_desk.page
    add(plain_desk, case, video)
    for _ in range(60):
        if page.get_by_role("button", name="Use this frame").is_visible():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Refresh").click()
    page.get_by_role("radio").nth(1).check()
    page.get_by_role("button", name="Use this frame").click()
    page.wait_for_url("**/probes/**")
    assert Probe.objects.count() == 1


def test_a_file_that_is_no_video_is_said_at_once(desk, case, tmp_path):
    path = tmp_path / "holiday.mp4"
    path.write_bytes(b"This is a text")
    add_and_wait = desk.page
    desk.go(f"/cases/{case.pk}/video/")
    add_and_wait.locator("#id_video").set_input_files(path)
    desk.press("Add the video")
    alert = add_and_wait.get_by_role("alert")
    alert.wait_for()
    assert "This is not a video" in alert.inner_text()
    assert looks(desk, "footage_refused") == []
