"""Reading requests: what waits on whom, what is approved, and which glass is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from countenance.apps.approvals.models import Approval
from countenance.apps.records.models import LedgerRow
from countenance.errors import NotFound, TamperDetected
from countenance.ledger.entry import Action, canonical_json
from countenance.policy import Actor, Role
from countenance.policy import approvals as rules
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

GLASS = ApprovalKind.BREAK_GLASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Broken glass that nobody has reviewed yet.

    Attributes:
        approval: its id.
        case: the case's id.
        broken_by: who broke it.
        broken_at: when.
        until: when its effect ends, or ended.
        review_by: until when an auditor has to review it.
        overdue: that moment is over.
    """

    approval: UUID
    case: UUID
    broken_by: UUID
    broken_at: datetime
    until: datetime
    review_by: datetime
    overdue: bool


def approvals(actor: Actor) -> QuerySet[Approval]:
    """Return the requests that the actor may read, newest first; slice it."""
    rows = Approval.objects.filter(agency_id=actor.agency)
    seen = [str(kind) for kind in rules.seen_by(actor.roles)]
    own = rows.filter(asked_by=actor.person)
    return (rows.filter(kind__in=seen) | own).order_by("-asked_at", "pk")


def approval(actor: Actor, approval_id: UUID) -> Approval:
    """Return one request, its columns compared.

    Raises:
        NotFound: there is none, or it is not the actor's to read.
        TamperDetected: it was changed in the database.
    """
    found = approvals(actor).filter(pk=approval_id).first()
    if found is None:
        raise NotFound("There is no such request.")
    _ = found.facts
    return found


def waiting_on(actor: Actor, *, now: datetime) -> QuerySet[Approval]:
    """Return the requests and broken glass that the actor can decide or review now, oldest first."""
    kinds = [str(kind) for kind in rules.decided_by(actor.roles)]
    rows = Approval.objects.filter(_waits(now), agency_id=actor.agency, kind__in=kinds)
    of_others = rows.exclude(asked_by=actor.person).exclude(subject=actor.person)
    return of_others.order_by("asked_at", "pk")


def waiting_on_others(actor: Actor, *, now: datetime) -> QuerySet[Approval]:
    """Return what the actor may read and somebody else has to decide or review, oldest first."""
    mine = waiting_on(actor, now=now).values("pk")
    return approvals(actor).filter(_waits(now)).exclude(pk__in=mine).order_by("asked_at", "pk")


def over(actor: Actor, *, now: datetime) -> QuerySet[Approval]:
    """Return what the actor may read and nobody has to decide any more, newest first; slice it."""
    return approvals(actor).exclude(_waits(now))


def waiting_for(actor: Actor, *, now: datetime) -> int:
    """Return how many requests and reviews wait for the actor."""
    return waiting_on(actor, now=now).count()


def about(agency: UUID, kind: ApprovalKind, subject: UUID) -> QuerySet[Approval]:
    """Return every request of this kind about this subject, newest first."""
    return Approval.objects.filter(agency_id=agency, kind=str(kind), subject=subject).order_by(
        "-asked_at", "pk"
    )


def under_way(agency: UUID, kind: ApprovalKind, subject: UUID, *, now: datetime) -> Approval | None:
    """Return the newest request about this subject that waits, or that is approved and not carried out yet.

    Raises:
        TamperDetected: a row was changed in the database.
    """
    rows = about(agency, kind, subject)
    return next((row for row in rows if rules.is_under_way(row.facts, now=now)), None)


def is_exactly(row: Approval, payload: Mapping[str, Any] | None) -> bool:
    """Say whether this is what was asked for, to the letter."""
    return canonical_json(row.payload) == canonical_json(payload or {})


def is_approved(
    actor: Actor,
    *,
    kind: ApprovalKind,
    subject: UUID,
    payload: Mapping[str, Any] | None = None,
    tools: Tools,
) -> bool:
    """Say whether `use_approval` would find an approval for exactly this now; uses nothing up.

    Raises:
        TamperDetected: a row was changed in the database.
    """
    now = tools.clock()
    return any(
        not rules.why_not_usable(row.facts, now=now)
        for row in about(actor.agency, kind, subject)
        if is_exactly(row, payload)
    )


def broken_glass(agency: UUID) -> list[Approval]:
    """Return every broken glass of an agency, newest first.

    Raises:
        TamperDetected: the ledger knows of another number.
    """
    rows = list(Approval.objects.filter(agency_id=agency, kind=str(GLASS)).order_by("-asked_at"))
    if len(rows) != _on_ledger(agency):
        raise TamperDetected
    return rows


def glass_until(case_id: UUID, now: datetime | None = None, *, agency: UUID) -> datetime | None:
    """Return until when the glass of this case is broken; None if it is not.

    Without `now` that moment may be over, for rules that compare it themselves. Only the case's own
    agency can break its glass.

    Raises:
        TamperDetected: a row was changed in the database.
    """
    ends = [rules.glass_ends(row.facts) for row in about(agency, GLASS, case_id)]
    until = max((end for end in ends if end is not None), default=None)
    return None if until is None or (now is not None and now > until) else until


def open_alarms(actor: Actor, *, now: datetime) -> list[Alarm]:
    """Return the agency's broken glass that waits for its review, oldest first, for those who answer."""
    if not actor.roles & {Role.AUDITOR, Role.SUPERVISOR}:
        return []
    rows = Approval.objects.filter(agency_id=actor.agency, kind=str(GLASS), reviewed_at=None)
    return [_alarm(row, now) for row in rows.order_by("asked_at")]


def _alarm(row: Approval, now: datetime) -> Alarm:
    facts = row.facts
    assert facts.usable_until is not None  # noqa: S101 # broken glass has an end from the start
    return Alarm(
        approval=row.pk,
        case=facts.subject,
        broken_by=facts.asked_by,
        broken_at=row.asked_at,
        until=facts.usable_until,
        review_by=facts.expires_at,
        overdue=rules.is_overdue(facts, now=now),
    )


def _on_ledger(agency: UUID) -> int:
    return LedgerRow.objects.filter(agency=agency, action=str(Action.GLASS_BROKEN)).count()


def _waits(now: datetime) -> Q:
    """Return the condition of a request that waits for a decision, or of glass for its review."""
    # Nobody decides or withdraws glass. Its review may come late, so it does not lapse.
    in_time = Q(expires_at__gte=now) | Q(kind=str(GLASS))
    return in_time & Q(withdrawn_at=None, decided_at=None, reviewed_at=None)
