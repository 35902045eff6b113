"""What every answer of every route carries, and what no route does, whoever asks."""

from __future__ import annotations

import ast
import logging
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import factories
import lifelike
import pytest
from clients import client_of
from django.test import Client
from fuzz.schema import routes
from sign_in_help import EMAIL, PASSWORD, give_app

import countenance
from countenance import config
from countenance.web.access import ACCESS, offered

ANY = {"int": "1", "uuid": str(uuid4()), "str": "x"}
POLICY = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
}
SAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
NEVER = ("Access-Control-Allow-Origin", "Server", "X-Powered-By", "X-AspNet-Version", "Via")
OTHER_METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW")
SAVED = re.compile(r'attachment; filename="[A-Za-z0-9._-]{1,100}"')
OF_OURS = re.compile(r"(\w+\.)?(pk|id)\.hex\[:8\]|\w+\.number|name|SUFFIXES\[kind\]")
"""What the name of a download is put together from: numbers and ids; `name` is such a text itself."""
LONGEST_COOKIE = 4096


def paths() -> Iterator[tuple[str, str]]:
    """Yield the name of each route and an address of it at which there is nothing."""
    for name, pattern in routes():
        yield name, "/" + re.sub(r"<(\w+):\w+>", lambda one: ANY[one[1]], str(pattern.pattern))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def client(deployment):
    return client_of(deployment)


def faults_of(answer) -> list[str]:
    """Return what is wrong with the headers of an answer."""
    wrong = [
        f"{name}: {answer.get(name)}" for name, said in SAYS.items() if answer.get(name) != said
    ]
    wrong += [name for name in NEVER if name in answer]
    policy = dict(
        part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
    )
    wrong += [f"policy {policy}"] if policy != POLICY else []
    kind = answer.get("Content-Type", "")
    if answer.content and (not kind or (kind.startswith("text/") and "charset=utf-8" not in kind)):
        wrong.append(f"type {kind!r}")
    length = answer.get("Content-Length")
    if length is not None and int(length) != len(answer.content):
        wrong.append(f"length {length}")
    for cookie in answer.cookies.values():
        if cookie.value and not (cookie["httponly"] and cookie["samesite"] == "Strict"):
            wrong.append(f"cookie {cookie.key}")
        if len(cookie.key) + len(cookie.value) > LONGEST_COOKIE:
            wrong.append(f"long cookie {cookie.key}")
    return wrong


def test_every_answer_of_every_route_carries_our_headers(client):
    asked = 0
    for number, (name, path) in enumerate(paths()):
        open_to_strangers = ACCESS[name].open_to_strangers
        asks = [(client, "get"), (Client(), "post")] if open_to_strangers else [(client, "get")]
        # What a stranger is answered comes from one place; the next run of the numbers is other routes.
        asks += [(Client(), "get")] if open_to_strangers or number % 8 == 0 else []
        for one, method in asks:
            answer = getattr(one, method)(path)
            asked += 1
            assert faults_of(answer) == [], f"{method} {path}"
    assert asked > 180


def test_a_missing_header_would_be_seen(client):
    answer = client.get("/ledger/")
    assert faults_of(answer) == []
    answer["Server"] = "x/1"
    answer["Cache-Control"] = "public"
    assert len(faults_of(answer)) == 2


def test_no_other_method_is_answered_anywhere(client):
    for number, (name, path) in enumerate(paths()):
        who = Client() if ACCESS[name].open_to_strangers else client
        method = OTHER_METHODS[number % len(OTHER_METHODS)]
        answer = who.generic(method, path, headers={"X-Echo": "told"})
        assert answer.status_code in {302, 404, 405}, f"{method} {path}"
        assert faults_of(answer) == []
        assert b"X-Echo" not in answer.content


NO_PAGES = (
    "/.git/HEAD",
    "/.git/config",
    "/.env",
    "/config.py",
    "/static/",
    "/static/ui/",
    "/static/ui/../../settings.py",
    "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/ui/ui.css.map",
    "/static/ui/ui.py",
    "/admin/",
    "/metrics",
    "/server-status",
    "/debug/",
    "/docs/",
    "/openapi.json",
    "/ledger/x.css",
    "/account/photo.jpg",
)


def test_what_is_no_page_of_ours_is_not_served(client):
    for path in NO_PAGES:
        for one in (client, Client()):
            answer = one.get(path)
            assert answer.status_code in {302, 404}, path
            assert b"SECRET" not in answer.content


def test_every_page_offers_to_sign_out(deployment, client):
    pages = [route for _, route, _ in offered(deployment.actor)]
    found = dict(paths())
    assert len(pages) > 8
    for route in ("account", "case_new", *pages[::3]):
        page = client.get(found[route], follow=True)
        assert page.status_code == 200, route
        assert 'action="/sign-out/"' in page.content.decode(), route


def test_over_https_cookies_are_bound_to_this_host_and_hsts_is_sent(deployment, settings):
    code = give_app(deployment.person, tools=deployment.tools).code()
    before = config.current()
    web = before.web.model_copy(update={"https": True})
    config.install(before.model_copy(update={"web": web}))
    try:
        said = runpy.run_path(str(Path(countenance.__file__).parent / "web" / "settings.py"))
    finally:
        config.install(before)
    for name, value in said.items():
        if name.startswith(("SESSION_COOKIE", "CSRF_COOKIE", "SECURE_")):
            setattr(settings, name, value)
    one = Client(headers={"x-forwarded-proto": "https"})
    page = one.get("/sign-in/")
    assert page["Strict-Transport-Security"].startswith("max-age=31536000")
    one.post("/sign-in/", {"email": EMAIL, "password": PASSWORD, "code": code})
    assert set(one.cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for cookie in one.cookies.values():
        assert cookie["secure"]
        assert cookie["path"] == "/"
        assert not cookie["domain"]
    assert one.get("/account/").status_code == 200


def named_downloads() -> Iterator[tuple[str, ast.expr]]:
    """Yield where the program names a download, and with what."""
    source = Path(countenance.__file__).parent
    for path in sorted(source.rglob("*views.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "Content-Disposition" in ast.unparse(
                node.targets[0]
            ):
                yield path.name, node.value
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "Content-Disposition":
                        yield path.name, value


def test_what_is_saved_carries_a_name_of_ours(deployment, client):
    places = list(named_downloads())
    assert len(places) >= 10
    for place, value in places:
        parts = value.values if isinstance(value, ast.JoinedStr) else [value]
        for part in parts:
            if isinstance(part, ast.FormattedValue):
                assert OF_OURS.fullmatch(ast.unparse(part.value)), f"{place}: {ast.unparse(part)}"
    gallery = factories.make_gallery(deployment)
    run = factories.enrol(
        deployment, gallery, factories.make_source(deployment), factories.people(["a", "b"])
    )
    found = lifelike.trials(deployment.tools.engine.model, people=40, groups=False)
    evaluation = lifelike.evaluated(deployment, gallery, found=found).pk
    for path in (
        f"/enrolments/{run.pk}/rejects.csv",
        f"/evaluations/{evaluation}/numbers.json",
        f"/evaluations/{evaluation}/report.pdf",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert SAVED.fullmatch(answer["Content-Disposition"]), path
        assert faults_of(answer) == [], path
