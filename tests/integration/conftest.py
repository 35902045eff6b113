"""A real PostgreSQL for the whole session, a fresh deployment for each test, made-up photos."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import SecretStr

from countenance import config as settings
from countenance.config import Config, DatabaseSettings
from countenance.policy import SYSTEM, Actor, Role
from countenance.testing import FakeEngine
from countenance.tools import Tools
from countenance.web import postgres_server
from countenance.web.postgres import LocalPostgres

_server: list[LocalPostgres] = []
LATE = "2199-12-31"
HURRIED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""This server holds nothing but tests, so it need not wait for the disk. What the product gives a server of its own
is what `test_postgres.py` asks of one. (They are given on the command line, over which no file has a say.)"""


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL and Django before pytest-django looks for settings."""
    # With xdist each worker has its own; the process that only hands out tests needs none, and what it
    # put into the environment would reach the workers too early.
    from django.conf import settings as django_settings

    if django_settings.configured or getattr(config.option, "numprocesses", None):
        return
    import django

    # Not pytest's own folder: that one is created per test and closed to the database's user.
    home = Path(tempfile.mkdtemp(prefix="countenance-test-"))
    server = LocalPostgres(home)
    with patch.dict(postgres_server._SETTINGS, HURRIED):
        url = server.ensure_running()
    _server.append(server)
    made = Config(home=home, database=DatabaseSettings(url=SecretStr(url)))
    settings.install(made)
    os.environ["DJANGO_SETTINGS_MODULE"] = "countenance.web.settings"
    django.setup()
    from django.test import TransactionTestCase
    from emptying import empty

    TransactionTestCase._fixture_teardown = empty  # type: ignore[method-assign] # what pytest-django calls


def pytest_unconfigure() -> None:
    """Stop PostgreSQL and remove its folder."""
    while _server:
        server = _server.pop()
        server.release()
        server.destroy()
        shutil.rmtree(server.home, ignore_errors=True)


@dataclass
class Deployment:
    """A fresh, unsealed deployment with one agency.

    `person` holds every role, which no real person does: most tests are about something else. Whatever
    needs a second person is done by `examiner`, who is one, or by `supervisor`.
    """

    tools: Tools
    actor: Actor
    agency: Any
    person: Any
    home: Path
    examiner: Actor
    supervisor: Actor


def password_hash() -> str:
    """Return the hash of everybody's password, made once for each hasher: making it is slow on purpose."""
    from django.conf import settings as django_settings

    return hashed_with(django_settings.PASSWORD_HASHERS[0])


@cache
def hashed_with(hasher: str) -> str:
    """Return the hash of everybody's password as the named hasher, the one in use, makes it."""
    from django.contrib.auth.hashers import make_password

    return make_password("a long test password")


def all_powerful(person: Any, tools: Tools) -> Any:
    """Write every role into a person's row, past the services, and return them."""
    person.standing = {"roles": sorted(Role), "trained_until": LATE, "certified_until": LATE}
    person.save()
    return person


def fresh(person: Any, tools: Tools) -> Actor:
    """Return a person as they are just after proving who they are, in a session."""
    return replace(person.actor, stepped_up_at=tools.clock())


@pytest.fixture
def deployment(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Initialise a home with the demo factor and the fake engine."""
    from countenance.apps.agencies import services as agencies
    from countenance.sealing.factors import FileFactor
    from countenance.web import wiring

    before = settings.current()
    settings.install(before.model_copy(update={"home": tmp_path}))
    wiring.use_engine(lambda _: FakeEngine())
    wiring.initialise(FileFactor(settings.current().file_factor))
    tools = wiring.current()
    agency = agencies.admit_agency(SYSTEM, name="Test agency", tools=tools)
    person = agencies.add_person(
        SYSTEM,
        agency=agency,
        name="Test Person",
        email="person@example.org",
        password=None,
        tools=tools,
    )
    person.password = password_hash()
    all_powerful(person, tools)
    others = [
        agencies.add_person(
            SYSTEM,
            agency=agency,
            name=f"Test {role.title()}",
            email=f"{role}@example.org",
            password=None,
            roles=[role],
            tools=tools,
        )
        for role in (Role.EXAMINER, Role.SUPERVISOR)
    ]
    for other in others:
        other.standing |= {"trained_until": LATE, "certified_until": LATE}
        other.password = password_hash()
        other.save()
    examiner, supervisor = (fresh(other, tools) for other in others)
    yield Deployment(tools, fresh(person, tools), agency, person, tmp_path, examiner, supervisor)
    wiring.seal()
    settings.install(before)
