"""What ends soon: training and certificates of people, and invitations that nobody has accepted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.urls import reverse

from countenance.apps.agencies import queries
from countenance.apps.agencies.models import Person
from countenance.apps.records.waiting import Waiting
from countenance.policy import Actor, Deed, may
from countenance.policy.people import CERTIFICATE_NEEDED, TRAINING_NEEDED
from countenance.tools import Tools

SOON = timedelta(days=30)
"""So long before its end a training or a certificate is on the coordinator's list, and on the person's."""
LAST_CALL = timedelta(hours=24)
"""So long before its end an invitation is on the list of those who invite."""


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield what a coordinator renews, and what of the actor's own ends soon."""
    today = tools.clock().date()
    if may(actor, Deed.TRAINING_RECORD):
        for one in queries.people(actor):
            if not one.suspended and one.pk != actor.person:
                yield from _ending(one, today)
        yield from _invitations(actor, tools=tools)
    own = Person.objects.filter(pk=actor.person, agency_id=actor.agency).first()
    if own is not None:
        yield from _own(own, today)


def _ending(person: Person, today: date) -> Iterator[Waiting]:
    href = reverse("person", args=[person.pk])
    for what, last in _ends(person):
        if last <= today + SOON:
            ends = "ended" if last < today else "ends"
            said = (
                f"Record the next {what} of {person.name}: the present one {ends} on {_day(last)}"
            )
            yield Waiting(what=said, since=_begin(last), href=href)


def _own(person: Person, today: date) -> Iterator[Waiting]:
    for what, last in _ends(person):
        if today <= last <= today + SOON:
            said = f"Your {what} ends on {_day(last)}"
            yield Waiting(
                what=said, since=_begin(last), href=reverse("account"), whose="Your coordinator"
            )


def _ends(person: Person) -> Iterator[tuple[str, date]]:
    """Yield what a person needs for their roles, with its last day."""
    if person.trained_until is not None and TRAINING_NEEDED & person.roles:
        yield "training", person.trained_until
    if person.certified_until is not None and CERTIFICATE_NEEDED & person.roles:
        yield "certificate", person.certified_until


def _invitations(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    for one in queries.pending_invitations(actor, tools=tools):
        begin = one.expires_at - LAST_CALL
        if tools.clock() >= begin:
            said = f"Ask {one.details['name']} to accept the invitation, which ends within a day"
            yield Waiting(what=said, since=begin, href=reverse("people"))


def _begin(last: date) -> datetime:
    return datetime.combine(last, time(), tzinfo=UTC) - SOON


def _day(last: date) -> str:
    return f"{last.day} {last:%B %Y}"
