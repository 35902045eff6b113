"""Telling people by e-mail that something waits: who is due, and what became of it.

A mail is sent first and recorded then: a stop in between sends it twice, which is better than never.
What fails is tried again at a later turn; nothing is lost, because what waits goes on waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from countenance.apps.agencies import noticing
from countenance.apps.agencies.models import Person
from countenance.apps.agencies.notices import note_sent
from countenance.apps.records import waiting
from countenance.apps.records.sealed import using_keyring
from countenance.errors import CountenanceError, Unavailable
from countenance.policy import SYSTEM
from countenance.tools import Tools

log = structlog.get_logger()

REFUSED_WAITS = timedelta(hours=6)
"""An address that the mail server refused, or a mail that could not be recorded, is tried again after this time."""


class Sends(Protocol):
    """What sends the one mail there is."""

    def send(self, address: str) -> bool:
        """Send it, and return whether it was taken; raise Unavailable if none is taken at all."""


@dataclass
class Round:
    """The turns of one process; it remembers which mails failed lately."""

    refused: dict[UUID, datetime] = field(default_factory=dict)

    def send_due(self, mailer: Sends, *, tools: Tools) -> int:
        """Tell everybody who is due, and return how many were told; stop if no mail is taken."""
        sent = 0
        for person, found in self._due(tools):
            try:
                if not mailer.send(person.email):
                    self.refused[person.pk] = tools.clock()
                    log.warning("notice.refused")
                    continue
                self._note_sent(person, found, tools=tools)
            except Unavailable as error:
                log.warning("notices.unavailable", code=error.code)
                break
            except CountenanceError as error:
                log.warning("notice.failed", code=error.code)
            else:
                sent += 1
        if sent:
            log.info("notices.sent", count=sent)
        return sent

    def _note_sent(self, person: Person, found: list[waiting.Waiting], *, tools: Tools) -> None:
        """Record that somebody was told; if that fails, they are not told again at each turn."""
        try:
            note_sent(SYSTEM, person=person, waiting=found, tools=tools)
        except Exception:
            self.refused[person.pk] = tools.clock()
            raise

    def _due(self, tools: Tools) -> Iterator[tuple[Person, list[waiting.Waiting]]]:
        """Yield who is due, with what waits on them; a row that cannot be read keeps nobody else waiting."""
        for person in Person.objects.select_related("agency").order_by("pk").iterator():
            try:
                found = self._waiting(person, tools)
            except CountenanceError as error:
                log.warning("notice.failed", code=error.code)
                continue
            if found:
                yield person, found

    def _waiting(self, person: Person, tools: Tools) -> list[waiting.Waiting]:
        """Return what waits on a person who is due; nothing if they are not."""
        now = tools.clock()
        refused = self.refused.get(person.pk)
        if refused is not None and now - refused < REFUSED_WAITS:
            return []
        if person.agency.suspended or not noticing.can_be_due(person, now=now):
            return []
        view = tools.keyring.only(person.agency_id)
        with using_keyring(view):
            # As the person: with the keys of their agency, and with what they may see.
            found = waiting.inbox(person.actor, tools=replace(tools, keyring=view)).on_you
        return found if noticing.is_due(person, found, now=now) else []
