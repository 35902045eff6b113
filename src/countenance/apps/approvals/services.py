"""Asking for an approval, deciding, withdrawing; breaking the glass and reviewing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance import policy
from countenance.apps.approvals import effects, queries
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.queries import is_approved
from countenance.apps.approvals.using import use_approval
from countenance.apps.records.models import LedgerHead
from countenance.apps.records.services import Record, accountable
from countenance.errors import InputError, NotFound, NotPermitted, ReasonMissing, WrongState
from countenance.ledger.entry import Action, canonical_json
from countenance.policy import Actor, Deed
from countenance.policy import approvals as rules
from countenance.policy.approvals import KINDS, ApprovalKind
from countenance.tools import Tools

__all__ = (
    "ask",
    "break_glass",
    "decide",
    "is_approved",
    "review_glass",
    "use_approval",
    "withdraw",
)

MAX_SUMMARY = 500


@accountable(Action.APPROVAL_ASKED, deed=Deed.APPROVAL_ASK)
def ask(
    actor: Actor,
    record: Record,
    *,
    kind: ApprovalKind,
    subject: UUID,
    summary: str,
    payload: Mapping[str, Any],
    reason: str,
    tools: Tools,
) -> Approval:
    """Ask for another person's approval of exactly this.

    Args:
        actor: who asks.
        record: filled in by `@accountable`.
        kind: what for.
        subject: the row that it is about.
        summary: what is asked for, in one sentence for whoever decides.
        payload: exactly what is asked for, without fractions; `use_approval` compares it.
        reason: why, in words.
        tools: the clock.

    Raises:
        InputError: the summary is missing or too long, or the payload is not one of this kind, or has
            no exact spelling.
        ReasonMissing: the reason is vague.
        RoleMissing: the actor's roles do not ask for this kind.
        NotFound: there is no such subject.
    """
    kind = ApprovalKind(kind)
    record.note(about=subject, kind=kind, reason=reason.strip())
    rules.permit_asking(actor, kind)
    if not 0 < len(summary.strip()) <= MAX_SUMMARY:
        raise InputError(
            f"Say in one sentence, of at most {MAX_SUMMARY} characters, what is asked."
        )
    policy.permit_reason(reason)
    effects.subject_name(actor, kind, subject)
    canonical_json(payload)
    effects.check_payload(actor, kind, subject, payload, tools=tools)
    return _write(
        actor, record, kind, subject, summary=summary, payload=payload, reason=reason, tools=tools
    )


@accountable(Action.APPROVAL_DECIDED, deed=Deed.APPROVAL_DECIDE)
def decide(
    actor: Actor, record: Record, *, approval: Approval, approve: bool, reason: str, tools: Tools
) -> Approval:
    """Approve or refuse what somebody else asked for; a decision is final.

    Raises:
        SamePerson, RoleMissing: the actor is not the one to decide.
        WrongState: it was decided, withdrawn, or has lapsed.
        ReasonMissing: why is not said.
    """
    now = tools.clock()
    record.note(about=approval.pk, approved=approve, reason=reason.strip())
    approval = _locked(actor, approval)
    facts = approval.facts
    record.note(kind=facts.kind, asked_by=facts.asked_by, subject=facts.subject)
    rules.permit_deciding(actor, facts, now=now)
    _check_reason(reason)
    until = now + KINDS[facts.kind].lasts if approve else None
    approval.decided_by, approval.decided_at, approval.usable_until = actor.person, now, until
    approval.decision = {
        "approved": approve,
        "reason": reason.strip(),
        "decided_by": str(actor.person),
        "decided_at": now.isoformat(),
        "usable_until": until.isoformat() if until else None,
    }
    approval.used = {"times": 0}
    approval.save(
        update_fields=("decision", "decided_by", "decided_at", "usable_until", "used", "uses")
    )
    return approval


@accountable(Action.APPROVAL_WITHDRAWN, deed=Deed.APPROVAL_ASK)
def withdraw(actor: Actor, record: Record, *, approval: Approval, tools: Tools) -> Approval:
    """Take back a request of one's own that nobody has decided.

    Raises:
        NotPermitted: somebody else asked for it.
        WrongState: it was decided or withdrawn already.
    """
    record.note(about=approval.pk)
    approval = _locked(actor, approval)
    rules.permit_withdrawing(actor, approval.facts)
    approval.withdrawn_at = tools.clock()
    approval.save(update_fields=("withdrawn_at",))
    return approval


@accountable(Action.GLASS_BROKEN, deed=Deed.GLASS_BREAK)
def break_glass(
    actor: Actor, record: Record, *, case_id: UUID, reason: str, tools: Tools
) -> Approval:
    """Set aside the wait for a second person for a case, at once and for four hours.

    It is alarmed at once, and an auditor reviews it within 72 hours.

    Raises:
        ReasonMissing: the reason is vague.
        NotFound: there is no such case.
        NotPermitted: a review of broken glass is overdue in this agency.
        WrongState: the glass of this case is broken already.
    """
    now = tools.clock()
    record.note(about=case_id, reason=reason.strip())
    policy.permit_reason(reason)
    effects.subject_name(actor, ApprovalKind.BREAK_GLASS, case_id)
    # Taken here already, and nothing else is: two supervisors at the same moment break it one by one, and
    # rows and ledger are counted at one moment.
    LedgerHead.objects.select_for_update().get(id=1)
    if any(rules.is_overdue(glass.facts, now=now) for glass in queries.broken_glass(actor.agency)):
        raise NotPermitted(
            "An earlier broken glass of your agency was not reviewed in time. "
            "Once an auditor has reviewed it, the glass can be broken again.",
            rule="glass.overdue",
        )
    if queries.glass_until(case_id, now, agency=actor.agency) is not None:
        raise WrongState("The glass of this case is broken already.")
    return _write(
        actor,
        record,
        ApprovalKind.BREAK_GLASS,
        case_id,
        summary=KINDS[ApprovalKind.BREAK_GLASS].words,
        payload={},
        reason=reason,
        tools=tools,
    )


@accountable(Action.GLASS_REVIEWED, deed=Deed.GLASS_REVIEW)
def review_glass(
    actor: Actor,
    record: Record,
    *,
    approval: Approval,
    justified: bool,
    reason: str,
    tools: Tools,
) -> Approval:
    """Say whether there was good reason to break the glass; if not, its effect ends at once.

    Raises:
        SamePerson, RoleMissing: the actor is not the one to review it.
        WrongState: it was reviewed already, or is no broken glass.
        ReasonMissing: why is not said.
    """
    now = tools.clock()
    record.note(about=approval.pk, justified=justified, reason=reason.strip())
    approval = _locked(actor, approval)
    facts = approval.facts
    record.note(broken_by=facts.asked_by, case=facts.subject)
    rules.permit_review(actor, facts)
    _check_reason(reason)
    record.note(overdue=rules.is_overdue(facts, now=now))
    approval.reviewed_by, approval.reviewed_at = actor.person, now
    approval.review = {
        "justified": justified,
        "reason": reason.strip(),
        "reviewed_by": str(actor.person),
        "reviewed_at": now.isoformat(),
    }
    approval.save(update_fields=("review", "reviewed_by", "reviewed_at"))
    return approval


def _write(
    actor: Actor,
    record: Record,
    kind: ApprovalKind,
    subject: UUID,
    *,
    summary: str,
    payload: Mapping[str, Any],
    reason: str,
    tools: Tools,
) -> Approval:
    """Write a request, or broken glass, which is usable at once."""
    now, rule = tools.clock(), KINDS[kind]
    expires = now + rule.waits
    until = now + rule.lasts if kind is ApprovalKind.BREAK_GLASS else None
    exact = json.loads(canonical_json(payload))
    approval = Approval(
        agency_id=actor.agency,
        kind=str(kind),
        subject=subject,
        asked_by=actor.person,
        asked_at=now,
        expires_at=expires,
        usable_until=until,
        details={
            "kind": str(kind),
            "subject": str(subject),
            "asked_by": str(actor.person),
            "asked_at": now.isoformat(),
            "expires_at": expires.isoformat(),
            "usable_until": until.isoformat() if until else None,
            "summary": summary.strip(),
            "reason": reason.strip(),
            "payload": exact,
        },
    )
    approval.save(force_insert=True)
    record.note(about=approval.pk, kind=kind, subject=subject, payload=exact)
    return approval


def _locked(actor: Actor, approval: Approval) -> Approval:
    """Return the row as it is now, locked; one of another agency does not exist."""
    rows = Approval.objects.select_for_update(no_key=True)
    found = rows.filter(agency_id=actor.agency, pk=approval.pk).first()
    if found is None:
        raise NotFound("There is no such request.")
    return found


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("Say in words why; your oversight body reads it.")
