"""The comparison viewer: two faces under one window, by mouse, touch and keyboard."""

from __future__ import annotations

import pytest
from browser.pair_help import (
    face_point,
    from_window,
    guarded,
    in_the_middle,
    press,
    show,
    together,
    window,
)
from browser.review_page import ADDRESS, review_page
from drawn import draw_face

from countenance.ui.faceview import Pair

# Fingers that moved are told of before the next picture is made.
SHOWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


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
    review.page.locator("[data-zoom]", has_text="2.2 times").wait_for()
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
    assert face_point(review, 0, *in_the_middle(review)) == pytest.approx(wanted, abs=0.01)
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
    phone.page.evaluate(SHOWN)
    assert window(phone)[2] == pytest.approx(width / 3, rel=0.05)
    assert face_point(phone, 0, x, y) == pytest.approx(before, abs=0.05)
    probe, candidate = from_window(phone)
    assert probe == pytest.approx(candidate, abs=0.001)
    held = face_point(phone, 0, x, y)
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x + 6 * step, y + 4 * step))
    touch("touchEnd")
    phone.page.evaluate(SHOWN)
    assert face_point(phone, 0, x + 30, y + 20) == pytest.approx(held, abs=0.02)
    probe, candidate = from_window(phone)
    assert probe == pytest.approx(candidate, abs=0.001)
    assert phone.page.evaluate("window.scrollY") == 0


def test_without_a_script_faces_are_aligned_and_originals_can_be_seen(browser):
    context = browser.new_context(java_script_enabled=False)
    plain = review_page(context)
    show(plain)
    probe, candidate = from_window(plain)
    assert probe == pytest.approx(candidate, abs=0.001)
    assert not plain.page.get_by_role("button", name="Zoom in").is_visible()
    assert not plain.page.locator(".modes").is_visible()
    asked = plain.page.get_by_role("link", name="Show originals").get_attribute("href")
    assert asked == "?originals=1"
    show(plain, originals=True)
    plain.page.get_by_label("Show originals").uncheck()
    assert plain.page.locator(".aligned").first.is_visible()
    plain.page.get_by_label("Show originals").check()
    assert plain.page.locator(".original").first.is_visible()
    assert not plain.page.locator(".aligned").first.is_visible()
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
