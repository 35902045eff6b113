"""Training, suspension and recovery of accounts: at once, on record, and of roles only by two."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from staff import House, begin_session, house, last_entry

from countenance.apps.agencies import inviting, queries, services, staff
from countenance.apps.agencies.models import Invitation, Person, SignInSession
from countenance.apps.approvals import services as approvals
from countenance.errors import (
    ApprovalNeeded,
    NotFound,
    NotPermitted,
    ReasonMissing,
    SamePerson,
    WrongState,
)
from countenance.policy import SYSTEM, Role
from countenance.policy.approvals import ApprovalKind

REASON = "Took over the desk of Ivo on 3 May"


@pytest.fixture
def one(deployment: Any) -> House:
    return house(deployment.tools, roles=(Role.AUDITOR, Role.EXAMINER))


def ask(one: House, who: str, *roles: Role, by: str = "coordinator") -> Any:
    with one.acting(by) as (actor, tools):
        return staff.ask_for_roles(
            actor, person=one.people[who], roles=roles, reason=REASON, tools=tools
        )


def change(one: House, who: str, *roles: Role, by: str = "coordinator") -> Person:
    with one.acting(by) as (actor, tools):
        return staff.change_roles(actor, person=one.people[who], roles=roles, tools=tools)


def roles_of(one: House, who: str) -> set[Role]:
    return set(Person.objects.get(pk=one.people[who].pk).roles)


def test_training_and_certificate_are_recorded(one: House) -> None:
    with one.acting("coordinator") as (actor, tools):
        person = staff.record_training(
            actor,
            person=one.people["examiner"],
            trained_until=date(2027, 3, 1),
            certified_until=None,
            tools=tools,
        )
    assert (person.trained_until, person.certified_until) == (date(2027, 3, 1), None)
    assert last_entry(one.tools) == (
        "person.training_recorded",
        {"trained_until": "2027-03-01", "certified_until": None},
    )
    assert roles_of(one, "examiner") == {Role.EXAMINER}


def test_suspending_somebody_ends_their_sessions_at_once_and_only_theirs(one: House) -> None:
    begin_session(one.people["examiner"], one.tools)
    begin_session(one.people["examiner"], one.tools)
    kept = begin_session(one.people["supervisor"], one.tools)
    with one.acting("coordinator") as (actor, tools):
        staff.suspend_person(actor, person=one.people["examiner"], reason=REASON, tools=tools)
        assert last_entry(one.tools)[1]["sessions_ended"] == 2
        with pytest.raises(WrongState):
            staff.suspend_person(actor, person=one.people["examiner"], reason=REASON, tools=tools)
        assert list(SignInSession.objects.all()) == [kept]
        assert Person.objects.get(pk=one.people["examiner"].pk).suspended
        staff.restore_person(actor, person=one.people["examiner"], reason=REASON, tools=tools)
        with pytest.raises(WrongState):
            staff.restore_person(actor, person=one.people["examiner"], reason=REASON, tools=tools)
    assert last_entry(one.tools)[0] == "person.restored"
    assert roles_of(one, "examiner") == {Role.EXAMINER}


def test_a_suspension_says_why(one: House) -> None:
    with one.acting("coordinator") as (actor, tools):
        for service in (staff.suspend_person, staff.restore_person):
            with pytest.raises(ReasonMissing):
                service(actor, person=one.people["examiner"], reason=" ", tools=tools)


def test_custodians_suspend_each_other_and_nobody_elses_people(one: House) -> None:
    second = services.add_person(
        SYSTEM,
        agency=one.custodian.agency,
        name="Dora",
        email="dora@example.org",
        password=None,
        roles=[Role.CUSTODIAN],
        tools=one.tools,
    )
    with one.acting("custodian") as (actor, tools):
        staff.suspend_person(actor, person=second, reason=REASON, tools=tools)
        with pytest.raises(NotPermitted):
            staff.suspend_person(actor, person=one.people["examiner"], reason=REASON, tools=tools)
        with pytest.raises(SamePerson):
            staff.suspend_person(actor, person=one.custodian, reason=REASON, tools=tools)
        with pytest.raises(NotPermitted, match="invite their e-mail address"):
            staff.reinvite_person(actor, person=second, tools=tools)


def test_somebody_without_roles_is_let_in_anew_by_a_coordinator(one: House) -> None:
    person = one.people["newcomer"]
    begin_session(person, one.tools)
    with one.acting("coordinator") as (actor, tools):
        first, old = staff.reinvite_person(actor, person=person, tools=tools)
        _, secret = staff.reinvite_person(actor, person=person, tools=tools)
    assert not SignInSession.objects.exists()
    found = queries.invitation_by_secret(secret, tools=one.tools)
    assert found.details["replaces"] == str(person.pk)
    assert inviting.settle(found, tools=one.tools) == []
    with pytest.raises(NotFound):
        queries.invitation_by_secret(old, tools=one.tools)
    assert Invitation.objects.get(pk=first.pk).withdrawn_at


def test_an_account_with_roles_is_let_in_anew_by_two(one: House) -> None:
    person = one.people["examiner"]
    with one.acting("coordinator") as (actor, tools):
        with pytest.raises(ApprovalNeeded):
            staff.reinvite_person(actor, person=person, tools=tools)
        approval = staff.ask_for_recovery(actor, person=person, reason=REASON, tools=tools)
    one.approve(approval, by="supervisor")
    with one.acting("coordinator") as (actor, tools):
        invitation, _ = staff.reinvite_person(actor, person=person, tools=tools)
        with pytest.raises(ApprovalNeeded):
            staff.reinvite_person(actor, person=person, tools=tools)
    assert invitation.details["roles"] == ["examiner"]


def test_an_approved_role_is_no_approval_to_take_over_the_account(one: House) -> None:
    one.approve(ask(one, "examiner", Role.EXAMINER, Role.SUPERVISOR), by="supervisor")
    change(one, "examiner", Role.EXAMINER, Role.SUPERVISOR)
    one.approve(ask(one, "newcomer", Role.STEWARD), by="supervisor")
    with one.acting("coordinator") as (actor, tools), pytest.raises(ApprovalNeeded):
        staff.reinvite_person(actor, person=one.people["examiner"], tools=tools)


def test_an_auditors_account_is_taken_over_with_an_auditors_or_supervisors_yes_only(
    one: House,
) -> None:
    with one.acting("coordinator") as (actor, tools):
        approval = staff.ask_for_recovery(
            actor, person=one.people["auditor"], reason=REASON, tools=tools
        )
    assert approval.kind == ApprovalKind.AUDITOR_REMOVAL


def test_a_suspended_person_is_not_let_in_anew(one: House) -> None:
    with one.acting("coordinator") as (actor, tools):
        staff.suspend_person(actor, person=one.people["newcomer"], reason=REASON, tools=tools)
        with pytest.raises(WrongState):
            staff.reinvite_person(actor, person=one.people["newcomer"], tools=tools)


def test_what_is_approved_is_said_in_words(one: House) -> None:
    from countenance.apps.approvals.effects import payload_words, subject_name

    approval = ask(one, "newcomer", Role.STEWARD)
    with one.acting("supervisor") as (actor, _):
        said = dict(payload_words(actor, approval.kind, approval.subject, approval.payload))
        assert subject_name(actor, approval.kind, approval.subject) == "Newcomer"
    assert said["Roles they would have"] == "steward"
    other = house(one.tools, name="Other house")
    with other.acting("coordinator") as (actor, tools), pytest.raises(NotFound):
        approvals.ask(
            actor,
            kind=ApprovalKind.ROLE_GRANT,
            subject=one.people["newcomer"].pk,
            summary="Somebody else's",
            payload=staff.roles_payload([Role.STEWARD]),
            reason=REASON,
            tools=tools,
        )
