"""kill -9 of the serving process while it enrols an upload: the next one goes on and finishes it."""

import random
import re
import time
import urllib.parse

import pytest
from browsing import Browser
from homes import Home

from countenance.testing import FakeEngine

PHOTOS = 200
KILLS = 3
SEED = 20_260_401


@pytest.fixture(scope="module")
def home():
    with Home() as made:
        made.set_up()
        yield made


def sign_in(key, serving):
    browser = Browser(serving.address())
    browser.come_in(key)
    assert browser.status == 200, browser.text
    return browser


def upload(browser):
    gallery = re.search(r"/galleries/([0-9a-f-]{36})/", browser.get("/galleries/"))[1]
    page = browser.get(f"/galleries/{gallery}/enrol/")
    source = re.search(r'<option value="([0-9a-f-]{36})"', page)[1]
    files = [("photos", f"p{n:03}.jpg", FakeEngine.photo(f"p{n}")) for n in range(PHOTOS)]
    fields = [("source", source), ("subjects", "each"), ("subject_name", ""), ("paths", "")]
    browser.send(f"/galleries/{gallery}/enrol/", fields, files)
    assert "/enrolments/" in browser.url, browser.text
    return urllib.parse.urlsplit(browser.url).path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_upload_is_finished_by_the_next_process_when_the_serving_one_is_killed(home, capsys):
    chance = random.Random(SEED)
    key = home.cookie()
    for number in range(KILLS):
        serving = home.begin("serve", "--port", "0", "--json", FAKE_SECONDS="0.05")
        browser = sign_in(key, serving)
        if number == 0:
            enrolment = upload(browser)
        time.sleep(chance.uniform(0.3, 1.5))
        serving.kill()
    (killed,) = home.run("@runs", "people")
    assert not killed["finished"], "it ended before it could be killed"
    serving = home.begin("serve", "--port", "0", "--json")
    browser, deadline = sign_in(key, serving), time.monotonic() + 60
    while "See the gallery" not in browser.get(enrolment) and time.monotonic() < deadline:
        time.sleep(0.3)
    serving.interrupt()
    (run,) = home.run("@runs", "people")
    with capsys.disabled():
        print(f"\nseed {SEED}: served by {KILLS} killed processes: {killed}; at last: {run}")
    assert run["finished"]
    assert run["photos"] == run["enrolled"] == run["total"] == PHOTOS
    verified = home.run("@verify")
    assert verified["stray"] == verified["missing"] == verified["staged"] == 0
    assert verified["ledger_and_rows_differ"] == 0


def progress_of(page):
    """Return how much of a video was looked through, as its page says."""
    said = re.search(r'<progress[^>]*value="(\d+)"', page)
    return int(said[1]) if said else 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_video_half_looked_through_is_taken_up_by_the_next_process(home, capsys):
    key = home.cookie()
    why = ("--purpose", "Find him", "--reason", "Reported missing on 3 May")
    case = home.run("case", "open", "26-0900", *why, "--json")["id"]
    video, left_at = None, []
    for _ in range(KILLS):
        serving = home.begin("serve", "--port", "0", "--json", FAKE_SECONDS="0.75")
        browser, deadline = sign_in(key, serving), time.monotonic() + 60
        if video is None:
            files = [("video", "shop.mp4", FakeEngine.video("anna", "ben"))]
            browser.send(f"/cases/{case}/video/", [], files)
            video = urllib.parse.urlsplit(browser.url).path
            assert video.startswith("/videos/"), browser.text
        while progress_of(browser.get(video)) < 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        left_at.append(progress_of(browser.text))
        serving.kill()
    assert all(20 <= share < 100 for share in left_at), left_at
    serving = home.begin("serve", "--port", "0", "--json")
    browser, deadline = sign_in(key, serving), time.monotonic() + 60
    while "Looked through" not in browser.get(video) and time.monotonic() < deadline:
        time.sleep(0.3)
    serving.interrupt()
    with capsys.disabled():
        print(f"\nkilled at {left_at} %, then looked through")
    assert browser.text.count('type="radio"') == 4
    verified = home.run("@verify")
    assert verified["actions"]["footage.added"] == verified["actions"]["footage.ended"] == 1
    assert verified["stray"] == verified["missing"] == verified["staged"] == 0
