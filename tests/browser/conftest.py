"""The real web app on a real PostgreSQL, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from integration import conftest as integration
from integration.conftest import Deployment, deployment  # noqa: F401 # a fixture
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response

from countenance import config as settings

# The browser's driver runs an event loop in this thread; Django would refuse to be called beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "test-results"
KEEPS = "KEEP_PICTURES"
"""With this variable set, a screenshot of everything that is looked at is kept for people, in `test-results`."""
EMAIL, PASSWORD = "person@example.org", "a long test password"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AT_ONCE: dict[Any, list[str]] = {
    Page: ["content", "evaluate", "inner_text", "is_visible", "title"],
    Locator: [
        *("all_inner_texts", "bounding_box", "count", "evaluate", "get_attribute", "inner_html"),
        *("inner_text", "input_value", "is_checked", "is_hidden", "is_visible", "text_content"),
    ],
}
"""What the driver answers of whatever there is of a page, or of one element of it, at that moment."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Only what was found leaves the page: the whole answer is large, and most of it says what passed.
FIND = """async (options) => (await axe.run(options)).violations.flatMap(({ id, nodes }) => nodes.map((one) =>
  `${id}: ${one.html.slice(0, 160)} ${(one.failureSummary ?? "").slice(0, 200)}`))"""
# Fetches what comes only when somebody scrolls to it, and says whether all of it is there.
FETCH = """() => { for (const one of document.images) one.loading = "eager";
  return [...document.images].every((one) => one.complete); }"""
# Reports what the policy refused to a function that the test gave the page.
LISTEN = """document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL and Django, unless the integration tests of the same run did."""
    from django.conf import settings as django_settings

    if not django_settings.configured:
        integration.pytest_configure(config)


def pytest_unconfigure() -> None:
    """Stop PostgreSQL."""
    integration.pytest_unconfigure()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that take longest begin, so that no process is left alone with one of them at the end."""
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    longest = iter(sorted(ours, key=_longest, reverse=True))
    items[:] = [next(longest) if here in item.path.parents else item for item in items]


def _longest(item: pytest.Item) -> float:
    """Return how many seconds a test may take, where that is said of it: of long ones it is."""
    mark = item.get_closest_marker("timeout")
    return mark.args[0] if mark else 0.0


@pytest.fixture(scope="session")
def base_url() -> None:
    """Stand in for the plugin's own, which this pytest warns about; each site has an address of its own."""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Use the machine's Chromium: Playwright's own is not downloaded here."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed on this machine")
    return {"executable_path": path, "args": QUIET}


@pytest.fixture(scope="session", autouse=True)
def whole_pages() -> Iterator[None]:
    """Let nothing be read off a page before all of it is there.

    A click returns once the next document is begun. For a moment that has neither its words nor even a
    root, and what is answered at once would be of that moment.
    """

    def once_whole(read: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(read)
        def reading(self: Any, *given: Any, **named: Any) -> Any:
            (self if isinstance(self, Page) else self.page).wait_for_load_state()
            return read(self, *given, **named)

        return reading

    with pytest.MonkeyPatch.context() as patch:
        for kind, names in AT_ONCE.items():
            for name in names:
                patch.setattr(kind, name, once_whole(getattr(kind, name)))
        yield


@dataclass
class Site:
    """A served deployment."""

    url: str
    deployment: Deployment


@pytest.fixture(scope="session")
def close_ended(django_db_setup: None) -> Iterator[Callable[[], None]]:
    """Return a function that closes the connections of threads that have ended.

    Cheroot's threads hold one each for as long as they live, as they should, and so does the queue's,
    which outlives its server. Here the database is dropped in the end, so all are closed before.
    """
    from django.db.backends.signals import connection_created

    opened: list[tuple[threading.Thread, Any]] = []

    def keep(connection: Any, **_: Any) -> None:
        opened.append((threading.current_thread(), connection.connection))

    def close() -> None:
        for pair in [pair for pair in opened if not pair[0].is_alive()]:
            pair[1].close()
            opened.remove(pair)

    connection_created.connect(keep)
    yield close
    for _, one in opened:
        one.close()


@pytest.fixture
def site(close_ended: Callable[[], None], deployment: Deployment) -> Iterator[Site]:  # noqa: F811 # the fixture
    """Serve the deployment from this process, with its job worker."""
    from django.db import connection

    from countenance.web.jobs import Queue
    from countenance.web.server import WebServer

    web = settings.current().web.model_copy(update={"port": 0})
    settings.install(settings.current().model_copy(update={"web": web}))
    server = WebServer(settings.current())
    # The deployment was unsealed before there was a queue; a serving process does it the other way round.
    object.__setattr__(deployment.tools, "jobs", Queue())
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    try:
        yield Site(f"http://localhost:{server.port}", deployment)
    finally:
        server.stop()
        thread.join(20)
        with connection.cursor() as cursor:
            # Django's flush leaves the queue's tables alone; their jobs are of a deployment that is gone.
            cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
        close_ended()


def session_cookie(site: Site, person: Any = None) -> Any:
    """Return the cookie of a new session, stepped up just now."""
    from importlib import import_module

    from django.conf import settings as django_settings
    from django.http import HttpRequest

    from countenance.apps.agencies import sessions
    from countenance.apps.agencies.arrivals import SignedIn
    from countenance.apps.agencies.models import Factor

    request = HttpRequest()
    request.META["HTTP_USER_AGENT"] = "Chrome Linux"
    request.session = import_module(django_settings.SESSION_ENGINE).SessionStore()
    came = SignedIn(person or site.deployment.person, Factor.TOTP)
    sessions.begin(request, came, tools=site.deployment.tools)
    request.session.save()
    return {
        "name": django_settings.SESSION_COOKIE_NAME,
        "value": request.session.session_key,
        "url": site.url,
        "httpOnly": True,
        "sameSite": "Strict",
    }


class Authenticator:
    """A passkey device of this page, without a hand: it says yes at once, and knows its holder."""

    KIND: ClassVar[dict[str, Any]] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }

    def __init__(self, page: Page) -> None:
        """Put the device in."""
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        self._ask = {"options": self.KIND}
        self._id = self._cdp.send("WebAuthn.addVirtualAuthenticator", self._ask)["authenticatorId"]

    def knows_its_holder(self, verified: bool) -> None:
        """Let the device recognise its holder from now on, or not."""
        asked = {"authenticatorId": self._id, "isUserVerified": verified}
        self._cdp.send("WebAuthn.setUserVerified", asked)

    def count(self) -> int:
        """Return how many passkeys are on it."""
        asked = {"authenticatorId": self._id}
        return len(self._cdp.send("WebAuthn.getCredentials", asked)["credentials"])

    def lose(self) -> None:
        """Take the device away, with everything on it."""
        self._cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self._id})


@dataclass
class Desk:
    """A page of somebody who uses the site, and what went wrong on it."""

    page: Page
    site: Site
    faults: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.site.url + path)

    def sign_in(self, person: Any = None) -> None:
        """Begin a session, stepped up just now, for a person (else the deployment's), and go to `/`.

        The session is written past the form, so that no code of an app is needed or spent; the form
        itself is what `test_sign_in.py` is about.
        """
        self.page.context.add_cookies([session_cookie(self.site, person)])
        self.go("/")

    def heading(self) -> str:
        """Return the heading of the page."""
        return self.page.get_by_role("heading", level=1).inner_text()

    def press(self, name: str) -> None:
        """Press the button of this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def forget_proof(self) -> None:
        """Let the time pass in which the last proof of who one is counts, for every session."""
        from countenance.apps.agencies import session_rows, sessions
        from countenance.apps.agencies.models import SignInSession

        for row in SignInSession.objects.all():
            session_rows.forget(row.pk, sessions.PROVED_AT)

    def dress(self, scheme: Any, width: int) -> None:
        """Show pages from now on in light or dark, this wide."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": 900})

    def look(self, name: str, scheme: str, width: int) -> list[str]:
        """Return what is wrong with the page as it is shown now, and keep a screenshot of what is."""
        wrong = [f"{name}: {finding}" for finding in self.axe()]
        if self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wrong.append(f"{name}: scrolls sideways at {width} px")
        self.picture(f"screen_{name}_{scheme}_{width}", wanted=bool(wrong))
        return wrong

    def picture(self, name: str, *, wanted: bool = False) -> None:
        """Let every picture of the page come, and keep a screenshot where one is wanted: it takes its time."""
        for _ in range(1000):
            if self.page.evaluate(FETCH):
                break
            self.page.wait_for_timeout(20)
        else:
            self.faults.append(f"{name}: a picture of it never came")
        if wanted or os.environ.get(KEEPS):
            PICTURES.mkdir(exist_ok=True)
            self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def axe(self) -> list[str]:
        """Return what axe finds on this page, as rule and elements."""
        # A document is looked at in several dresses; reading axe in again for each took as long as a look.
        if self.page.evaluate("typeof axe === 'undefined'"):
            self.page.evaluate(AXE_SCRIPT)
        options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
        found: list[str] = self.page.evaluate(FIND, options)
        return found

    def watch(self) -> None:
        """Collect refused resources, script errors and missing images from now on."""

        def on_console(message: ConsoleMessage) -> None:
            # A page that answers 422 or 404 says so here too; that is what such a page is for.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                self.faults.append(f"console: {message.text}")

        def on_response(response: Response) -> None:
            if response.status >= 400 and response.request.resource_type != "document":
                self.faults.append(f"{response.status} {response.url}")

        self.page.on("console", on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("response", on_response)


@pytest.fixture
def make_desk(site: Site, context: BrowserContext) -> Iterator[Any]:
    """Return a function that opens one more page of the site; no page may have had a fault."""
    desks: list[Desk] = []
    violations: list[str] = []
    context.set_default_timeout(20_000)
    context.expose_binding("reportViolation", lambda _, text: violations.append(text))
    context.add_init_script(LISTEN)

    def make() -> Desk:
        desk = Desk(context.new_page(), site, violations=violations)
        desk.watch()
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.page.close()
    assert violations == []
    assert [fault for desk in desks for fault in desk.faults] == []


@pytest.fixture
def desk(make_desk: Any) -> Desk:
    """Return the desk of a person who signed in."""
    one = make_desk()
    one.sign_in()
    return one


@pytest.fixture
def plain_desk(site: Site, browser: Any) -> Iterator[Desk]:
    """Return the desk of a person who signed in with a browser that runs no script."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    one = Desk(context.new_page(), site)
    one.watch()
    one.sign_in()
    yield one
    context.close()
    assert one.faults == []


@pytest.fixture
def crew(site: Site, browser: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return who works on a case in a gallery of drawn people; controls are no part of their story."""
    from browser.examiners import drawn_crew

    from countenance.policy import packs

    monkeypatch.setattr(packs, "controls_share", lambda _: 0.0)
    return drawn_crew(site, browser)


@pytest.fixture
def seat(site: Site, browser: Any) -> Iterator[Any]:
    """Return a function that seats somebody at a browser; nothing may have gone wrong on their pages."""
    from browser.examiners import Seat

    seated: list[Seat] = []

    def make(person: Any, kind: type[Seat] = Seat) -> Seat:
        seated.append(kind(site, browser, person))
        return seated[-1]

    yield make
    for one in seated:
        one.page.context.close()
    assert [fault for one in seated for fault in one.faults] == []
