"""People of an agency: invited, given roles by two, trained, suspended, let in anew; never by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from staff import House, begin_session, house, last_entry

from countenance.apps.agencies import inviting, queries, staff
from countenance.apps.agencies.models import Invitation, Person, SignInSession
from countenance.errors import (
    AlreadyExists,
    ApprovalNeeded,
    InputError,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    RolesConflict,
    SamePerson,
    StepUpNeeded,
    WrongState,
)
from countenance.policy import Role
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


def invite(one: House, name: str = "Ivo", email: str = "ivo@example.org") -> Any:
    with one.acting("coordinator") as (actor, tools):
        return inviting.invite_person(actor, name=name, email=email, tools=tools)


def test_a_coordinator_invites_somebody_without_any_role(one: House) -> None:
    invitation, secret = invite(one, "  Ivo ", " ivo@example.org ")
    assert last_entry(one.tools)[0] == "person.invited"
    found = queries.invitation_by_secret(secret, tools=one.tools)
    assert found.details == {"name": "Ivo", "email": "ivo@example.org", "roles": []}
    assert len(secret) >= 43, "256 random bits"
    assert secret.encode() not in bytes(found.secret_hash)
    with one.acting("coordinator") as (actor, tools):
        assert queries.pending_invitations(actor, tools=tools) == [invitation]


@pytest.mark.parametrize(
    ("name", "email"), [("", "a@b"), ("Ivo", "nowhere"), ("n" * 201, "a@b"), ("Ivo", "a@" * 200)]
)
def test_an_invitation_needs_a_name_and_an_address(one: House, name: str, email: str) -> None:
    with pytest.raises(InputError):
        invite(one, name, email)
    assert not Invitation.objects.exists()


def test_an_address_is_invited_once_while_a_link_is_pending(one: House) -> None:
    invite(one)
    with pytest.raises(AlreadyExists):
        invite(one, email="IVO@example.org")
    with pytest.raises(AlreadyExists):
        invite(one, email=one.people["supervisor"].email)


def test_an_invitation_does_not_say_who_is_known_to_other_agencies(one: House) -> None:
    other = house(one.tools, name="Other house")
    invitation, _ = invite(one, email=other.people["coordinator"].email)
    with pytest.raises(AlreadyExists, match="cannot be used here"):
        inviting.settle(invitation, tools=one.tools)


@pytest.mark.parametrize("who", ["supervisor", "auditor", "examiner", "newcomer", "custodian"])
def test_nobody_but_a_coordinator_invites(one: House, who: str) -> None:
    with one.acting(who) as (actor, tools), pytest.raises(RoleMissing):
        inviting.invite_person(actor, name="Ivo", email="ivo@example.org", tools=tools)
    assert last_entry(one.tools)[0] == "action.refused"


def test_an_invitation_that_was_used_or_withdrawn_or_has_ended_opens_nothing(one: House) -> None:
    said = set()
    used, first = invite(one, email="one@example.org")
    Invitation.objects.filter(pk=used.pk).update(accepted_at=one.tools.clock())
    withdrawn, second = invite(one, email="two@example.org")
    with one.acting("coordinator") as (actor, tools):
        inviting.withdraw_invitation(actor, invitation=withdrawn, tools=tools)
        with pytest.raises(WrongState):
            inviting.withdraw_invitation(actor, invitation=withdrawn, tools=tools)
        with pytest.raises(WrongState):
            inviting.withdraw_invitation(actor, invitation=used, tools=tools)
    _, third = invite(one, email="three@example.org")
    later = one.tools.clock() + timedelta(hours=72, seconds=1)
    for secret, tools in (
        (first, one.tools),
        (second, one.tools),
        (third, replace(one.tools, clock=lambda: later)),
        ("never was", one.tools),
        ("\udcff", one.tools),
    ):
        with pytest.raises(NotFound) as refusal:
            queries.invitation_by_secret(secret, tools=tools)
        said.add(str(refusal.value))
    assert said == {queries.UNUSABLE_LINK}
    assert queries.invitation_by_secret(third, tools=one.tools)


def test_an_invitation_of_another_agency_is_not_withdrawn(one: House) -> None:
    invitation, _ = invite(one)
    other = house(one.tools, name="Other house")
    with other.acting("coordinator") as (actor, tools), pytest.raises(NotPermitted):
        inviting.withdraw_invitation(actor, invitation=invitation, tools=tools)
    assert last_entry(one.tools)[0] == "action.refused"


def test_a_role_is_given_by_two(one: House) -> None:
    session = begin_session(one.people["newcomer"], one.tools)
    approval = ask(one, "newcomer", Role.STEWARD)
    with pytest.raises(ApprovalNeeded):
        change(one, "newcomer", Role.STEWARD)
    assert last_entry(one.tools)[0] == "action.refused"
    one.approve(approval, by="supervisor")
    change(one, "newcomer", Role.STEWARD)
    action, facts = last_entry(one.tools)
    assert action == "person.roles_changed"
    assert (facts["before"], facts["roles"]) == ([], ["steward"])
    assert facts["approved_by"] == str(one.people["supervisor"].pk)
    assert roles_of(one, "newcomer") == {Role.STEWARD}
    assert not SignInSession.objects.filter(pk=session.pk).exists(), "old roles end with it"


def test_an_approval_is_for_exactly_these_roles_of_this_person_and_once(one: House) -> None:
    one.approve(ask(one, "newcomer", Role.STEWARD), by="supervisor")
    with pytest.raises(ApprovalNeeded):
        change(one, "newcomer", Role.STEWARD, Role.SUPERVISOR)
    with pytest.raises(ApprovalNeeded):
        change(one, "examiner", Role.EXAMINER, Role.SUPERVISOR)
    change(one, "newcomer", Role.STEWARD)
    change(one, "newcomer")
    with pytest.raises(ApprovalNeeded):
        change(one, "newcomer", Role.STEWARD)
    assert roles_of(one, "newcomer") == set()


def test_a_coordinator_does_not_approve_their_own_request(one: House) -> None:
    approval = ask(one, "newcomer", Role.STEWARD)
    with pytest.raises(SamePerson):
        one.approve(approval, by="coordinator")


def test_roles_are_taken_away_by_one_and_recorded(one: House) -> None:
    change(one, "examiner")
    assert roles_of(one, "examiner") == set()
    assert last_entry(one.tools)[1]["before"] == ["examiner"]


def test_an_auditors_role_is_not_taken_away_by_one(one: House) -> None:
    with pytest.raises(ApprovalNeeded):
        change(one, "auditor")
    with one.acting("coordinator") as (actor, tools), pytest.raises(ApprovalNeeded):
        staff.suspend_person(actor, person=one.people["auditor"], reason="A nuisance", tools=tools)
    assert last_entry(one.tools)[0] == "action.refused"
    approval = ask(one, "auditor")
    assert approval.kind == ApprovalKind.AUDITOR_REMOVAL
    with pytest.raises(SamePerson):
        one.approve(approval, by="auditor")
    one.approve(approval, by="supervisor")
    change(one, "auditor")
    assert roles_of(one, "auditor") == set()


def test_an_auditor_is_suspended_when_a_supervisor_agreed(one: House) -> None:
    one.approve(ask(one, "auditor"), by="supervisor")
    with one.acting("coordinator") as (actor, tools):
        staff.suspend_person(actor, person=one.people["auditor"], reason="Left us", tools=tools)
    assert Person.objects.get(pk=one.people["auditor"].pk).suspended


def test_roles_that_exclude_each_other_are_refused_and_recorded(one: House) -> None:
    for do in (ask, change):
        with pytest.raises(RolesConflict):
            do(one, "newcomer", Role.EXAMINER, Role.AUDITOR)
        assert last_entry(one.tools)[0] == "action.refused"


def test_an_agency_makes_no_custodian(one: House) -> None:
    for do in (ask, change):
        with pytest.raises(NotPermitted):
            do(one, "newcomer", Role.CUSTODIAN)


def test_what_somebody_holds_already_is_not_asked_for(one: House) -> None:
    with pytest.raises(InputError):
        ask(one, "examiner", Role.EXAMINER)
    with one.acting("coordinator") as (actor, tools), pytest.raises(ReasonMissing):
        staff.ask_for_roles(
            actor, person=one.people["newcomer"], roles=[Role.STEWARD], reason="yes", tools=tools
        )


def test_nobody_changes_anything_of_their_own(one: House) -> None:
    me = one.people["coordinator"]
    with one.acting("coordinator") as (actor, tools):
        for service, said in (
            (staff.ask_for_roles, {"roles": [Role.SUPERVISOR], "reason": REASON}),
            (staff.change_roles, {"roles": []}),
            (staff.record_training, {"trained_until": None, "certified_until": None}),
            (staff.suspend_person, {"reason": REASON}),
            (staff.restore_person, {"reason": REASON}),
            (staff.reinvite_person, {}),
            (staff.ask_for_recovery, {"reason": REASON}),
        ):
            with pytest.raises(SamePerson):
                service(actor, person=me, tools=tools, **said)
            assert last_entry(one.tools)[0] == "action.refused", service.__name__


def test_nobody_changes_people_of_another_agency(one: House) -> None:
    other = house(one.tools, name="Other house")
    for who in ("coordinator", "newcomer"):
        for service, said in (
            (staff.ask_for_roles, {"roles": [Role.SUPERVISOR], "reason": REASON}),
            (staff.change_roles, {"roles": []}),
            (staff.record_training, {"trained_until": None, "certified_until": None}),
            (staff.suspend_person, {"reason": REASON}),
            (staff.restore_person, {"reason": REASON}),
            (staff.reinvite_person, {}),
            (staff.ask_for_recovery, {"reason": REASON}),
        ):
            with other.acting("coordinator") as (actor, tools), pytest.raises(NotPermitted):
                service(actor, person=one.people[who], tools=tools, **said)
            assert last_entry(one.tools)[0] == "action.refused", service.__name__


@pytest.mark.parametrize("who", ["supervisor", "auditor", "examiner", "newcomer"])
def test_nobody_but_a_coordinator_looks_after_people(one: House, who: str) -> None:
    target = one.people["examiner" if who != "examiner" else "newcomer"]
    with one.acting(who) as (actor, tools):
        for service, said in (
            (staff.change_roles, {"roles": []}),
            (staff.record_training, {"trained_until": None, "certified_until": None}),
            (staff.suspend_person, {"reason": REASON}),
            (staff.restore_person, {"reason": REASON}),
            (staff.reinvite_person, {}),
        ):
            with pytest.raises(RoleMissing):
                service(actor, person=target, tools=tools, **said)


def test_each_change_needs_a_fresh_proof(one: House) -> None:
    actor, target = one.people["coordinator"].actor, one.people["newcomer"]
    with pytest.raises(StepUpNeeded):
        staff.change_roles(actor, person=target, roles=[], tools=one.tools)
    with pytest.raises(StepUpNeeded):
        staff.suspend_person(actor, person=target, reason=REASON, tools=one.tools)
    with pytest.raises(StepUpNeeded):
        staff.reinvite_person(actor, person=target, tools=one.tools)
