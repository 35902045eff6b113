"""Examiners in the browser, the case that they work for, and pictures of their screens for the documentation."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import typst
from browser.conftest import LISTEN, ROOT, Desk, Site, session_cookie
from drawn_engine import DrawnEngine
from examining import examine
from factories import (
    acting,
    enrol,
    incoming,
    make_authority,
    make_case,
    make_gallery,
    make_source,
    search,
)
from PIL import Image

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.approvals import services as approvals
from countenance.apps.cases import authorities
from countenance.apps.cases.documents import Document
from countenance.apps.cases.widening import widening
from countenance.apps.examinations.models import Comparison
from countenance.apps.leads.papers import paper_of
from countenance.examination.components import Component
from countenance.examination.scale import Conclusion
from countenance.policy import Actor, Role, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.reports import lead_pdf, pdf
from countenance.testing import FakeEngine

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390)]
DOCUMENTED = ROOT / "docs" / "images"
WRITES = "WRITE_PICTURES"
"""With this variable set, the pictures of the documentation are made anew: `make pictures`."""
PPI = 100.0
"""Pixels an inch of the printed page."""
NAMES = {
    "anna": "Anna Alder",
    "ben": "Ben Birch",
    "cleo": "Cleo Cedar",
    "dora": "Dora Dogwood",
    "emil": "Emil Elm",
    "fay": "Fay Fir",
}
"""Who is drawn, and under which name they are enrolled."""
PACK = "detroit-williams"
"""A pack under which a candidate's photo leaves only once independent evidence is recorded."""
GALLERY, SOURCE, CASE = "People of the coast", "County archive", "26-0117"


@dataclass
class Crew:
    """Who works on the case, by their rows; everybody has one role."""

    on: Any
    investigator: Person
    supervisor: Person
    examiners: list[Person]
    case: Any
    gallery: Any

    def actor(self, person: Person) -> Actor:
        """Return somebody just after proving who they are."""
        return replace(person.actor, stepped_up_at=self.on.tools.clock())


def drawn_crew(site: Site, browser: Any) -> Crew:
    """Make a gallery of drawn people, a case, an investigator, three examiners and a supervisor."""
    on = site.deployment
    page = browser.new_page()
    object.__setattr__(on.tools, "engine", DrawnEngine(page))
    page.close()
    agency = Agency.objects.get(pk=on.agency.pk)
    agency.standing = {**agency.standing, "pack": PACK}
    agency.own_name = "Harbour County search unit"
    agency.save()
    gallery, source = make_gallery(on, GALLERY), make_source(on, SOURCE)
    photos = [
        incoming(f"{name}/{shot}.jpg", FakeEngine.photo(who, shot=shot), name)
        for who, name in NAMES.items()
        for shot in (1, 2, 3)
    ]
    enrol(on, gallery, source, photos)
    authority = make_authority(on, [gallery], quota=10)
    case = make_case(on, CASE, authority=authority)
    more = [acting(on, Role.EXAMINER) for _ in range(2)]
    examiners = [
        named(one.person, name)
        for one, name in zip(
            (on.examiner, *more), ("Emre Ekman", "Nora Lund", "Tomas Okoro"), strict=True
        )
    ]
    on.person.standing = {**on.person.standing, "roles": [str(Role.INVESTIGATOR)]}
    on.person.save()
    investigator = named(on.person.pk, "Ines Ivarsson")
    return Crew(
        on, investigator, named(on.supervisor.person, "Sara Sund"), examiners, case, gallery
    )


def searched(crew: Crew) -> Any:
    """Return a search of the case that found four candidates, Anna first."""
    return search(crew.on, crew.case, [crew.gallery], FakeEngine.photo("anna", 9), top=4)


def disagreed(crew: Crew, case: Any = None, who: str = "anna") -> Any:
    """Return a search of whose first candidate one examiner says one person, and another two."""
    photo, on = FakeEngine.photo(who, 9), crew.on
    found = search(on, case or crew.case, [crew.gallery], photo, top=4)
    one, other = (crew.actor(person) for person in crew.examiners[:2])
    examine(
        one, found, tools=on.tools, concluding=_first_is_one_person, note="The nose is the same"
    )
    examine(other, found, tools=on.tools, concluding=lambda _: Conclusion.OTHER)
    return found


def _first_is_one_person(row: Comparison) -> Conclusion:
    return Conclusion.SAME if row.about["rank"] == 1 else Conclusion.OTHER


def let_more_wait(crew: Crew) -> None:
    """Let the supervisor have more to do than one search: what an inbox holds on a working day."""
    on, ines = crew.on, crew.actor(crew.investigator)
    case = make_case(on, "26-0104", authority=crew.case.authority)
    disagreed(crew, case, "ben")
    authorities.propose_authority(
        ines,
        kind=SearchKind.MISSING,
        statute="Order 17 Gs 4/26",
        purpose="Find the sister of a patient",
        galleries=[crew.gallery.pk],
        quota=5,
        expires_on=on.tools.clock().date() + timedelta(days=90),
        document=Document(file_name="order.txt", data=b"The order, on paper"),
        tools=on.tools,
    )
    approvals.ask(
        ines,
        kind=ApprovalKind.CASE_WIDENING,
        subject=case.pk,
        payload=widening(case),
        summary="Her brother is missing too",
        reason="The brother was reported missing on 5 May",
        tools=on.tools,
    )


def named(person: Any, name: str) -> Person:
    """Give somebody a name, past the services."""
    row = Person.objects.select_related("agency").get(pk=person)
    row.name = name
    row.save()
    return row


def keep(name: str, shot: bytes) -> None:
    """Keep a picture for the documentation, in few colours."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    # Rare colours are kept: a pin is small, and yellow. The steps put frequent ones right again.
    small = picture.quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    small.save(DOCUMENTED / f"{name}.png", optimize=True)


def keep_pages(name: str, crew: Crew, lead: Any) -> None:
    """Keep what is printed of a lead, as pixels and beside each other, where such pictures are made."""
    if not os.environ.get(WRITES):
        return
    made: list[bytes] = []

    class Pixels:
        """Sets the same as the product's program does, but not as PDF."""

        def __init__(self, *given: Any, **said: Any) -> None:
            self._typst = typst.Compiler(*given, **said)

        def compile(self, *, sys_inputs: Any, **_: Any) -> bytes:
            pages = self._typst.compile(format="png", ppi=PPI, sys_inputs=sys_inputs)
            made.extend(pages if isinstance(pages, list) else [pages])
            return made[0]

    ines = crew.actor(crew.investigator)
    with patch.object(pdf, "typst", SimpleNamespace(**vars(typst) | {"Compiler": Pixels})):
        lead_pdf(paper_of(ines, lead, leaves=True, tools=crew.on.tools))
    pages = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in made]
    beside = io.BytesIO()
    Image.fromarray(np.hstack(pages)).save(beside, "PNG")
    keep(name, beside.getvalue())


class Seat:
    """Somebody at a browser of their own, each of whose pages is looked at in light, dark and at 390 px."""

    def __init__(self, site: Site, browser: Any, person: Person) -> None:
        """Sign somebody in."""
        context = browser.new_context(accept_downloads=True)
        context.set_default_timeout(30_000)
        violations: list[str] = []
        context.expose_binding("reportViolation", lambda _, text: violations.append(text))
        context.add_init_script(LISTEN)
        context.add_cookies([session_cookie(site, person)])
        self.person = person
        self.desk = Desk(context.new_page(), site, violations=violations)
        self.desk.watch()
        self.page = self.desk.page
        self.wrong: list[str] = []
        self.read: list[str] = []
        self.desk.dress("light", 1440)

    @property
    def faults(self) -> list[str]:
        """Return everything that went wrong: of pages, of their policy, of their accessibility."""
        return [*self.desk.faults, *self.desk.violations, *self.wrong]

    def prove(self) -> None:
        """Prove just now who one is: a story can take longer than a proof lasts."""
        self.page.context.add_cookies([session_cookie(self.desk.site, self.person)])

    def words(self) -> str:
        """Return what the page says."""
        return self.page.locator("main").inner_text()

    def look(self, name: str, looks: Any = LOOKS) -> None:
        """Look at the page as it is now in every look, and keep its HTML."""
        self.read.append(self.page.content())
        if os.environ.get(WRITES):
            return  # Pictures are wanted soon, and the test looks without them.
        for scheme, width in looks:
            self.desk.dress(scheme, width)
            self.wrong += self.desk.look(f"two_{name}", scheme, width)
        self.desk.dress("light", 1440)

    def document(self, name: str, high: int = 900, *, wide: int = 1440, end: str = "") -> None:
        """Make the documentation's pictures of this page: light, dark and narrow.

        Args:
            name: what they are called.
            high: so many pixels of the page.
            wide: and so many, where it is not narrow.
            end: what the page is scrolled to the end of; else its top is shown.
        """
        if not os.environ.get(WRITES):
            return
        for look, scheme, width in (
            ("light", "light", wide),
            ("dark", "dark", wide),
            ("narrow", "light", 390),
        ):
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": width, "height": high})
            self.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
            if end:
                self.page.locator(end).evaluate("one => one.scrollIntoView({block: 'end'})")
            self.page.evaluate("document.fonts.ready")
            keep(f"{name}-{look}", self.page.screenshot())
        self.desk.dress("light", 1440)


class Examiner(Seat):
    """Somebody who examines."""

    def learn(self) -> None:
        """Learn what only the test may know while an examination is open: which letter is the best one."""
        code = re.search(r"/examinations/([0-9a-f-]+)/", self.page.url)[1]
        rows = Comparison.objects.filter(examination_id=code, follows=None)
        self.ranks = {row.about["letter"]: row.about["rank"] for row in rows}

    def letter(self) -> str:
        """Return which candidate is being compared."""
        return self.desk.heading().removeprefix("Candidate ")

    def is_best(self) -> bool:
        """Say whether the candidate being compared is the one that the search put first."""
        return self.ranks[self.letter()] == 1

    def answer(self, said: str) -> None:
        """Say the same of every component."""
        for one in Component:
            self.page.locator(f"[name=said-{one}][value={said}]").check(force=True)

    def saved(self) -> None:
        """Wait until the page has saved the draft by itself."""
        self.page.locator("#draft", has_text="Draft saved").wait_for()

    def analyse(self) -> None:
        """Write down what the probe shows."""
        self.answer("clear")
        self.saved()
        self.desk.press("Record the analysis")
        self.page.get_by_role("heading", name="Candidate A").wait_for()

    def note(self, component: str, words: str) -> None:
        """Write a note on a component; it stays open."""
        field = self.page.locator(f"[data-component={component}]")
        field.locator("summary").click()
        field.locator("textarea").fill(words)

    def pin(self, component: str, place: tuple[float, float]) -> None:
        """Put a pin of a component, whose note is open, on a place of the last photo by a click; close it."""
        field = self.page.locator(f"[data-component={component}]")
        field.locator("[data-put]").click()
        x, y = self.page.locator("[data-face]").last.evaluate(
            "(one, [x, y]) => { const at = new DOMPoint(x, y).matrixTransform(one.getScreenCTM());"
            " return [at.x, at.y]; }",
            place,
        )
        self.page.mouse.click(x, y)
        self.page.keyboard.press("Escape")
        (put,) = json.loads(field.locator("input[type=hidden]").input_value())
        assert put[:2] == pytest.approx(place, abs=0.01)
        field.locator("summary").click()

    def compare(self, same: bool) -> None:
        """Compare, and conclude for one person or for two."""
        letter = self.letter()
        self.answer("similar" if same else "different")
        self.page.locator(f"[name=conclusion][value={'same' if same else 'other'}]").check()
        self.desk.press("Record the conclusion")
        self._gone(letter)

    def compare_by_keys(self, same: bool) -> None:
        """Compare with nothing but the keyboard, from the top of the page to the button."""
        letter, keys = self.letter(), self.page.keyboard
        self._tab_to("document.activeElement.name?.startsWith('said-')")
        for _ in Component:
            keys.press("1" if same else "2")
        self.saved()
        self._tab_to("document.activeElement.name === 'conclusion'")
        wanted = "same" if same else "other"
        for _ in range(5):
            if self.page.evaluate("document.activeElement.value") == wanted:
                break
            keys.press("ArrowDown")
        keys.press("Space")
        self._tab_to("document.activeElement.textContent === 'Record the conclusion'")
        keys.press("Enter")
        self._gone(letter)

    def carry_out(self, *, best: bool = True) -> None:
        """Carry out an examination that was just begun; of the best candidate it says one person, or two."""
        self.page.get_by_role("heading", name="What does the probe show?").wait_for()
        self.learn()
        self.read.append(self.page.content())
        self.analyse()
        for place in range(len(self.ranks)):
            self.read.append(self.page.content())
            do = self.compare_by_keys if place == 1 else self.compare
            do(best and self.is_best())
        self.page.get_by_role("heading", name="This examination is recorded").wait_for()

    def _gone(self, letter: str) -> None:
        self.page.wait_for_function(
            "before => (document.querySelector('h1')?.textContent ?? before) !== before",
            arg=f"Candidate {letter}",
        )
        self.page.wait_for_load_state()  # what the keyboard reaches is all there by then

    def _tab_to(self, reached: str) -> None:
        for _ in range(6):
            if self.page.evaluate(reached):
                return
            self.page.keyboard.press("Tab")
        at = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        raise AssertionError(f"The keyboard does not reach it: {reached}; it is at {at}")
