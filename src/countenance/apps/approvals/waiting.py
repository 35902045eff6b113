"""What waits in approvals: to be decided, to be reviewed, or to be carried out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from countenance.apps.approvals import effects, queries
from countenance.apps.approvals.models import Approval
from countenance.apps.records.waiting import Waiting
from countenance.policy import Actor, Deed, may
from countenance.policy import approvals as rules
from countenance.policy.approvals import KINDS, ApprovalKind
from countenance.tools import Tools


def waiting(actor: Actor, *, tools: Tools) -> Iterator[Waiting]:
    """Yield what the actor decides or reviews, what they asked for, and what of it they can carry out."""
    if not may(actor, Deed.APPROVAL_READ):
        return
    now = tools.clock()
    for one in queries.waiting_on(actor, now=now):
        glass = one.facts.kind == ApprovalKind.BREAK_GLASS
        what = "Review a broken glass" if glass else f"Approve or refuse: {_words(one)}"
        yield Waiting(what=what, since=one.asked_at, href=_href(one), urgent=glass)
    for one in queries.waiting_on_others(actor, now=now).filter(asked_by=actor.person):
        decides = rules.listed(KINDS[one.facts.kind].decide)
        said = f"You asked for approval: {_words(one)}"
        yield Waiting(
            what=said, since=one.asked_at, href=_href(one), whose=decides[:1].upper() + decides[1:]
        )
    yield from _approved(actor, now=now)


def _approved(actor: Actor, *, now: datetime) -> Iterator[Waiting]:
    """Yield what was approved and somebody who asked for it has not carried out on its page yet."""
    carried_out = [str(kind) for kind in ApprovalKind if effects.effect_of(kind).url_name]
    rows = queries.approvals(actor).filter(
        asked_by=actor.person,
        kind__in=carried_out,
        decided_at__gt=now - max(KINDS[kind].lasts for kind in ApprovalKind),
        withdrawn_at=None,
    )
    for one in rows.order_by("decided_at"):
        if not rules.why_not_usable(one.facts, now=now):
            what = f"Carry out what was approved: {_words(one)}"
            yield Waiting(what=what, since=one.decided_at or one.asked_at, href=_href(one))


def _words(one: Approval) -> str:
    said = KINDS[one.facts.kind].words
    return said[:1].lower() + said[1:]


def _href(one: Approval) -> str:
    return reverse("approval", args=[one.pk])
