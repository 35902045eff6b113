"""Flicker, split comparison and originals: never too fast, never apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from browser.pair_help import (
    STAGE,
    from_window,
    guarded,
    in_the_middle,
    picture,
    press,
    show,
    together,
)

LOOKS = ("side", "flicker", "split")
# Says whether so many photos as they were taken are there.
COME = """(many) => performance.getEntriesByType("resource")
  .filter((one) => one.name.includes("original")).length >= many"""


@pytest.fixture
def review(context):
    yield from guarded(context)


@pytest.fixture
def calm(browser):
    context = browser.new_context(reduced_motion="reduce")
    yield from guarded(context)
    context.close()


def test_flicker_shows_both_at_one_place_and_keeps_the_zoom(review):
    show(review)
    press(review, "+", "ArrowUp", "f")
    review.desk.press("Pause")
    probe, candidate = review.boxes()
    assert probe == candidate
    one, other = review.ctms()
    assert one == pytest.approx(other, abs=1e-6)
    review.page.locator("[data-guides]").uncheck()
    shots = []
    for _ in range(2):
        shots.append(picture(review, probe)[80:])
        review.page.wait_for_timeout(450)
        press(review, "x")
    assert np.abs(shots[0] - shots[1])[:, 200:-200].mean() < 1.5
    press(review, "f")
    together(review)


def changes(review, act, seconds):
    """Count how often another photo is shown while something is done; time goes on by the page's own clock alone."""
    review.page.evaluate(
        """window.switches = []; window.watching?.disconnect();
        window.watching = new MutationObserver(() => window.switches.push(performance.now()));
        window.watching.observe(document.querySelector("[data-stage]"), { attributeFilter: ["data-shows"] })"""
    )
    act()
    review.page.clock.run_for(int(seconds * 1000))
    times = review.page.evaluate("window.switches")
    return len(times), min((b - a for a, b in itertools.pairwise(times)), default=1000)


def hold_time(review):
    """Let the page's time stand still from its next document on, and go on only in `changes`."""
    review.page.clock.install(time=0)
    review.page.clock.pause_at(1)


def test_no_pace_flashes_three_times_a_second_however_it_is_asked_for(review):
    hold_time(review)
    show(review, other="ben")
    press(review, "f")
    review.page.get_by_label("Pace").select_option("500")

    def hold():
        for _ in range(30):
            review.page.locator(STAGE).press("x", no_wait_after=True)
            review.page.clock.run_for(30)

    count, least = changes(review, hold, 3)
    assert count > 3
    assert least >= 1000 / 3


def test_flicker_goes_on_by_itself_and_can_be_paused(review):
    hold_time(review)
    show(review, other="ben")
    count, _ = changes(review, lambda: press(review, "f"), 2.5)
    assert count == 2
    review.desk.press("Pause")
    assert changes(review, lambda: None, 1.5)[0] == 0
    review.desk.press("Go on")
    assert changes(review, lambda: None, 1.5)[0] >= 1


def test_where_less_motion_is_asked_for_only_a_hand_switches(calm):
    hold_time(calm)
    show(calm, other="ben")
    assert changes(calm, lambda: press(calm, "f"), 2.5)[0] == 0
    assert not calm.page.locator("[data-pause]").is_visible()
    assert changes(calm, lambda: press(calm, "x"), 0.5)[0] == 1
    assert calm.page.locator("[data-says]").inner_text() == "Candidate A"


def shown(review, look):
    """Return the picture of one photo alone at the place of both."""
    review.page.evaluate(
        "number => { document.querySelector('[data-stage]').dataset.shows = number; }", look
    )
    return picture(review, review.boxes()[0])


def test_split_shows_the_probe_left_and_the_candidate_right_of_the_divider(review):
    show(review, other="ben")
    review.page.locator("[data-guides]").uncheck()
    press(review, "+", "f")
    review.desk.press("Pause")
    probe, candidate = shown(review, "0"), shown(review, "1")
    press(review, "s")
    box = review.boxes()[0]
    for share, move in (
        (0.5, lambda: None),
        (
            0.52,
            lambda: [review.page.locator("[data-curtain]").press("ArrowRight") for _ in range(4)],
        ),
        (0.4, lambda: review.page.mouse.click(*in_the_middle(review, 0, 0.4, 0.3))),
        (0.8, lambda: drag_divider(review, 0.4, 0.8)),
    ):
        move()
        assert float(review.page.locator("[data-curtain]").input_value()) == pytest.approx(
            100 * share, abs=0.6
        )
        seen = picture(review, box)
        cut = round(share * box["width"])
        below = np.s_[80:-90]
        assert np.abs(seen - probe)[below, : cut - 25].mean() < 0.2
        assert np.abs(seen - candidate)[below, cut + 25 :].mean() < 0.2
        assert np.abs(seen - candidate)[below, : cut - 25].mean() > 1


def drag_divider(review, start, end):
    page = review.page
    page.mouse.move(*in_the_middle(review, 0, start, 0.88))
    page.mouse.down()
    page.mouse.move(*in_the_middle(review, 0, end, 0.88), steps=6)
    page.mouse.up()


def test_the_divider_stays_at_its_place_when_the_photos_move(review):
    show(review, other="ben")
    press(review, "s", "+", "+", "ArrowLeft")
    box = review.boxes()[0]
    edge = review.page.evaluate(
        """() => { const rect = document.querySelector("#pair-curtain rect");
        const svg = rect.ownerSVGElement;
        return new DOMPoint(rect.x.baseVal.value, 0).matrixTransform(svg.getScreenCTM()).x; }"""
    )
    assert edge == pytest.approx(box["x"] + box["width"] / 2, abs=0.1)
    one, other = review.ctms()
    assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("look", LOOKS)
def test_originals_are_shown_as_they_were_taken_and_back(review, look):
    fetched = []
    review.page.on("request", lambda request: fetched.append(request.url))
    show(review)
    if look != "side":
        press(review, look[0])
    aligned = review.ctms()
    assert not [url for url in fetched if "original" in url]
    press(review, "o")
    assert review.page.locator(".original").first.is_visible()
    assert not review.page.locator(".aligned, .guides, .pins").first.is_visible()
    review.page.wait_for_function(COME, arg=2)
    assert len([url for url in fetched if "original" in url]) == 2
    assert "As taken" in review.page.locator(".under").inner_text()
    press(review, "o")
    assert not review.page.locator(".original").first.is_visible()
    assert review.page.locator(".aligned").first.is_visible()
    assert review.ctms() == [pytest.approx(one, abs=1e-6) for one in aligned]


def test_originals_move_together_too(review):
    show(review)
    press(review, "o", "+", "ArrowLeft")
    probe, candidate = from_window(review)
    assert probe == pytest.approx(candidate, abs=0.001)


def test_guides_come_and_go(review):
    show(review)
    guides = review.page.locator(".guides").first
    assert guides.is_visible()
    press(review, "g")
    assert not guides.is_visible()
