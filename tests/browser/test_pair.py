"""The comparison viewer: two faces under one window, by mouse, touch and keyboard."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from browser.review_page import ADDRESS, review_page
from drawn import draw_face
from PIL import Image

from countenance.ui.faceview import Pair

STAGE = "[data-stage]"
LOOKS = ("side", "flicker", "split")


def guarded(context):
    one = review_page(context)
    one.desk.dress("light", 1440)
    yield one
    assert one.desk.violations == []
    assert one.desk.faults == []


@pytest.fixture
def review(context):
    yield from guarded(context)


@pytest.fixture
def phone(browser):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    one = review_page(context)
    yield one
    context.close()
    assert one.desk.violations == []
    assert one.desk.faults == []


@pytest.fixture
def calm(browser):
    context = browser.new_context(reduced_motion="reduce")
    yield from guarded(context)
    context.close()


def show(review, *, other="anna", checklist=True):
    """Show one person twice, drawn at another size and turn; or two people."""
    probe = draw_face("anna", width=900, height=1100, eyes=150, degrees=9, at=(0.45, 0.4))
    candidate = draw_face(other, eyes=96, degrees=-6)
    review.open(
        Pair.of(
            review.photo(probe, "Probe", "probe.svg"),
            review.photo(candidate, "Candidate A", "a.svg"),
        ),
        checklist=checklist,
    )


def press(review, *keys):
    for key in keys:
        review.page.locator(STAGE).press(key)


def picture(review, box):
    shot = Image.open(io.BytesIO(review.page.screenshot(clip=box))).convert("L")
    return np.asarray(shot).astype(float)


def window(review):
    return [
        float(n) for n in review.page.locator(f"{STAGE} svg").first.get_attribute("viewBox").split()
    ]


def from_window(review):
    """Return the matrix of each photo with the shift counted from its own window's corner."""
    return [
        [*ctm[:4], ctm[4] - box["x"], ctm[5] - box["y"]]
        for ctm, box in zip(review.ctms(), review.boxes(), strict=True)
    ]


def together(review):
    """Both photos show the same part of their faces: by geometry, and by what is painted."""
    probe, candidate = from_window(review)
    assert probe == pytest.approx(candidate, abs=0.001)
    guides = review.page.locator("[data-guides]")
    guides.uncheck()
    review.page.mouse.move(2, 2)
    one, other = (picture(review, box) for box in review.boxes())
    guides.check()
    middle = np.s_[110:-60, 60:-60]  # below the labels
    shifts = list(itertools.product(range(-2, 3), repeat=2))
    unlike = [
        np.abs(one[middle] - np.roll(other, shift, (0, 1))[middle]).mean() for shift in shifts
    ]
    assert shifts[int(np.argmin(unlike))] == (0, 0)
    assert min(unlike) < 1.5


def in_the_middle(review, box_number=0, x=0.5, y=0.5):
    box = review.boxes()[box_number]
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def face_point(review, number, x, y):
    """Return which point of a face is at a point of the page."""
    return review.page.evaluate(
        """([number, x, y]) => {
          const face = document.querySelectorAll("[data-face]")[number];
          const p = new DOMPoint(x, y).matrixTransform(face.getScreenCTM().inverse());
          return [p.x, p.y]; }""",
        [number, x, y],
    )


def test_both_faces_are_aligned_at_first(review):
    show(review)
    together(review)
    for (a, b, c, d, e, _), box in zip(review.ctms(), review.boxes(), strict=True):
        assert (b, c) == pytest.approx((0, 0))
        assert a == pytest.approx(d)
        assert e == pytest.approx(box["x"] + box["width"] / 2)
    assert review.page.locator("[data-zoom]").inner_text() == "Whole face"


@pytest.mark.parametrize("number", [0, 1])
def test_the_wheel_zooms_about_the_pointer_in_both(review, number):
    show(review)
    x, y = in_the_middle(review, number, 0.7, 0.4)
    before = face_point(review, number, x, y)
    review.page.mouse.move(x, y)
    for _ in range(4):
        review.page.mouse.wheel(0, -100)
    review.page.wait_for_timeout(100)
    assert face_point(review, number, x, y) == pytest.approx(before, abs=0.002)
    assert review.page.locator("[data-zoom]").inner_text() == "2.2 times"
    together(review)


def test_dragging_moves_both_with_the_pointer(review):
    show(review)
    x, y = in_the_middle(review, 1)
    held = face_point(review, 1, x, y)
    review.page.mouse.move(x, y)
    review.page.mouse.down()
    review.page.mouse.move(x + 60, y - 45, steps=5)
    review.page.mouse.up()
    assert face_point(review, 1, x + 60, y - 45) == pytest.approx(held, abs=0.001)
    together(review)
    assert review.page.locator("[data-zoom]").inner_text() == "Moved"


def test_a_double_click_brings_a_point_to_the_middle_without_dragging(review):
    show(review)
    x, y = in_the_middle(review, 0, 0.3, 0.3)
    wanted = face_point(review, 0, x, y)
    review.page.mouse.dblclick(x, y)
    assert face_point(review, 0, *in_the_middle(review)) == pytest.approx(wanted, abs=0.002)
    together(review)


def test_keys_zoom_move_and_fit_both(review):
    show(review)
    home = window(review)
    for key, changed in (
        ("+", lambda now: now[2] == pytest.approx(home[2] / 1.25, abs=1e-4)),
        ("ArrowRight", lambda now: now[0] + now[2] / 2 > home[0] + home[2] / 2),
        ("ArrowUp", lambda now: now[1] + now[3] / 2 < home[1] + home[3] / 2),
        ("-", lambda now: now[2] == pytest.approx(home[2], abs=1e-4)),
        ("0", lambda now: now == pytest.approx(home, abs=1e-4)),
    ):
        press(review, key)
        assert changed(window(review)), key
        together(review)


def test_buttons_do_what_the_keys_do(review):
    show(review)
    home = window(review)
    review.desk.press("Zoom in")
    review.desk.press("Zoom in")
    assert window(review)[2] == pytest.approx(home[2] / 1.25**2, abs=1e-4)
    review.desk.press("Zoom out")
    together(review)
    review.desk.press("Fit")
    assert window(review) == pytest.approx(home, abs=1e-4)


def test_nobody_gets_lost_by_zooming_and_moving_on_and_on(review):
    show(review)
    for key in ("-", "ArrowLeft", "+", "ArrowDown"):
        press(review, *[key] * 40)
    x, y, wide, high = window(review)
    assert 0.15 <= wide <= 12
    assert abs(x + wide / 2) <= 5
    assert abs(y + high / 2) <= 6


def test_fingers_pinch_and_move_both(phone):
    show(phone)
    cdp = phone.page.context.new_cdp_session(phone.page)

    def touch(kind, *points):
        at = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    x, y = in_the_middle(phone)
    before = face_point(phone, 0, x, y)
    width = window(phone)[2]
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 9):
        touch("touchMove", (x - 20 - 5 * step, y), (x + 20 + 5 * step, y))
    touch("touchEnd")
    phone.page.wait_for_timeout(100)
    assert window(phone)[2] == pytest.approx(width / 3, rel=0.05)
    assert face_point(phone, 0, x, y) == pytest.approx(before, abs=0.05)
    probe, candidate = from_window(phone)
    assert probe == pytest.approx(candidate, abs=0.001)
    held = face_point(phone, 0, x, y)
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x + 6 * step, y + 4 * step))
    touch("touchEnd")
    phone.page.wait_for_timeout(100)
    assert face_point(phone, 0, x + 30, y + 20) == pytest.approx(held, abs=0.02)
    probe, candidate = from_window(phone)
    assert probe == pytest.approx(candidate, abs=0.001)
    assert phone.page.evaluate("window.scrollY") == 0


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
    """Count how often another photo is shown while something is done."""
    review.page.evaluate(
        """window.switches = []; window.watching?.disconnect();
        window.watching = new MutationObserver(() => window.switches.push(performance.now()));
        window.watching.observe(document.querySelector("[data-stage]"), { attributeFilter: ["data-shows"] })"""
    )
    act()
    review.page.wait_for_timeout(seconds * 1000)
    times = review.page.evaluate("window.switches")
    return len(times), min((b - a for a, b in itertools.pairwise(times)), default=1000)


def test_no_pace_flashes_three_times_a_second_however_it_is_asked_for(review):
    show(review, other="ben")
    press(review, "f")
    review.page.get_by_label("Pace").select_option("500")

    def hold():
        for _ in range(30):
            review.page.locator(STAGE).press("x", no_wait_after=True)

    count, least = changes(review, hold, 3)
    assert count > 3
    assert least >= 1000 / 3


def test_flicker_goes_on_by_itself_and_can_be_paused(review):
    show(review, other="ben")
    count, _ = changes(review, lambda: press(review, "f"), 2.5)
    assert count == 2
    review.desk.press("Pause")
    assert changes(review, lambda: None, 1.5)[0] == 0
    review.desk.press("Go on")
    assert changes(review, lambda: None, 1.5)[0] >= 1


def test_where_less_motion_is_asked_for_only_a_hand_switches(calm):
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
        (0.25, lambda: review.page.mouse.click(*in_the_middle(review, 0, 0.25, 0.3))),
        (0.8, lambda: drag_divider(review, 0.25, 0.8)),
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
    show(review)
    if look != "side":
        press(review, look[0])
    aligned = review.ctms()
    press(review, "o")
    for (a, b, c, d, *_), (*_, left) in zip(
        review.ctms("image"), review.ctms("image"), strict=True
    ):
        assert (b, c) == pytest.approx((0, 0), abs=1e-6)
        assert a == pytest.approx(d)
        assert left >= 0
    assert "As taken" in review.page.locator(".under").inner_text()
    press(review, "o")
    assert review.ctms() == [pytest.approx(one, abs=1e-6) for one in aligned]


def test_guides_come_and_go(review):
    show(review)
    guides = review.page.locator(".guides").first
    assert guides.is_visible()
    press(review, "g")
    assert not guides.is_visible()


def test_without_a_script_faces_are_aligned_and_originals_can_be_seen(browser):
    context = browser.new_context(java_script_enabled=False)
    plain = review_page(context)
    show(plain)
    probe, candidate = from_window(plain)
    assert probe == pytest.approx(candidate, abs=0.001)
    assert not plain.page.get_by_role("button", name="Zoom in").is_visible()
    assert not plain.page.locator(".modes").is_visible()
    plain.page.get_by_label("Show originals").check()
    assert plain.ctms("image")[0][1] == pytest.approx(0, abs=1e-6)
    plain.page.get_by_label("Similar").first.check()
    plain.desk.press("Save draft")
    assert plain.posted["said-outline"] == "similar"
    assert plain.page.url == f"{ADDRESS}/save/"
    context.close()
    assert plain.desk.faults == []


def test_one_photo_alone_zooms_too(review):
    probe = draw_face("cleo", eyes=96, degrees=-6)
    review.open(Pair.of(review.photo(probe, "Probe", "probe.svg")))
    before = window(review)[2]
    press(review, "+", "f", "s", "x", "o", "o")
    assert window(review)[2] < before
    assert review.page.locator(".modes").count() == 0
    assert review.desk.axe() == []
