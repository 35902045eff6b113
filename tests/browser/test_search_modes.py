"""Choosing how a search is cut, and what its pages say of it: they fit, and everybody can read them."""

from __future__ import annotations

from typing import Any

import measured
import pytest
from examining import NAMES, begin, conclude_all
from factories import acting, ask, enrol, make_case, make_gallery, make_source, people, search

from countenance.apps.agencies.models import Person
from countenance.apps.searches.models import Search
from countenance.policy import Role, SearchMode
from countenance.testing import FakeEngine

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390)]


@pytest.fixture
def ready(site: Any) -> Any:
    on = site.deployment
    on.gallery = make_gallery(on)
    enrol(on, on.gallery, make_source(on), people(NAMES, shots=(1, 2)))
    on.case = make_case(on)
    return on


def seen(desk: Any, name: str) -> list[str]:
    wrong = []
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        wrong += desk.look(name, scheme, width)
    return wrong


def test_without_an_operating_point_the_check_page_says_why_there_is_only_a_list(
    desk: Any, ready: Any
) -> None:
    probe = ask(ready, ready.case, [ready.gallery], FakeEngine.photo("zoe", 9))
    desk.sign_in(Person.objects.get(pk=ready.examiner.person))
    desk.go(f"/probes/{probe.pk}/")
    desk.press("Check before searching")
    group = desk.page.get_by_role("group", name="Who is returned")
    assert group.get_by_role("radio").count() == 1
    assert "proposes an operating point, and a supervisor approves it" in group.inner_text()
    assert seen(desk, "search_check_unmeasured") == []


def test_a_mode_is_chosen_on_the_check_page_and_every_page_says_which_it_was(
    desk: Any, ready: Any
) -> None:
    lax = measured.trials(ready.tools.engine.model, strangers_at=-0.4)
    measured.set_point(
        ready, ready.gallery, evaluation=measured.evaluated(ready, ready.gallery, found=lax)
    )
    probe = ask(ready, ready.case, [ready.gallery], FakeEngine.photo("zoe", 9))
    page = desk.page
    desk.sign_in(Person.objects.get(pk=ready.examiner.person))
    desk.go(f"/probes/{probe.pk}/")
    desk.press("Check before searching")
    assert page.get_by_role("radio", name="At the operating point").is_checked()
    assert seen(desk, "search_check_modes") == []
    page.get_by_role("radio", name="Investigation list").check()
    desk.press("Change something")
    desk.press("Check before searching")
    assert page.get_by_role("radio", name="Investigation list").is_checked()
    desk.press("Search the gallery")
    page.wait_for_url("**/searches/**")
    assert Search.objects.get().request["mode"] == SearchMode.INVESTIGATION
    assert "Investigation list" in page.locator("main").inner_text()

    examiner = acting(ready, Role.EXAMINER)
    found = search(ready, ready.case, [ready.gallery], FakeEngine.photo("anna", 9))
    one = conclude_all(
        examiner, begin(examiner, search=found, tools=ready.tools), tools=ready.tools
    )
    desk.sign_in(Person.objects.get(pk=examiner.person))
    desk.go(f"/searches/{found.pk}/")
    assert "At this setting about 1 in 100 searches" in page.locator(".notice").inner_text()
    assert seen(desk, "search_at_point") == []
    desk.go(f"/examinations/{one.pk}/")
    assert page.get_by_role("heading", name="What the similarities weigh").is_visible()
    assert seen(desk, "examination_weighed") == []

    measured.set_point(ready, ready.gallery)
    nobody = search(ready, ready.case, [ready.gallery], FakeEngine.photo("yann", 9))
    desk.go(f"/searches/{nobody.pk}/")
    assert desk.heading() == "No candidate"
    assert seen(desk, "search_nobody_at_point") == []
