"""People who ask, decide and use approvals, at a time that the test moves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from countenance.apps.approvals import effects, queries, services
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.using import use_approval
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record, accountable, unseal_body
from countenance.errors import WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, Role
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

REASON = "The archive in Leeds was told by its curator on 3 May"
KIND = ApprovalKind.THRESHOLD_CHANGE
WANTED = {"threshold": "0.42", "sensitive": True}
WEEKS = timedelta(days=15)  # longer than anything waits or lasts that is used once


@accountable(Action.GALLERY_TERMS_CHANGED, deed=Deed.GALLERY_TERMS)
def carry_out(
    actor: Actor,
    record: Record,
    *,
    kind: ApprovalKind,
    subject: UUID,
    payload: Any,
    fails: bool = False,
    tools: Tools,
) -> Approval:
    """Stand in for any service that needs a second person."""
    used = use_approval(actor, record, kind=kind, subject=subject, payload=payload, tools=tools)
    if fails:
        raise WrongState
    return used


class Office:
    """People of one agency who may do anything, at a time that the test moves."""

    def __init__(self, on: Any) -> None:
        self.on, self.now = on, on.tools.clock()
        self.tools = replace(on.tools, clock=lambda: self.now)
        self.people = [uuid4() for _ in range(3)]
        self.subject = uuid4()

    def actor(self, number: int, *roles: Role) -> Actor:
        held = frozenset(roles or Role)
        given = {"person": self.people[number], "roles": held, "stepped_up_at": self.now}
        return replace(self.on.actor, **given)

    def ask(self, by: int = 0, kind: ApprovalKind = KIND, **more: Any) -> Approval:
        wanted = {"subject": self.subject, "summary": "A higher threshold", "payload": WANTED}
        wanted |= {"kind": kind, "reason": REASON} | more
        made: Approval = services.ask(self.actor(by), **wanted, tools=self.tools)
        return made

    def decide(self, one: Approval, by: int = 1, approve: bool = True) -> Approval:
        return services.decide(
            self.actor(by), approval=one, approve=approve, reason="Agreed", tools=self.tools
        )

    def use(self, by: int = 0, kind: ApprovalKind = KIND, **more: Any) -> Approval:
        wanted = {"subject": self.subject, "payload": WANTED} | more
        used: Approval = carry_out(self.actor(by), kind=kind, **wanted, tools=self.tools)
        return used

    def is_approved(self, kind: ApprovalKind = KIND, **more: Any) -> bool:
        wanted = {"subject": self.subject, "payload": WANTED} | more
        return queries.is_approved(self.actor(2), kind=kind, **wanted, tools=self.tools)

    def break_glass(self, by: int = 0) -> Approval:
        return services.break_glass(
            self.actor(by, Role.SUPERVISOR), case_id=self.subject, reason=REASON, tools=self.tools
        )

    def review(self, one: Approval, by: int = 1, justified: bool = True) -> Approval:
        return services.review_glass(
            self.actor(by, Role.AUDITOR),
            approval=one,
            justified=justified,
            reason="The child was found within the hour",
            tools=self.tools,
        )

    def glass_until(self) -> Any:
        return queries.glass_until(self.subject, self.now, agency=self.on.agency.pk)

    def last_entry(self) -> Any:
        row = LedgerRow.objects.order_by("-index").first()
        assert row is not None
        body = unseal_body(row, keyring=self.tools.keyring)
        assert body is not None
        return row, json.loads(body[1])["facts"]


def run_sql(statement: str, *values: Any) -> None:
    """Change rows in the database, as somebody without any key could."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


@pytest.fixture
def office(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Three people of the deployment's agency; no other app says what the subjects are."""
    monkeypatch.setattr(effects, "_effects", {})
    return Office(deployment)
