"""What the comparison page costs a browser: bytes and requests besides the photos, and photos only once they are seen."""

from __future__ import annotations

import factories
import pytest
from browser.conftest import Desk, session_cookie
from examining import ANALYSIS, Bench, begin

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import services
from countenance.policy import Role
from countenance.testing import FakeEngine

MOST_BYTES = 300_000
MOST_REQUESTS = 12
CANDIDATES = 50
MEASURE = """async () => {
  await document.fonts.ready;
  const every = performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"));
  return every.map((one) => [new URL(one.name).pathname, one.transferSize]);
}"""


@pytest.fixture
def made(site) -> Bench:
    on = site.deployment
    gallery = factories.make_gallery(on)
    names = [f"person {number}" for number in range(CANDIDATES + 2)]
    factories.enrol(on, gallery, factories.make_source(on), factories.people(names))
    case = factories.make_case(on)
    photo = FakeEngine.photo(names[0], shot=9)
    found = factories.search(on, case, [gallery], photo, top=CANDIDATES)
    return Bench(on, gallery, case, found, [factories.acting(on, Role.EXAMINER)])


def test_the_comparison_page_is_light_and_fetches_small_pictures_as_they_come_into_sight(
    made, site, browser
):
    one = begin(made.first, search=made.search, tools=made.on.tools)
    services.record_analysis(made.first, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    desk = Desk(context.new_page(), site)
    desk.watch()
    context.add_cookies([session_cookie(site, Person.objects.get(pk=made.first.person))])
    desk.go(f"/examinations/{one.pk}/A/")
    desk.page.wait_for_load_state("networkidle")
    fetched = desk.page.evaluate(MEASURE)
    besides = [(path, size) for path, size in fetched if not path.endswith(".jpg")]
    photos = [path for path, _ in fetched if path.endswith(".jpg")]
    weight = sum(size for _, size in besides)
    print(f"comparison page: {weight:,} bytes in {len(besides)} requests, and {len(photos)} photos")
    for path, size in sorted(besides, key=lambda each: -each[1]):
        print(f"  {size:>8,} {path}")
    assert all(size > 0 for _, size in besides)  # nothing came out of a cache
    assert weight < MOST_BYTES
    assert len(besides) <= MOST_REQUESTS
    # The probe, the candidate, and of the strip what is in sight of it.
    assert 2 + 3 <= len(photos) < 2 + CANDIDATES
    last = desk.page.locator(".strip li").last
    last.scroll_into_view_if_needed()
    desk.page.wait_for_function(
        "() => [...document.querySelectorAll('.strip img')].at(-1).naturalWidth > 0"
    )
    context.close()
    assert desk.faults == []
