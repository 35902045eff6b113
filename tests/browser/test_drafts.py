"""Drafts in the browser: nothing that was written is lost without a word, and the page says what is not kept."""

from __future__ import annotations

import pytest
from browser.conftest import Desk, session_cookie
from browser.examiners import searched
from examining import ANALYSIS, begin

from countenance.apps.agencies.models import SignInSession
from countenance.apps.examinations import services
from countenance.apps.records.models import LedgerRow
from countenance.examination.components import Component
from countenance.ledger.entry import Action

NOTE = "A notch in the left brow"
NOT_YET, SAVED = "Not saved yet", "Draft saved"


@pytest.fixture
def one(crew):
    """Return an examination whose probe is analysed."""
    examiner, found = crew.actor(crew.examiners[0]), searched(crew)
    begun = begin(examiner, search=found, tools=crew.on.tools)
    services.record_analysis(examiner, examination=begun, checklist=ANALYSIS, tools=crew.on.tools)
    return begun


@pytest.fixture
def desk(crew, one, site, browser):
    """Return the desk of the examiner, at the first candidate. Answers that failed are asked for here."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    context.add_cookies([session_cookie(site, crew.examiners[0])])
    desk = Desk(context.new_page(), site)
    desk.go(f"/examinations/{one.pk}/A/")
    yield desk
    context.close()


def write(desk, words=NOTE):
    """Write a note, a key at a time, and stay in it."""
    desk.page.locator("[data-component=eyebrows] summary").click()
    desk.page.get_by_label("Note on Eyebrows").press_sequentially(words)


def says(desk, words):
    desk.page.locator("#draft", has_text=words).wait_for()


def note(desk):
    return desk.page.get_by_label("Note on Eyebrows").input_value()


def saves():
    return LedgerRow.objects.filter(action=Action.EXAMINATION_SAVED).count()


def other_candidate_and_back(desk):
    go_to(desk, "B")
    # What leaving the page sends comes beside the next page, and may come after it.
    for _ in range(1000):
        if saves():
            break
        desk.page.wait_for_timeout(20)
    go_to(desk, "A")


def go_to(desk, letter):
    desk.page.locator(f".strip a[href$='/{letter}/']").click()
    desk.page.get_by_role("heading", name=f"Candidate {letter}", exact=True).wait_for()


def test_a_note_is_there_after_looking_at_another_candidate(desk):
    write(desk)
    says(desk, NOT_YET)
    other_candidate_and_back(desk)
    assert note(desk) == NOTE
    says(desk, SAVED)
    assert saves() == 1


def test_a_note_saves_itself_while_one_still_writes_and_only_once(desk):
    write(desk)
    says(desk, SAVED)
    desk.page.locator("[name=conclusion]").first.focus()
    desk.page.wait_for_timeout(3000)
    other_candidate_and_back(desk)
    assert note(desk) == NOTE
    assert saves() == 1


def test_what_is_said_of_the_draft_is_read_out_by_screen_readers(desk):
    assert desk.page.locator("#draft").get_attribute("role") == "status"


@pytest.mark.parametrize(
    ("answer", "said"), [(500, "The server refuses it"), (None, "The server does not answer")]
)
def test_a_draft_that_is_not_saved_is_said_so_until_it_is(desk, answer, said):
    def fail(route):
        if route.request.method != "POST":
            route.continue_()
        elif answer is None:
            route.abort()
        else:
            route.fulfill(status=answer, body="")

    desk.page.route("**/examinations/**", fail)
    write(desk)
    says(desk, f"The draft is not saved. {said}")
    desk.page.keyboard.type("!")
    assert "not saved" in desk.page.locator("#draft").inner_text()
    desk.page.unroute("**/examinations/**")
    desk.page.keyboard.type("!")
    says(desk, SAVED)
    desk.page.reload()
    assert note(desk) == f"{NOTE}!!"


def test_what_came_back_because_something_is_missing_is_kept_too(desk):
    desk.page.locator("[name=said-nose][value=similar]").check(force=True)
    held = []

    def hold(route):
        (held.append if "hx-request" in route.request.headers else type(route).continue_)(route)

    # It saves itself a second later, which is not to come before it was read here.
    desk.page.route("**/examinations/**", hold)
    desk.press("Record the conclusion")
    desk.page.get_by_role("alert").first.wait_for()
    assert desk.page.locator("#draft").inner_text() == NOT_YET
    for route in held:
        route.continue_()
    desk.page.unroute("**/examinations/**")
    other_candidate_and_back(desk)
    assert desk.page.locator("[name=said-nose][value=similar]").is_checked()


def test_after_the_idle_lock_a_draft_leads_to_sign_in_and_back_to_its_page(desk, site, one):
    SignInSession.objects.all().delete()
    write(desk)
    desk.page.get_by_role("heading", name="Sign in").wait_for()
    assert desk.page.url == f"{site.url}/sign-in/?next=/examinations/{one.pk}/A/"


def test_the_first_answer_is_focused_so_that_keys_alone_go_through_candidates(desk):
    page = desk.page
    page.locator(".strip a[href$='/B/']").click()
    page.get_by_role("heading", name="Candidate B", exact=True).wait_for()
    assert page.evaluate("document.activeElement.name") == "said-outline"
    assert page.evaluate("window.scrollY") == 0
    page.keyboard.press("2")
    page.keyboard.press("f")
    assert page.locator("[name=view][value=flicker]").is_checked()
    assert page.evaluate("document.activeElement.name") == "said-hairline"
    for _ in Component:
        page.keyboard.press("1")
    says(desk, SAVED)
    page.reload()
    assert page.locator("[name=said-outline][value=different]").is_checked()
