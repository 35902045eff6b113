"""Notices by e-mail: a person switches them on and off, and that one was sent is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from countenance import policy
from countenance.apps.agencies.models import Person
from countenance.apps.agencies.noticing import told_of
from countenance.apps.records.services import Record, accountable
from countenance.apps.records.waiting import Waiting
from countenance.errors import NotPermitted
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools


@accountable(Action.NOTICES_CHANGED, deed=Deed.OWN_ACCOUNT)
def set_notices(actor: Actor, record: Record, *, wanted: bool, tools: Tools) -> Person:
    """Let the acting person be told by e-mail that something waits, or not any more."""
    record.note(about=actor.person, wanted=wanted)
    person = Person.objects.select_for_update(no_key=True).get(pk=actor.person)
    policy.permit_own(actor, person.agency_id)
    person.notices = {**(person.notices or {}), "off": not wanted}
    person.save(update_fields=("notices",))
    return person


@accountable(Action.NOTICE_SENT, deed=None)
def note_sent(
    actor: Actor, record: Record, *, person: Person, waiting: Sequence[Waiting], tools: Tools
) -> None:
    """Record that a person was told that something waits, so that they are not told of the same again.

    Raises:
        NotPermitted: somebody else than the program itself says so.
    """
    record.note(about=person.pk)
    if actor != SYSTEM:
        raise NotPermitted("Only the program itself sends notices.", rule="notice.system")
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    person.notices = {
        **(person.notices or {}),
        "sent_at": tools.clock().isoformat(),
        "told": told_of(waiting),
    }
    person.save(update_fields=("notices",))
