"""Broken glass: at once, alarmed, reviewed by somebody else, and not again while a review is overdue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import four_eyes
import pytest
from factories import other_agency
from four_eyes import REASON, Office, run_sql

from countenance.apps.approvals import queries, services
from countenance.apps.approvals.models import Approval
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import using_keyring
from countenance.errors import (
    ApprovalNeeded,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    TamperDetected,
    WrongState,
)
from countenance.policy import Role
from countenance.policy.approvals import ApprovalKind

office = four_eyes.office


def test_broken_glass_takes_effect_at_once_for_four_hours_and_is_alarmed(office: Office) -> None:
    assert office.glass_until() is None
    one = office.break_glass()
    assert office.glass_until() == office.now + timedelta(hours=4)
    for role in (Role.AUDITOR, Role.SUPERVISOR):
        (alarm,) = queries.open_alarms(office.actor(1, role), now=office.now)
        assert (alarm.approval, alarm.case, alarm.overdue) == (one.pk, office.subject, False)
        assert alarm.review_by == office.now + timedelta(hours=72)
    assert queries.open_alarms(office.actor(1, Role.STEWARD), now=office.now) == []
    assert queries.waiting_for(office.actor(1, Role.AUDITOR), now=office.now) == 1
    with pytest.raises(WrongState, match="broken already"):
        office.break_glass()
    office.now += timedelta(hours=4)
    assert office.glass_until() is not None
    office.now += timedelta(microseconds=1)
    assert office.glass_until() is None


def test_broken_glass_needs_a_supervisor_and_a_reason_that_says_something(office: Office) -> None:
    for role in set(Role) - {Role.SUPERVISOR}:
        with pytest.raises(RoleMissing):
            services.break_glass(
                office.actor(0, role), case_id=uuid4(), reason=REASON, tools=office.tools
            )
    with pytest.raises(ReasonMissing):
        services.break_glass(office.actor(0), case_id=uuid4(), reason="urgent", tools=office.tools)


def test_broken_glass_is_reviewed_by_an_auditor_who_is_somebody_else(office: Office) -> None:
    one = office.break_glass()
    with pytest.raises(SamePerson):
        office.review(one, by=0)
    office.review(one)
    assert queries.open_alarms(office.actor(2), now=office.now) == []
    assert office.glass_until() is not None
    with pytest.raises(WrongState):
        office.review(one, by=2)
    assert LedgerRow.objects.filter(action="glass.reviewed", about=one.pk).count() == 1


def test_broken_glass_loses_its_effect_when_the_review_finds_no_good_reason(office: Office) -> None:
    office.review(office.break_glass(), justified=False)
    assert office.glass_until() is None
    office.break_glass()
    assert office.glass_until() is not None


def test_broken_glass_is_not_broken_again_while_a_review_is_overdue(office: Office) -> None:
    first = office.break_glass()
    office.now += timedelta(hours=72)
    second = office.break_glass()
    office.now += timedelta(microseconds=1)
    alarms = queries.open_alarms(office.actor(1), now=office.now)
    assert [alarm.overdue for alarm in alarms] == [True, False]
    office.subject = uuid4()
    with pytest.raises(NotPermitted) as refused:
        office.break_glass()
    assert refused.value.rule == "glass.overdue"
    office.review(first)
    _, facts = office.last_entry()
    assert facts["overdue"] is True
    assert second.pk != office.break_glass().pk


def test_broken_glass_of_another_agency_neither_helps_nor_harms_a_case(office: Office) -> None:
    stranger = replace(other_agency(office.on), stepped_up_at=office.now)
    services.break_glass(stranger, case_id=office.subject, reason=REASON, tools=office.tools)
    with using_keyring(office.tools.keyring.only(office.on.agency.pk)):
        assert office.glass_until() is None
        assert queries.open_alarms(office.actor(0), now=office.now) == []


def test_broken_glass_approves_nothing_that_has_to_be_asked_for(office: Office) -> None:
    office.break_glass()
    with pytest.raises(ApprovalNeeded):
        office.use(kind=ApprovalKind.BREAK_GLASS, payload=None)


def test_a_review_that_is_written_into_the_database_counts_for_nothing(office: Office) -> None:
    one = office.break_glass()
    office.now += timedelta(hours=73)
    run_sql(
        "UPDATE approvals_approval SET reviewed_at = now(), reviewed_by = %s WHERE id = %s",
        uuid4(),
        one.pk,
    )
    with pytest.raises(TamperDetected):
        office.break_glass()
    with pytest.raises(TamperDetected):
        office.review(one)


def test_broken_glass_that_is_deleted_is_missed(office: Office) -> None:
    one = office.break_glass()
    office.now += timedelta(hours=73)
    run_sql("DELETE FROM approvals_approval WHERE id = %s", one.pk)
    with pytest.raises(TamperDetected):
        office.break_glass()


def test_broken_glass_is_neither_lengthened_nor_moved_to_another_case(office: Office) -> None:
    one, other = office.break_glass(), uuid4()
    change = "UPDATE approvals_approval SET usable_until = usable_until + interval '1 year'"
    run_sql(f"{change} WHERE id = %s", one.pk)
    with pytest.raises(TamperDetected):
        office.glass_until()
    run_sql("UPDATE approvals_approval SET usable_until = %s", one.usable_until)
    assert office.glass_until() is not None
    run_sql("UPDATE approvals_approval SET subject = %s WHERE id = %s", other, one.pk)
    with pytest.raises(TamperDetected):
        queries.glass_until(other, office.now, agency=office.on.agency.pk)
    assert Approval.objects.count() == 1
