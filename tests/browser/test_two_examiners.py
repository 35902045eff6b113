"""Two examiners and one search, end to end in the browser: each alone, then side by side."""

from __future__ import annotations

import re

import pytest
from browser.conftest import PICTURES, Desk, session_cookie
from drawn import draw_face
from examining import Bench, bench, examine

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import services, taking
from countenance.apps.examinations.models import Comparison
from countenance.examination.components import Component
from countenance.examination.scale import Conclusion
from countenance.ui import faceview

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
LOOKS = [("light", 1440), ("dark", 390), ("dark", 1440), ("light", 390)]


@pytest.fixture
def made(site, monkeypatch) -> Bench:
    # Which controls are drawn is no part of this story.
    monkeypatch.setattr(taking, "controls_share", lambda _: 0.0)
    return bench(site.deployment)


@pytest.fixture
def drawn(monkeypatch):
    """Let every photo of an examination be a drawing, of the same person wherever the gallery says so."""
    drawing = draw_face("anna")

    def laid(href, *, label, width, height, landmarks):  # as `face_photo` has them
        return faceview.face_photo(
            href,
            label=label,
            width=drawing.width,
            height=drawing.height,
            landmarks=drawing.landmarks,
        )

    for module in ("views", "consolidation_views"):
        monkeypatch.setattr(f"countenance.apps.examinations.{module}.face_photo", laid)


PEOPLE = ("anna", "ben", "cleo", "dora")
"""Who is drawn for the candidates, best first; the probe is drawn as the best one."""


class Examiner:
    """Somebody who examines, in a browser of their own."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.page, self.wrong = desk, desk.page, []
        self.ranks: dict[str, int] = {}
        self.page.route("**/*.jpg*", self._draw)

    def _draw(self, route) -> None:
        # What the site would send is fetched too, so that a refused photo is seen to be one.
        answer = route.fetch()
        if answer.status != 200:
            route.fulfill(response=answer)
            return
        shot = draw_face(self._person(route.request.url))
        route.fulfill(status=200, content_type="image/svg+xml", body=shot.svg)

    def _person(self, href: str) -> str:
        """Return who is drawn for an address: by its letter or its rank, else the probe."""
        found = re.search(r"/(?:(?P<letter>[A-Z])/\d+|consolidation/(?P<rank>\d+))\.jpg", href)
        if found is None:
            return PEOPLE[0]
        rank = self.ranks[found["letter"]] if found["letter"] else int(found["rank"])
        return PEOPLE[max(rank, 1) - 1]

    def learn(self) -> None:
        """Learn what only the test may know while an examination is open: which letter is the best one."""
        code = re.search(r"/examinations/([0-9a-f-]+)/", self.page.url)[1]
        rows = Comparison.objects.filter(examination_id=code, follows=None)
        self.ranks = {row.about["letter"]: row.about["rank"] for row in rows}

    def is_best(self) -> bool:
        return self.ranks[self.letter()] == 1

    def look(self, name: str, looks=LOOKS) -> None:
        for scheme, width in looks:
            self.desk.dress(scheme, width)
            self.wrong += self.desk.look(f"two_{name}", scheme, width)
        self.desk.dress("light", 1440)

    def answer(self, said: str) -> None:
        for one in Component:
            self.page.locator(f"[name=said-{one}][value={said}]").check(force=True)

    def saved(self) -> None:
        self.page.locator("#draft", has_text="Draft saved").wait_for()

    def letter(self) -> str:
        return self.desk.heading().removeprefix("Candidate ")

    def analyse(self) -> None:
        self.answer("clear")
        self.saved()
        self.desk.press("Record the analysis")
        self.page.get_by_role("heading", name="Candidate A").wait_for()

    def compare(self, same: bool) -> None:
        self.answer("similar" if same else "different")
        self.page.locator(f"[name=conclusion][value={'same' if same else 'other'}]").check()
        letter = self.letter()
        self.desk.press("Record the conclusion")
        self.page.wait_for_function(
            "before => document.querySelector('h1').textContent !== before",
            arg=f"Candidate {letter}",
        )

    def _tab_to(self, reached: str) -> None:
        for _ in range(80):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(reached):
                return
        raise AssertionError(f"The keyboard does not reach it: {reached}")

    def compare_by_keys(self, same: bool) -> None:
        """Compare with nothing but the keyboard, from the top of the page to the button."""
        letter = self.letter()
        keys = self.page.keyboard
        self._tab_to("document.activeElement.name?.startsWith('said-')")
        for _ in Component:
            keys.press("1" if same else "2")
        self.saved()
        self._tab_to("document.activeElement.name === 'conclusion'")
        for _ in range(5):
            if self.page.evaluate("document.activeElement.value") == ("same" if same else "other"):
                break
            keys.press("ArrowDown")
        keys.press("Space")
        self._tab_to("document.activeElement.textContent === 'Record the conclusion'")
        keys.press("Enter")
        self.page.wait_for_function(
            "before => document.querySelector('h1').textContent !== before",
            arg=f"Candidate {letter}",
        )


@pytest.fixture
def examiner(browser, site, made, drawn):
    """Return a function that seats an examiner; none may have had a fault."""
    seated = []

    def seat(actor):
        context = browser.new_context()
        context.set_default_timeout(30_000)
        desk = Desk(context.new_page(), site)
        desk.watch()
        context.add_cookies([session_cookie(site, Person.objects.get(pk=actor.person))])
        seated.append(Examiner(desk))
        return seated[-1]

    yield seat
    for one in seated:
        one.page.context.close()
    assert [fault for one in seated for fault in one.desk.faults] == []
    assert [wrong for one in seated for wrong in one.wrong] == []


def carry_out(one: Examiner, *, every_look: bool) -> None:
    """Carry an examination through that was just begun."""
    one.page.get_by_role("heading", name="What does the probe show?").wait_for()
    one.learn()
    if every_look:
        one.look("analysis")
    one.analyse()
    for place in range(4):
        if one.is_best() and every_look:
            one.answer("similar")
            one.page.locator("[data-put]").first.evaluate("e => e.closest('details').open = true")
            one.page.locator("[data-put]").first.click()
            one.page.keyboard.press("ArrowUp")
            one.page.keyboard.press("Enter")
            one.page.keyboard.press("Escape")
            one.saved()
            one.look("comparison")
            one.page.screenshot(path=PICTURES / "compare-two-faces.png")
        if place == 1 and every_look:
            one.compare_by_keys(one.is_best())
        else:
            one.compare(one.is_best())
    one.page.get_by_role("heading", name="This examination is recorded").wait_for()


@pytest.mark.timeout(500)
def test_two_examiners_work_alone_and_then_agree(made, examiner):
    first, second = examiner(made.on.examiner), examiner(made.second)
    # Who ran the search begins there, and sees nothing yet of what it found.
    first.desk.go(f"/searches/{made.search.pk}/")
    assert "anna" not in first.page.inner_text("main")
    first.desk.press("Begin the examination")
    carry_out(first, every_look=True)
    first.look("recorded")
    assert "What another examiner concluded" in first.page.inner_text("main")
    assert first.page.get_by_role("link", name="Compare the examinations").count() == 0
    # The other one takes what waits, without knowing of what it is.
    second.desk.go("/examinations/")
    second.look("list")
    second.desk.press("Take the next one")
    carry_out(second, every_look=False)
    second.page.get_by_role("link", name="Compare the examinations").click()
    second.page.get_by_role("heading", name="Examinations side by side").wait_for()
    said = second.page.inner_text("main")
    assert "The examiners support that both photos show one person." in said
    second.page.get_by_role("link", name="Show the photos of candidate 2").click()
    second.page.wait_for_url("**/?candidate=2*")
    second.page.locator("[data-pair] figcaption", has_text="Candidate 2").wait_for()
    second.page.go_back()
    second.look("consolidation")


def test_a_disagreement_is_settled_side_by_side(made, examiner):
    tools, place = made.on.tools, f"/searches/{made.search.pk}/consolidation/"
    examine(
        made.first,
        made.search,
        tools=tools,
        concluding=lambda row: SAME if row.about["rank"] == 2 else OTHER,
    )
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    first = examiner(made.first)
    first.desk.go(place)
    # Where they disagree comes first, with its photos.
    assert first.page.locator("main h2").first.inner_text() == "Candidate 2"
    assert "The examiners disagree" in first.page.inner_text("main")
    assert first.page.locator("[data-pair] figcaption").all_inner_texts() == [
        "Probe",
        "Candidate 2",
    ]
    first.page.get_by_role("link", name="on candidate 2").click()
    first.page.get_by_label("Support for two people. What").check()
    first.page.get_by_label("Which component").select_option("nose")
    first.page.get_by_label("What do you say of it now?").select_option("different")
    first.page.get_by_label("Reason").fill("The bridge of the nose differs")
    first.look("follow", LOOKS[:2])
    first.desk.press("Record the new conclusion")
    first.page.get_by_role("heading", name="Examinations side by side").wait_for()
    said = first.page.inner_text("main")
    assert "The bridge of the nose differs" in said
    assert "The examiners disagree" not in said
    first.look("settled", LOOKS[:2])


def test_a_draft_is_saved_by_its_button_without_any_script(made, site, browser):
    one = services.begin_examination(made.first, search=made.search, tools=made.on.tools)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([session_cookie(site, Person.objects.get(pk=made.first.person))])
    desk = Desk(context.new_page(), site)
    desk.go(f"/examinations/{one.pk}/")
    desk.page.locator("[name=said-nose][value=clear]").check(force=True)
    desk.press("Save the draft")
    desk.page.get_by_text("Draft saved").wait_for()
    assert desk.page.locator("[name=said-nose][value=clear]").is_checked()
    context.close()
