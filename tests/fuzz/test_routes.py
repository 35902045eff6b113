"""Requests of every kind, by everybody: no 5xx, no answer that the description does not allow, no leak.

`FUZZ_REQUESTS` says how many; `make attack` sends 50,000.
"""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import structlog
from django.conf import settings
from fuzz.attacker import CSRF, NOBODY, Attacked, Crowd
from fuzz.schema import ODD_TEXTS, describe, routes
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from matrix_world import World, build
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    status_code_conformance,
)

from countenance import config
from countenance.apps.records import queries
from countenance.web.access import ACCESS

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "7"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
]
FAILED = 400
TRACES = (b"Traceback (most recent call last)", b'File "/', b".py&quot;, line", b"psycopg.")
MARKUP = next(one for one in ODD_TEXTS if one.startswith("<i ")).split(">")[0].encode()


class Told:
    """What must be on no page that says no, whoever reads it."""

    def __init__(self, world: World) -> None:
        url = config.current().database.url
        said = [
            settings.SECRET_KEY,
            str(config.current().home),
            url.get_secret_value() if url else "",
            world.others["secret"],
            world.own["secret"],
        ]
        others = world.people.values()
        self.secrets = [one.encode() for one in [*said, *(each.password for each in others)] if one]

    def leak(self, content: bytes, asked: str) -> bytes | None:
        """Return what leaks; what was in the address itself is no leak."""
        return next(
            (one for one in self.secrets if one in content and one.decode() not in asked), None
        )


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep thousands of lines of the log from the terminal."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    structlog.configure(**before)


@pytest.fixture
def world(deployment: Any) -> World:
    return build(deployment)


def known(world: World) -> dict[str, list[Any]]:
    """Return the values of path parameters that exist: ours, another agency's."""
    names = set(world.own) - {"instead"}
    values = {name: [world.own[name], world.others[name]] for name in names}
    for ids in world.own["instead"].values():
        for name, one in ids.items():
            values[name].append(one)
    return values


def shares(operations: list[Any]) -> Counter[str]:
    """Return how many requests each operation gets: all alike, or one each for as many as there are."""
    names = [one.label for one in operations]
    each, rest = divmod(REQUESTS, len(names))
    chosen = random.Random(SEED).sample(names, rest)
    return Counter({name: each + (name in chosen) for name in names})


class Attack:
    """Sends what is drawn, and says what was wrong."""

    def __init__(self, world: World, app: Attacked) -> None:
        self.app, self.crowd, self.told = app, Crowd(world), Told(world)
        self.deeds = {
            f"{method}_{name}": ACCESS[name].deed(method.upper())
            for name, _ in routes()
            for method in ("get", "post")
        }
        self.quiet = False
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    def on(self, operation: Any, times: int, *, turn: int = 0) -> int:
        """Attack one operation so many times, and return how often that was possible: some have few forms."""
        before = self.statuses.total()
        route = operation.definition.raw["operationId"].partition("_")[2]
        deed = self.deeds[operation.definition.raw["operationId"]]
        own = self.crowd.world.ids(route, own=True)
        able = self.crowd.able(deed)
        everybody = [NOBODY, *self.crowd.world.people]
        who = st.sampled_from(able) | st.sampled_from(able) | st.sampled_from(everybody)
        cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)

        @seed(SEED + turn)
        @given(case=cases, who=who, real=st.booleans())
        @hypothesis_settings(
            max_examples=times,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any, who: str, real: bool) -> None:
            if real and case.path_parameters:
                drawn = case.path_parameters
                case.path_parameters = {one: str(own.get(one, drawn[one])) for one in drawn}
            self.send(case, who)

        send()
        return self.statuses.total() - before

    def send(self, case: Any, who: str) -> None:
        """Send one request and look at the answer."""
        answer = case.call(headers={"X-CSRFToken": CSRF}, cookies=self.crowd.cookies(who))
        self.statuses[answer.status_code] += 1
        said = f"{case.method} {case.path} {case.path_parameters} {case.query} {case.body} by {who}"
        try:
            case.validate_response(answer, checks=CHECKS)
        except BaseException as error:  # noqa: BLE001 # schemathesis raises groups of its failures
            self.note(f"{said}: {answer.status_code} {str(error)[:1500]} {self.app.told()}")
        content = answer.content
        if answer.status_code >= FAILED:
            leak = self.told.leak(content, said)
            if leak or any(one in content for one in TRACES):
                self.note(f"{said}: {answer.status_code} leaks {leak!r}")
        if b"text/html" in str(answer.headers.get("content-type")).encode() and MARKUP in content:
            self.note(f"{said}: markup that was sent comes back as markup")
        self.app.faults.clear()

    def note(self, words: str) -> None:
        """Keep what is wrong, and say it at once."""
        self.wrong.append(words)
        if not self.quiet:
            print(words, flush=True)


def sent_to(world: World, app: Attacked, raw: dict[str, Any], times: int | None = None) -> Attack:
    """Attack everything that is described, each operation so many times, and return what came of it."""
    schema = schemathesis.openapi.from_dict(raw)
    schema.app = app
    attack = Attack(world, app)
    attack.quiet = times is not None
    operations = [one.ok() for one in schema.get_all_operations()]
    wanted = [times or share for share in shares(operations).values()]
    left = [
        operation
        for operation, share in zip(operations, wanted, strict=True)
        if share and attack.on(operation, share) >= share
    ]
    turn = 0
    while times is None and attack.statuses.total() < REQUESTS and left:
        turn += 1
        share = -(-(REQUESTS - attack.statuses.total()) // len(left))
        left = [one for one in left if attack.on(one, share, turn=turn) >= share]
    return attack


@pytest.mark.timeout(7200)
def test_no_answer_breaks_what_the_description_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, raw = Attacked(), describe(known(world))
    try:
        attack = sent_to(world, app, raw)
        one = {**raw, "paths": {"/ledger/": {"get": raw["paths"]["/ledger/"]["get"]}}}
        # The same attack sees a fault where there is one.
        monkeypatch.setattr(queries, "head", fail)
        control = sent_to(world, app, one, times=8)
    finally:
        app.close()
    print(f"\nrequests {attack.statuses.total()}, {dict(sorted(attack.statuses.items()))}")
    assert attack.wrong == []
    assert attack.statuses.total() >= REQUESTS
    assert attack.statuses[200] > attack.statuses.total() / 20
    assert any("RuntimeError" in wrong for wrong in control.wrong)
    assert attack.told.leak(b"x" + settings.SECRET_KEY.encode(), "") is not None


def fail() -> None:
    """Stand in for a fault of ours."""
    raise RuntimeError(settings.SECRET_KEY)
