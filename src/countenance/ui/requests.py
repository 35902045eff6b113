"""What every request carries after the middleware: who asks, and with what they may work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
class NavItem:
    """One entry of the main navigation.

    Attributes:
        label: its words.
        href: where it leads.
        section: the section of the pages that it stands for.
        waiting: how many things wait there for this person.
    """

    label: str
    href: str
    section: str
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Broken glass that nobody has reviewed yet."""

    broken_at: datetime
    review_by: datetime
    overdue: bool
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What the frame of a page says: who is signed in, whose keys these are, where one may go."""

    person: str = ""
    agency: str = ""
    demo_keys: bool = False
    reads_ledger: bool = False
    read_last_entry: Callable[[], LastEntry | None] = lambda: None
    read_nav: Callable[[], Sequence[NavItem]] = lambda: ()
    read_alarms: Callable[[], Sequence[Alarm]] = lambda: ()

    @property
    def last_entry(self) -> LastEntry | None:
        """Return the newest entry, read when the page is drawn."""
        return self.read_last_entry()

    @property
    def nav(self) -> Sequence[NavItem]:
        """Return the main navigation, read when the page is drawn."""
        return self.read_nav()

    @property
    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms that are on, read when the page is drawn."""
        return self.read_alarms()

    def resting(self) -> Shell:
        """Return a frame that reads nothing, for a page that says that reading failed."""
        return replace(
            self, read_last_entry=lambda: None, read_nav=lambda: (), read_alarms=lambda: ()
        )


class Request(HttpRequest):
    """A request of somebody who is signed in, to an unsealed deployment."""

    actor: Actor
    tools: Tools
    shell: Shell
    request_id: str
    most_bytes: int
    """Set where an upload was judged before it is read: so much of it is read."""
