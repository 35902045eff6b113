"""A real PostgreSQL for the whole session, a fresh deployment for each test, made-up photos."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from countenance import config
from countenance.config import Config, DatabaseSettings
from countenance.policy import Actor
from countenance.testing import FakeEngine
from countenance.tools import Tools
from countenance.web.postgres import LocalPostgres

_server: list[LocalPostgres] = []


def pytest_configure() -> None:
    """Start PostgreSQL and Django before pytest-django looks for settings."""
    if _server:
        return
    import django  # noqa: PLC0415
    import os  # noqa: PLC0415

    # Not pytest's own folder: that one is created per test and closed to the database's user.
    home = Path(tempfile.mkdtemp(prefix="countenance-test-"))
    server = LocalPostgres(home)
    url = server.ensure_running()
    _server.append(server)
    settings = Config(home=home, database=DatabaseSettings(url=SecretStr(url)))
    config.install(settings)
    os.environ["DJANGO_SETTINGS_MODULE"] = "countenance.web.settings"
    django.setup()


def pytest_unconfigure() -> None:
    """Stop PostgreSQL and remove its folder."""
    while _server:
        server = _server.pop()
        server.release()
        server.destroy()
        shutil.rmtree(server.home, ignore_errors=True)


@dataclass
class Deployment:
    """A fresh, unsealed deployment with one agency and one person."""

    tools: Tools
    actor: Actor
    agency: Any
    person: Any
    home: Path


@pytest.fixture
def deployment(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Initialise a home with the demo factor and the fake engine."""
    from countenance.apps.agencies import services as agencies  # noqa: PLC0415
    from countenance.apps.records.services import SYSTEM  # noqa: PLC0415
    from countenance.sealing.factors import FileFactor  # noqa: PLC0415
    from countenance.web import wiring  # noqa: PLC0415

    before = config.current()
    config.install(before.model_copy(update={"home": tmp_path}))
    wiring.use_engine(lambda _: FakeEngine())
    wiring.initialise(FileFactor(config.current().file_factor))
    tools = wiring.current()
    agency = agencies.admit_agency(SYSTEM, name="Test agency", tools=tools)
    person = agencies.add_person(
        replace(SYSTEM, agency=agency.pk),
        agency=agency,
        name="Test Person",
        email="person@example.org",
        password="a long test password",
        tools=tools,
    )
    yield Deployment(tools, person.actor, agency, person, tmp_path)
    wiring.seal()
    config.install(before)
