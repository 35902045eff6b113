"""Thieves who come through the web app: with Django's secret key, a token, the bucket, or SQL while it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from countenance.drill.browser import Browser
from countenance.drill.crew import OK
from countenance.drill.home import files_of
from countenance.drill.saying import require
from countenance.errors import Unavailable
from countenance.policy import Role
from countenance.web.postgres import LocalPostgres

if TYPE_CHECKING:
    from countenance.drill.life import Life

PAGES = ("/", "/galleries/", "/people/", "/ledger/")
PEOPLE = 3
"""So many people's sessions are forged, and tokens leaked, the custodian's first; tests/threats try every page."""

HEADERS = ("Authorization", "X-Api-Key")
COOKIES = ("sessionid", "remember_token")
NAMES_OF_LINKS = ("token", "signature", "sig", "key")


@dataclass
class Tried:
    """What came of a thief's tries: how many there were, and which of them got what they should not."""

    tries: int = 0
    findings: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def note(self, what: str, *, got: bool) -> None:
        """Take note of one try."""
        self.tries += 1
        (self.findings if got else self.refused).append(what)


def with_secret_key(address: str, forged: list[dict[str, Any]]) -> Tried:
    """Come with sessions, links and reset tokens that were made with the server's own secret key."""
    tried, stranger = Tried(), _answers(Browser(address))
    for one in forged[:PEOPLE]:
        for cookie in one["cookies"]:
            for name in COOKIES:
                browser = Browser(address)
                browser.hold(name, cookie)
                tried.note("a forged session", got=_answers(browser) != stranger)
        for secret in one["secrets"]:
            browser = Browser(address)
            browser.get(f"/invitation/{secret}/")
            tried.note("a forged reset link", got=browser.status == OK)
            for name in NAMES_OF_LINKS:
                browser.get(f"/photos/?{name}={secret}")
                arrived = browser.status == OK and "/sign-in/" not in browser.url
                tried.note("a forged signed link", got=arrived)
    return tried


def with_token(life: Life, address: str) -> Tried:
    """Come with a leaked token: to pages, where it is worth nothing, and to a machine without the passphrase."""
    tried, stranger = Tried(), _answers(Browser(address))
    for token in list(life.home.tokens.values())[:PEOPLE]:
        for header in HEADERS:
            for value in (token, f"Bearer {token}"):
                browser = Browser(address)
                browser.headers[header] = value
                tried.note("a token in a header", got=_answers(browser) != stranger)
        browser = Browser(address)
        browser.hold("sessionid", token)
        tried.note("a token as a session", got=_answers(browser) != stranger)
    return tried


def token_without_passphrase(life: Life, tried: Tried) -> None:
    """Run a command with a token on the stolen home, which is not unsealed."""
    command = life.home.begin(
        "case",
        "list",
        "--json",
        as_=Role.INVESTIGATOR,
        environment={"COUNTENANCE_PASSPHRASE": None},
    )
    tried.note("a token on a sealed home", got=command.wait() == 0)


def _answers(browser: Browser) -> list[tuple[int, str]]:
    """Return how each page answers: status and where it led."""
    found = []
    for page in PAGES:
        browser.get(page)
        found.append((browser.status, browser.url))
    return found


def with_bucket(life: Life) -> Tried:
    """Exchange, cut and take away sealed photos in the store, and look at each in the browser."""
    tried, steward = Tried(), life.crew[Role.STEWARD].browser
    first, second = (_object_of(life, photo) for photo in life.shown[:2])
    page = f"/photos/{life.shown[0]}/image/"
    steward.get(page)
    require(steward.status == OK, page, steward.text)
    changes: dict[str, Callable[[bytes], bytes]] = {
        "another photo in its place": lambda _: second.read_bytes(),
        "a photo cut short": lambda data: data[: len(data) // 2],
        "a photo with one bit changed": lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
        "an empty file": lambda _: b"",
        "a JPEG that nobody sealed": lambda _: b"\xff\xd8\xff\xe0" + bytes(2000),
    }
    for what, change in changes.items():
        with _instead(first, change):
            steward.get(page)
            tried.note(what, got=steward.status == OK)
    with _instead(first, lambda data: data):
        first.unlink()
        steward.get(page)
        tried.note("a photo taken away", got=steward.status == OK)
    steward.get(page)
    require(steward.status == OK, page, "is not shown any more, after the store was put right")
    return tried


@contextmanager
def _instead(path: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Keep something else in a file for a block."""
    data = path.read_bytes()
    path.write_bytes(change(data))
    try:
        yield
    finally:
        path.write_bytes(data)


def _object_of(life: Life, photo: str) -> Path:
    name = photo.replace("-", "")
    for path in files_of(life.home.home / "objects"):
        if path.name == name:
            return path
    raise Unavailable("A photo has no object in the store.")


SWAPS: dict[str, tuple[Role, str, str, str]] = {
    "roles of somebody else": (
        Role.INVESTIGATOR,
        "/",
        (
            "update agencies_person set standing = (select o.standing from agencies_person o"
            " where o.id <> agencies_person.id limit 1)"
        ),
        "agencies_person standing",
    ),
    "details and key of another photo": (
        Role.STEWARD,
        "/photos/{photo}/",
        (
            "update galleries_photo p set details = o.details, object_key = o.object_key"
            " from galleries_photo o where p.id = '{photo}' and o.id = '{other}'"
        ),
        "galleries_photo details object_key",
    ),
    "an authority's details from another": (
        Role.SUPERVISOR,
        "/authorities/{authority}/",
        (
            "update cases_authority set details = (select o.details from cases_authority o"
            " where o.id <> cases_authority.id limit 1)"
        ),
        "cases_authority details",
    ),
}
"""What is changed while people are at work: who looks at which page, the change, table and columns."""


def with_credential(life: Life) -> Tried:
    """Change rows while the web app serves, and look at what the product then shows."""
    tried = Tried()
    names = {
        "photo": life.shown[0],
        "other": life.shown[1],
        "authority": life.authorities[0],
    }
    with LocalPostgres(life.home.home) as postgres:
        url = postgres.ensure_running()
        with psycopg.connect(url, autocommit=True) as connection:
            for what, (role, page, statement, where) in SWAPS.items():
                browser, path = life.crew[role].browser, page.format(**names)
                browser.get(path)
                require(browser.status == OK, path, browser.text)
                with _changed(connection, statement.format(**names), where):
                    browser.get(path)
                    tried.note(what, got=browser.status == OK)
                browser.get(path)
                require(browser.status == OK, path, "is not shown any more, after it was put right")
    return tried


@contextmanager
def _changed(connection: psycopg.Connection[Any], statement: str, where: str) -> Iterator[None]:
    """Change some rows for a block; afterwards they are as they were."""
    table, *columns = where.split()
    kept = connection.execute(f"select id, {', '.join(columns)} from {table}").fetchall()  # noqa: S608 # constants above
    connection.execute(statement)
    try:
        yield
    finally:
        setting = ", ".join(f"{column} = %s" for column in columns)
        for row, *values in kept:
            connection.execute(f"update {table} set {setting} where id = %s", [*values, row])  # noqa: S608 # constants above


def everything_read(life: Life) -> bytes:
    """Return all that a credential of the database reads, the server's own figures included."""
    read = []
    with LocalPostgres(life.home.home) as postgres:
        url = postgres.ensure_running()
        with psycopg.connect(url, autocommit=True) as connection:
            tables = connection.execute(
                "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema')"
            ).fetchall()
            views = [
                "pg_stats",
                "pg_class",
                "pg_stat_activity",
                "pg_stat_user_tables",
                "pg_sequences",
            ]
            for name in [*(row[0] for row in tables), *(f"pg_catalog.{view}" for view in views)]:
                rows = connection.execute(f"select t::text from {name} t").fetchall()  # noqa: S608 # constants above
                read += [str(row[0]).encode() for row in rows]
    return b"\n".join(read)
