"""What every request carries after the middleware: who asks, and with what they may work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from countenance.policy import Actor
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntry:
    """The newest entry of the ledger, for the foot of the page."""

    number: int
    code: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What the frame of a page says: who is signed in, whose keys these are, the last entry."""

    person: str = ""
    agency: str = ""
    demo_keys: bool = False
    read_last_entry: Callable[[], LastEntry | None] = lambda: None

    @property
    def last_entry(self) -> LastEntry | None:
        """Return the newest entry, read when the page is drawn."""
        return self.read_last_entry()


class Request(HttpRequest):
    """A request of somebody who is signed in, to an unsealed deployment."""

    actor: Actor
    tools: Tools
    shell: Shell
    request_id: str
