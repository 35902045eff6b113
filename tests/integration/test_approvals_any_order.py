"""Approvals in any order of steps, and approvals that somebody wrote into the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import four_eyes
import pytest
from four_eyes import WANTED, Office, run_sql
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from countenance.apps.approvals import services
from countenance.apps.approvals.models import Approval
from countenance.errors import (
    ApprovalNeeded,
    NotPermitted,
    SamePerson,
    SealBroken,
    TamperDetected,
    WrongState,
)
from countenance.policy.approvals import KINDS, ApprovalKind

office = four_eyes.office

PAYLOADS = [{"threshold": "0.4"}, {"threshold": "0.5"}]
ONCE, OFTEN = ApprovalKind.THRESHOLD_CHANGE, ApprovalKind.SENSITIVE_GALLERY
PEOPLE, FEW = st.integers(0, 2), st.integers(0, 1)


@dataclass
class Known:
    """What a request should be like by now."""

    row: Approval
    kind: ApprovalKind
    what: tuple[int, int]
    by: int
    until: datetime
    decider: int | None = None
    approved: bool = False
    withdrawn: bool = False
    uses: int = 0

    def usable(self, now: datetime) -> bool:
        most = KINDS[self.kind].uses
        given = self.approved and not self.withdrawn and now <= self.until
        return given and (most is None or self.uses < most)


class Steps(RuleBasedStateMachine):
    """Three people do anything in any order; the simple model beside says what may come of it."""

    office: Office

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.office.subject = uuid4()
        # The second subject is a person: nobody decides about themselves.
        self.subjects: list[UUID] = [self.office.subject, self.office.people[2]]
        self.earlier = set(Approval.objects.values_list("pk", flat=True))

    def _one(self, number: int) -> Known | None:
        return self.known[number % len(self.known)] if self.known else None

    @rule(by=PEOPLE, kind=st.sampled_from([ONCE, OFTEN]), subject=FEW, payload=FEW)
    def ask(self, by: int, kind: ApprovalKind, subject: int, payload: int) -> None:
        row = self.office.ask(by, kind, subject=self.subjects[subject], payload=PAYLOADS[payload])
        until = self.office.now + KINDS[kind].waits
        self.known.append(Known(row, kind, (subject, payload), by, until))

    @rule(number=st.integers(0, 9), by=PEOPLE, approve=st.booleans())
    def decide(self, number: int, by: int, approve: bool) -> None:
        one = self._one(number)
        if one is None:
            return
        refusal: type[Exception] | None = None
        if by == one.by or (one.what[0] == 1 and by == 2):
            refusal = SamePerson
        elif one.withdrawn or one.decider is not None or self.office.now > one.until:
            refusal = WrongState
        if refusal is not None:
            with pytest.raises(refusal):
                self.office.decide(one.row, by, approve)
            return
        self.office.decide(one.row, by, approve)
        one.decider, one.approved = by, approve
        one.until = self.office.now + KINDS[one.kind].lasts

    @rule(number=st.integers(0, 9), by=PEOPLE)
    def withdraw(self, number: int, by: int) -> None:
        one = self._one(number)
        if one is None:
            return
        actor = self.office.actor(by)
        may = by == one.by and not one.withdrawn and one.decider is None
        if not may:
            with pytest.raises((NotPermitted, WrongState)):
                services.withdraw(actor, approval=one.row, tools=self.office.tools)
            return
        services.withdraw(actor, approval=one.row, tools=self.office.tools)
        one.withdrawn = True

    @rule(by=PEOPLE, kind=st.sampled_from([ONCE, OFTEN]), subject=FEW, payload=FEW)
    def use(self, by: int, kind: ApprovalKind, subject: int, payload: int) -> None:
        wanted: dict[str, Any] = {
            "subject": self.subjects[subject],
            "payload": PAYLOADS[payload],
        }
        usable = {
            one.row.pk: one
            for one in self.known
            if (one.kind, one.what) == (kind, (subject, payload)) and one.usable(self.office.now)
        }
        assert self.office.is_approved(kind, **wanted) == bool(usable)
        if not usable:
            with pytest.raises(ApprovalNeeded):
                self.office.use(by, kind, **wanted)
            return
        used = usable[self.office.use(by, kind, **wanted).pk]
        used.uses += 1
        assert used.decider != used.by

    @rule(hours=st.sampled_from([1, 24, 24 * 7, 24 * 91]))
    def wait(self, hours: int) -> None:
        self.office.now += timedelta(hours=hours)

    @invariant()
    def every_row_says_what_happened(self) -> None:
        rows = {row.pk: row for row in Approval.objects.exclude(pk__in=self.earlier)}
        assert set(rows) == {one.row.pk for one in self.known}
        for one in self.known:
            facts = rows[one.row.pk].facts
            assert (facts.approved, facts.uses) == (one.approved, one.uses)
            assert facts.decided_by != facts.asked_by
            most = KINDS[one.kind].uses
            assert most is None or facts.uses <= most


@pytest.mark.slow
def test_no_order_of_steps_gives_an_approval_that_another_person_did_not_give(
    office: Office,
) -> None:
    def fresh() -> Steps:
        Steps.office = four_eyes.Office(office.on)
        return Steps()

    run_state_machine_as_test(
        fresh,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )


CHANGES = {
    "the subject": "subject = %(other)s",
    "the asker": "asked_by = %(other)s",
    "the decider": "decided_by = %(other)s",
    "when it was asked": "asked_at = asked_at - interval '1 day'",
    "until when it waits": "expires_at = expires_at + interval '1 year'",
    "when it was decided": "decided_at = decided_at - interval '1 hour'",
    "until when it lasts": "usable_until = usable_until + interval '1 year'",
    "how often it was used": "uses = 7",
    "a review": "reviewed_at = now(), reviewed_by = %(other)s",
    "the sealed count": "used = NULL",
    "the sealed decision": "decision = NULL",
}


def _change(one: Approval, change: str, **values: Any) -> None:
    values = {"id": one.pk, "other": uuid4()} | values
    for name, value in values.items():
        change = change.replace(f"%({name})s", f"'{value}'")
    run_sql(f"UPDATE approvals_approval SET {change} WHERE id = %s", one.pk)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_approved_row_that_was_changed_in_the_database_stops_everything(
    office: Office, change: str
) -> None:
    one, other = office.ask(), uuid4()
    office.decide(one)
    _change(one, change, other=other)
    subject = other if change.startswith("subject") else office.subject
    with pytest.raises(TamperDetected):
        office.use(subject=subject)
    with pytest.raises(TamperDetected):
        office.is_approved(subject=subject)


def test_an_approval_that_is_written_into_the_database_gives_nothing(office: Office) -> None:
    one = office.ask()
    _change(
        one,
        "decided_by = %(other)s, decided_at = now(), usable_until = now() + interval '1 day'",
    )
    with pytest.raises(TamperDetected):
        office.use()


def test_a_decision_that_is_copied_from_another_request_gives_nothing(office: Office) -> None:
    given, wanted = office.ask(payload={}), office.ask()
    office.decide(given)
    run_sql(
        "UPDATE approvals_approval w SET decided_by = a.decided_by, decided_at = a.decided_at,"
        " usable_until = a.usable_until, decision = a.decision, used = a.used"
        " FROM approvals_approval a WHERE a.id = %s AND w.id = %s",
        given.pk,
        wanted.pk,
    )
    with pytest.raises(SealBroken):
        office.use()


def test_a_copy_of_an_approved_row_gives_nothing(office: Office) -> None:
    one = office.ask()
    office.decide(one)
    office.use()
    columns = [field.column for field in Approval._meta.concrete_fields if field.name != "id"]
    names = ", ".join(columns)
    run_sql(
        f"INSERT INTO approvals_approval (id, {names}) SELECT %s, {names} FROM approvals_approval",
        uuid4(),
    )
    with pytest.raises(SealBroken):
        office.use()


@pytest.mark.parametrize("change", ["uses = 0", "uses = 0, used = NULL"])
def test_a_use_that_is_uncounted_in_the_database_is_not_repeated(
    office: Office, change: str
) -> None:
    one = office.ask()
    office.decide(one)
    office.use()
    _change(one, change)
    with pytest.raises(TamperDetected):
        office.use()


def test_a_request_whose_time_is_lengthened_in_the_database_is_not_decided(
    office: Office,
) -> None:
    one = office.ask()
    office.now += timedelta(days=8)
    _change(one, "expires_at = expires_at + interval '1 year'")
    with pytest.raises(TamperDetected):
        office.decide(one)
    assert office.ask(payload=WANTED).expires_at > office.now
