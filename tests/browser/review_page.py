"""A page with the comparison viewer and the checklist, rendered from the partials and served by the test.

Only the browser sees it: no server, no database. The policy is the product's own, and Trusted Types besides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from browser.conftest import LISTEN, Desk
from django.conf import settings
from django.template import engines
from playwright.sync_api import BrowserContext, Page, Route

from countenance.examination.checklist import Checklist
from countenance.examination.components import Answer
from countenance.ui import faceview
from countenance.ui.checklists import marking

ADDRESS = "http://review.test"
STATIC = Path(faceview.__file__).parent / "static"
KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
PAGE = """{% extends "base.html" %}{% load static %}
{% block title %}Candidate A{% endblock %}
{% block scripts %}<link rel="stylesheet" href="{% static 'ui/review.css' %}"><script src="{% static 'ui/review.js' %}" defer></script><script src="{% static 'ui/checklist.js' %}" defer></script>{% endblock %}
{% block main %}<div class="head"><div><p class="crumb">Examination 7K4Q</p><h1>{{ title }}</h1></div><p class="row"><span class="tag">Order and similarity hidden until you record</span></p></div>
<div class="review">{% if strip %}{% include "ui/strip.html" %}{% endif %}{% include "ui/pair.html" %}
{% if checklist %}<form id="checklist" method="post" action="/save/">{% include "ui/checklist.html" %}</form>{% endif %}</div>
{% if checklist %}{% include "ui/decide.html" with form_id="checklist" %}{% endif %}{% endblock %}"""
BUTTONS = (
    {"label": "Save draft", "name": "do", "value": "draft"},
    {"label": "Continue to the conclusion", "name": "do", "value": "go", "primary": True},
)


def policy() -> str:
    """Return the product's policy with Trusted Types."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    own = "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
    return f"{own}; require-trusted-types-for 'script'"


def _on_canvas(drawn: Any, to_photo: faceview.Matrix) -> bytes:
    """Return a drawing laid on a canvas as the server lays a photo."""
    wide, high = faceview.SIZE
    figures = " ".join(f"{one:.9g}" for one in to_photo.inverse.figures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}">'
        f'<rect width="{wide}" height="{high}" fill="#808080"/>'
        f'<g transform="matrix({figures})">{drawn.svg.decode()}</g></svg>'
    ).encode()


@dataclass
class ReviewPage:
    """The page, what it posted, and where its faces lie."""

    desk: Desk
    files: dict[str, bytes] = field(default_factory=dict)
    posted: dict[str, str] = field(default_factory=dict)
    html: str = ""

    @property
    def page(self) -> Page:
        """Return the browser's page."""
        return self.desk.page

    def photo(self, drawn: Any, label: str, name: str) -> faceview.FacePhoto:
        """Put a drawn face on the page's site, on the canvas on which the server lays photos."""
        whole = faceview.as_taken(drawn.width, drawn.height)
        return self.put(
            label,
            name,
            canvas=_on_canvas(drawn, faceview.laid(drawn.landmarks)),
            original=_on_canvas(drawn, whole),
            landmarks=drawn.landmarks,
        )

    def put(
        self, label: str, name: str, *, canvas: bytes, original: bytes, landmarks: Any
    ) -> faceview.FacePhoto:
        """Put the two pictures of a photo on the page's site."""
        href, taken = f"/photos/{name}", f"/photos/original-{name}"
        self.files |= {href: canvas, taken: original}
        return faceview.face_photo(href, taken, label=label, landmarks=landmarks)

    def open(
        self,
        pair: faceview.Pair,
        *,
        said: Checklist | None = None,
        answers: Any = Answer,
        strip: Any = (),
        checklist: bool = True,
    ) -> None:
        """Show a pair with a checklist."""
        context = {
            "title": pair.photos[-1].label,
            "pair": pair,
            "strip": strip,
            "buttons": BUTTONS,
            "checklist": marking(said or Checklist(), answers) if checklist else None,
        }
        self.html = engines["django"].from_string(PAGE).render(context)
        self.page.goto(ADDRESS + "/")
        self.page.evaluate("document.fonts.ready")

    def answer(self, route: Route) -> None:
        """Serve one request of the browser."""
        path = urlsplit(route.request.url).path
        if route.request.method == "POST":
            sent = parse_qs(route.request.post_data or "", keep_blank_values=True)
            self.posted = {name: values[0] for name, values in sent.items()}
        if path in {"/", "/save/"}:
            headers = {"Content-Security-Policy": policy(), "Content-Type": "text/html"}
            route.fulfill(body=self.html, headers=headers)
        elif path in self.files:
            route.fulfill(body=self.files[path], content_type=KINDS[Path(path).suffix])
        else:
            file = STATIC / path.removeprefix("/static/")
            route.fulfill(body=file.read_bytes(), content_type=KINDS[file.suffix])

    def ctms(self, selector: str = "[data-face]") -> list[list[float]]:
        """Return the matrix from face units to the window of each photo; of `image`, from its pixels."""
        return self.page.evaluate(
            """(selector) => [...document.querySelectorAll(`[data-stage] ${selector}`)].map((face) => {
              const m = face.getScreenCTM(); return [m.a, m.b, m.c, m.d, m.e, m.f]; })""",
            selector,
        )

    def boxes(self) -> list[dict[str, float]]:
        """Return where each photo's window is on the page."""
        return self.page.evaluate(
            """[...document.querySelectorAll("[data-stage] svg")].map((svg) => {
              const { x, y, width, height } = svg.getBoundingClientRect(); return { x, y, width, height }; })"""
        )


def review_page(context: BrowserContext) -> ReviewPage:
    """Return a page in a context, with everything that it refuses written down."""
    violations: list[str] = []
    context.set_default_timeout(20_000)
    context.expose_binding("reportViolation", lambda _, text: violations.append(text))
    context.add_init_script(LISTEN)
    desk = Desk(context.new_page(), SimpleNamespace(url=ADDRESS), violations=violations)
    desk.watch()
    made = ReviewPage(desk)
    context.route("**/*", made.answer)
    return made
