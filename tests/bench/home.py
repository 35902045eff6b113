"""A throw-away home with the real engine, for benchmarks that go through the product's services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


@contextmanager
def deployment() -> Iterator[Deployment]:
    """Make a home with its own database and demo keys; remove everything at the end.

    One a process: Django is set up once.
    """
    from countenance.cli import deployment as command
    from countenance.cli import throwaway
    from countenance.sealing.factors import FileFactor
    from countenance.web import wiring

    with throwaway.home() as settings:
        person: Any
        person, _ = command.set_up(
            FileFactor(settings.file_factor), agency="Bench", name="Bench", email="b@localhost"
        )
        yield Deployment(wiring.current(), person.actor, settings.home)
