"""A throw-away home with the real engine, for benchmarks that go through the product's services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from countenance.policy import SYSTEM, Role

if TYPE_CHECKING:
    from pathlib import Path

    from countenance.policy import Actor
    from countenance.tools import Tools


@dataclass
class Deployment:
    """What `tests/factories.py` needs to act on a deployment."""

    tools: Tools
    actor: Actor
    home: Path
    agency: Any
    examiner: Actor


@contextmanager
def deployment() -> Iterator[Deployment]:
    """Make a home with its own database and demo keys; remove everything at the end.

    One a process: Django is set up once.
    """
    from countenance.cli import deployment as command
    from countenance.cli import throwaway
    from countenance.sealing.factors import FileFactor

    with throwaway.home() as settings:
        tools = command.make_keys(FileFactor(settings.file_factor))
        from countenance.apps.agencies import services  # needs Django set up

        agency = services.admit_agency(SYSTEM, name="Bench", tools=tools)
        person: Any = services.add_person(
            SYSTEM, agency=agency, name="Bench", email="b@localhost", password=None, tools=tools
        )
        everything = replace(
            person.actor,
            roles=frozenset(Role),
            certified_until=date.max,
            stepped_up_at=tools.clock(),
        )
        made = Deployment(tools, everything, settings.home, agency, everything)
        another_examiner(made)
        yield made


def another_examiner(on: Any) -> None:
    """Let somebody else examine from now on: one person runs only so many searches a day."""
    import factories

    on.examiner = factories.acting(on, Role.EXAMINER)
