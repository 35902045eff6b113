"""What waits on a person, asked of every app: the inbox, its count, and the notices by e-mail stand on it.

An app says what it has to say from its `AppConfig.ready`, which keeps this module below all of them:

    def ready(self) -> None:
        from countenance.apps.examinations.waiting import waiting
        from countenance.apps.records.waiting import register

        register(waiting)

where `waiting(actor, *, tools)` yields `Waiting(what=..., since=..., href=...)`. Such a source

- yields only what the actor may see, and nothing that they must not know. The examination that waits for
  a second examiner reads "Examination 4f2a91c0", since when it waits *for them*, and leads to its own page:
  no case, no search, no first examiner, and nothing that is there for real examinations but not for
  controls, or the other way round;
- is asked whenever a page is drawn, so that it reads a few rows by their plain columns, and opens what is
  sealed only of those that it yields;
- gives each thing a `since` that stays the same from one call to the next: what waits at an address that
  somebody was told of is new to them only if it began to wait after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from countenance.errors import CountenanceError
from countenance.policy import Actor
from countenance.tools import Tools

YOU = "You"
NOBODY = ""
"""Whose step it is where nothing is to be done: an answer to read."""
MOST = 100
"""So many things of one source are listed; the page that they lead to lists all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that waits.

    Attributes:
        what: what is to be done, or was asked for, in words without a full stop.
        since: since when it waits.
        href: the page on which the step is taken, or where it can be seen.
        urgent: it loses something by waiting for tomorrow.
        whose: whose step is next: `YOU`, a role in words such as "An examiner", or `NOBODY`.
    """

    what: str
    since: datetime
    href: str
    urgent: bool = False
    whose: str = YOU


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What waits, urgent things first, then oldest first.

    Attributes:
        on_you: what this person does next.
        on_others: what they asked for and somebody else does next.
        answered: what they asked for and was answered lately, newest first.
        unreadable: something could not be read, because it was changed in the database.
    """

    on_you: list[Waiting]
    on_others: list[Waiting]
    answered: list[Waiting]
    unreadable: bool


Row = TypeVar("Row")
Source = Callable[..., Iterable[Waiting]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask this source too: it is called with the actor, and with `tools` by keyword."""
    if source not in _sources:
        _sources.append(source)


def of_each(rows: Iterable[Row], told: Callable[[Row], Iterable[Waiting]]) -> Iterator[Waiting]:
    """Yield what is told of each row; one that somebody altered is left for the end, and hides no other.

    Raises:
        CountenanceError: something could not be read; raised once all else was told.
    """
    unread: CountenanceError | None = None
    for row in rows:
        try:
            yield from told(row)
        except CountenanceError as error:
            unread = error
    if unread is not None:
        raise unread


def inbox(actor: Actor, *, tools: Tools) -> Inbox:
    """Return what waits on a person, what of theirs waits on others, and what was answered lately."""
    found: list[Waiting] = []
    unreadable = False
    for source in _sources:
        try:
            found.extend(_first(source(actor, tools=tools)))
        except CountenanceError:
            # One row that somebody altered must not keep anybody from the rest of their work.
            unreadable = True
    found.sort(key=lambda one: (not one.urgent, one.since, one.href))
    answered = [one for one in found if one.whose == NOBODY]
    return Inbox(
        on_you=[one for one in found if one.whose == YOU],
        on_others=[one for one in found if one.whose not in {YOU, NOBODY}],
        answered=sorted(answered, key=lambda one: one.since, reverse=True),
        unreadable=unreadable,
    )


def count(actor: Actor, *, tools: Tools) -> int:
    """Return how many things wait on a person, for the navigation."""
    return len(inbox(actor, tools=tools).on_you)


def _first(waiting: Iterable[Waiting]) -> Iterable[Waiting]:
    """Return the first things that a source has, and do not ask it for more."""
    return (one for _, one in zip(range(MOST), waiting, strict=False))
