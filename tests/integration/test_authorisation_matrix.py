"""Every endpoint, asked by everybody in every state: who gets in where is no accident.

The endpoints come from the router and from the tree of commands; what is expected comes from
`matrix_statement`, which says the product's table once more. Prints how many cells there are and how
many surprises.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import matrix_statement as said
import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from matrix_routes import ROUTES
from matrix_world import NO_ROLE, PEOPLE, SEVERAL, World, build, undone

from countenance.apps.agencies.models import Person, SignInSession
from countenance.apps.records import waiting
from countenance.apps.records.models import LedgerRow
from countenance.policy import Actor, Role
from countenance.tools import Tools
from countenance.web.access import ACCESS

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
CELLS = 8000
PARTS = 3
"""The questions are asked in so many parts, each of some routes, so that none takes long."""
REFUSED = 403
NO_COOKIE = ""
RENEWED = 120.0
"""Seconds after which everybody proves anew who they are, so that a slow machine changes no answer."""
OUTSIDER = str(Role.INVESTIGATOR)
"""Belongs to no case; the member does."""


def routes() -> dict[str, list[str]]:
    """Return every route of the router with the names of its parameters."""
    found = {}
    for pattern in get_resolver().url_patterns:
        assert isinstance(pattern, URLPattern), pattern
        assert pattern.name, pattern
        found[pattern.name] = re.findall(r"<\w+:(\w+)>", str(pattern.pattern))
    return found


def test_every_route_is_in_the_table_and_in_the_statement_of_what_is_expected() -> None:
    names = set(routes())
    assert names == set(ACCESS)
    assert names == set(ROUTES) | said.OPEN


def test_the_routes_that_take_something_of_a_case_are_in_the_statement() -> None:
    of_cases = {name for name, takes in routes().items() if set(takes) & said.IDS_OF_CASES}
    assert of_cases == said.OF_CASES


@dataclass(frozen=True)
class Cell:
    """One question."""

    route: str
    method: str
    who: str
    state: str
    own: bool = True


@dataclass
class Answer:
    """What came back, in one word, and with how many refusals on the ledger."""

    word: str
    status: int
    refusals: int
    rule: str = ""


ENDED = {"nobody", "idle", "too long", "revoked"}
UNPROVED = {"signed in", "recovery"}
SUSPENDED = {"person suspended", "agency suspended"}


PERMITTED = {
    "works",
    "moved",
    "unusable",
    "not found",
    "refused: finer",
    "asks for proof",
    "conflict",
}
"""What somebody may hear who got past the gate; whatever else decides is tried elsewhere."""


def expected(cell: Cell, takes_ids: bool) -> set[str]:
    """Return the words that this cell may be answered with."""
    if cell.route not in said.ABOUT_NOBODY:
        if cell.state in SUSPENDED:
            return {"refused: suspended"}
        if cell.state == "training over" and PEOPLE[cell.who] & said.TRAINED:
            return {"refused: training.current"}
    if cell.route in said.OPEN:
        return {"works", "not answered", "not found", "unusable", "moved"}
    if cell.state in ENDED:
        return {"sign in"}
    reading, sending = ROUTES[cell.route]
    kind = {"GET": reading, "HEAD": reading, "POST": sending}.get(cell.method)
    return {"not answered"} if kind is None else _judged(cell, kind, takes_ids)


def _judged(cell: Cell, kind: str, takes_ids: bool) -> set[str]:
    """Return what a method that is answered may be answered with."""
    if cell.state == "recovery" and cell.route not in said.IN_RECOVERY:
        return {"refused: session.recovery"}
    if not said.allowed(PEOPLE[cell.who], kind):
        return {"refused: role"}
    if cell.method == "POST" and kind in said.NEEDS_PROOF and cell.state in UNPROVED:
        return {"asks for proof"}
    if cell.route == "sign_out":
        return {"sign in"}
    if takes_ids and not cell.own and cell.route not in said.ABOUT_AGENCIES:
        return {"not found", "refused: finer"}
    return _permitted(cell)


def _permitted(cell: Cell) -> set[str]:
    """Return what somebody may hear whom the table lets in."""
    if cell.method == "HEAD" and cell.route in said.GET_ONLY:
        return {"not answered"}
    outside = cell.who == OUTSIDER and cell.route in said.OF_CASES
    return {"not found"} if outside else PERMITTED


class Asker:
    """Asks one question after the other and undoes what the answer did."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.routes = routes()
        self.client = Client(raise_request_exception=False)
        self.keys: dict[tuple[str, str], str] = {}
        self.proved_at = time.monotonic()
        self.before = 0
        self.before = self.refusals()

    def refusals(self) -> int:
        """Return how many refusals the ledger has gained; what an answer wrote is undone before the next."""
        return LedgerRow.objects.filter(action="action.refused").count() - self.before

    def key(self, cell: Cell) -> str:
        """Return the cookie that stands for this person in this state."""
        if cell.state == "nobody":
            return NO_COOKIE
        kind = {"signed in": "plain", "recovery": "recovery"}.get(cell.state, "proved")
        if cell.state == "proved" and time.monotonic() - self.proved_at > RENEWED:
            self.keys.clear()
            self.proved_at = time.monotonic()
        if (cell.who, kind) not in self.keys:
            self.keys[cell.who, kind] = self.world.key(
                self.world.people[cell.who],
                stepped_up=kind == "proved",
                recovery=kind == "recovery",
            )
        return self.keys[cell.who, kind]

    def ask(self, cell: Cell) -> Answer:
        """Return the answer to one question."""
        ids = self.world.ids(cell.route, own=cell.own)
        path = reverse(cell.route, kwargs={name: ids[name] for name in self.routes[cell.route]})
        self.client.cookies.clear()
        if key := self.key(cell):
            self.client.cookies["sessionid"] = key
        with undone():
            answer = self.client.generic(
                cell.method, path, content_type="application/x-www-form-urlencoded"
            )
            # Only what is refused is worth the question.
            refusals = self.refusals() if answer.status_code == REFUSED else 0
        rule = _context(answer, "rule")
        return Answer(_word(answer, rule), answer.status_code, refusals, rule)

    def surprise(self, cell: Cell) -> str:
        """Return what is wrong with the answer to one question; empty if nothing is."""
        takes_ids = bool(set(self.routes[cell.route]) - {"secret"})
        answer, wanted = self.ask(cell), expected(cell, takes_ids)
        refused = answer.word.startswith("refused")
        if answer.word not in wanted:
            return f"{cell}: {answer}, expected {sorted(wanted)}"
        if refused != (answer.refusals == 1) or answer.refusals > 1:
            return f"{cell}: {answer.refusals} refusals on the ledger for {answer}"
        return ""


def _context(answer: Any, name: str) -> str:
    try:
        return str(answer.context[name]) if answer.context else ""
    except KeyError:
        return ""


def _word(answer: Any, rule: str) -> str:
    status = answer.status_code
    if status == 302:
        return "sign in" if answer["Location"].startswith("/sign-in/") else "moved"
    if status == 403:
        if any(one.name == "agencies/step_up.html" for one in answer.templates):
            return "asks for proof"
        if rule.startswith(("session.", "training.", "route.", "suspended")):
            return f"refused: {rule}"
        return "refused: role" if rule.startswith("role.") else "refused: finer"
    words = {200: "works", 404: "not found", 405: "not answered", 409: "conflict", 422: "unusable"}
    return words.get(status, f"status {status}")


def cells(every: dict[str, list[str]], part: int, parts: int = PARTS) -> Iterator[Cell]:
    """Yield the questions of a part, in an order that changes the state of people as seldom as possible."""
    ours = dict(list(every.items())[part::parts])
    for route, names in ours.items():
        for who, roles in PEOPLE.items():
            for method in METHODS if who in {SEVERAL, NO_ROLE} else METHODS[:3]:
                yield Cell(route, method, who, "proved")
            if set(names) - {"secret"} and _has(roles, route):
                yield Cell(route, "GET", who, "proved", own=False)
                yield Cell(route, "POST", who, "proved", own=False)
            if route in ROUTES and ROUTES[route][1] and _has(roles, route):
                yield Cell(route, "POST", who, "signed in")
        for method in METHODS[:3]:
            yield Cell(route, method, str(Role.SUPERVISOR), "recovery")
            yield Cell(route, method, NO_ROLE, "nobody")
    for state in OUTER:
        for number, route in enumerate(every):
            if route not in ours:
                continue
            who = list(PEOPLE)[number % len(PEOPLE)]
            yield Cell(route, "GET", who, state)
            yield Cell(route, "POST", who, state)


def _has(roles: set[Role], route: str) -> bool:
    """Say whether anything of this route is for somebody with these roles."""
    return any(kind and said.allowed(roles, kind) for kind in ROUTES.get(route, ()))


OUTER = (
    "person suspended",
    "agency suspended",
    "training over",
    "idle",
    "too long",
    "revoked",
)
"""States that are brought about for everybody at once."""


def bring_about(world: World, state: str, *, undo: bool = False) -> None:
    """Bring a state about that is the person's or the agency's, not the session's, or undo it."""
    # Signing in and proving who one is are the session's.
    for person in world.people.values() if state in OUTER else ():
        one = Person.objects.select_related("agency").get(pk=person.pk)
        if state == "person suspended":
            one.standing |= {"suspended": None if undo else "2026-01-01T00:00:00+00:00"}
        if state == "training over":
            one.standing |= {"trained_until": "2199-12-31" if undo else "2020-01-01"}
        one.save()
        if state == "agency suspended":
            one.agency.standing |= {"suspended": None if undo else "2026-01-01T00:00:00+00:00"}
            one.agency.save()
        rows = SignInSession.objects.filter(person=one)
        if state == "idle" and not undo:
            for row in rows:
                rows.filter(pk=row.pk).update(seen_at=row.seen_at - timedelta(minutes=16))
        if state == "too long" and not undo:
            for row in rows:
                rows.filter(pk=row.pk).update(ends_at=row.signed_in_at)
        if state == "revoked" and not undo:
            rows.delete()


@pytest.fixture
def world(deployment: Any) -> World:
    return build(deployment)


@pytest.fixture
def counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count only once what waits on somebody: each answer is undone, so each page would say the same."""
    count, known = waiting.count, dict[UUID, int]()

    def once(actor: Actor, *, tools: Tools) -> int:
        if actor.person not in known:
            known[actor.person] = count(actor, tools=tools)
        return known[actor.person]

    monkeypatch.setattr(waiting, "count", once)


def test_the_parts_of_the_matrix_are_the_whole_matrix() -> None:
    every = routes()
    whole = Counter(cells(every, 0, parts=1))
    assert whole == Counter(cell for part in range(PARTS) for cell in cells(every, part))
    assert whole.total() >= CELLS


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("counted_once")
@pytest.mark.parametrize("part", range(PARTS))
def test_everybody_gets_exactly_what_the_table_gives_them(world: World, part: int) -> None:
    asker, tally, surprises = Asker(world), Counter[str](), []
    logging.disable(logging.CRITICAL)
    state = ""
    for cell in cells(asker.routes, part):
        asker.key(cell)
        if cell.state != state:
            bring_about(world, state, undo=True)
            bring_about(world, cell.state)
            state = cell.state
            if state == "too long":
                asker.keys.clear()
                for who in PEOPLE:
                    asker.key(Cell("home", "GET", who, state))
                bring_about(world, state)
            if state == "revoked":
                asker.key(cell)
        tally[cell.state] += 1
        if surprise := asker.surprise(cell):
            surprises.append(surprise)
            print(surprise, flush=True)
    total = sum(tally.values())
    logging.disable(logging.NOTSET)
    print(f"\ncells {total}, surprises {len(surprises)}")
    assert surprises == []


def test_every_route_works_for_somebody_who_may(world: World) -> None:
    asker = Asker(world)
    logging.disable(logging.CRITICAL)
    idle = {}
    for route in sorted(set(asker.routes) - said.OPEN):
        asked = (Cell(route, how, who, "proved") for how in ("GET", "POST") for who in PEOPLE)
        answers = set()
        for cell in asked:
            answers.add(asker.ask(cell).word)
            if answers & {"works", "moved", "unusable"}:  # the last: a button that wants more
                break
        else:
            idle[route] = sorted(answers)
    logging.disable(logging.NOTSET)
    print(*idle.items(), sep="\n")
    assert set(idle) == said.WORKS_ELSEWHERE


def test_an_investigator_reads_and_changes_nothing_of_a_case_of_others(world: World) -> None:
    asker = Asker(world)
    logging.disable(logging.CRITICAL)
    surprises = [
        surprise
        for route in sorted(said.OF_CASES)
        for method in ("GET", "HEAD", "POST")
        if (surprise := asker.surprise(Cell(route, method, OUTSIDER, "proved")))
    ]
    logging.disable(logging.NOTSET)
    assert surprises == []
