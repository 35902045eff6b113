"""Admitting agencies and inviting their first people: on record, under the right keys, by a custodian only."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from staff import House, begin_session, house, last_entry

from countenance.apps.agencies import inviting, queries, services
from countenance.apps.agencies.models import (
    Agency,
    Invitation,
    Person,
    SignInSession,
    VettingDocument,
)
from countenance.apps.records.sealed import using_keyring
from countenance.errors import (
    AlreadyExists,
    Conflict,
    InputError,
    KeyUnavailable,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    StepUpNeeded,
    Suspended,
    WrongState,
)
from countenance.policy import SYSTEM, Role
from countenance.tools import Tools

VETTING = services.Vetting(
    checked_by="Cleo, head of office", checked_on=date(2026, 1, 5), what="Founding law and duty"
)


@pytest.fixture
def one(deployment: Any) -> House:
    return house(deployment.tools)


def admit(one: House, **said: Any) -> Agency:
    given = {"name": "Newly admitted", "vetting": VETTING, **said}
    with one.acting("custodian") as (actor, tools):
        return services.admit_agency(actor, tools=tools, **given)


def invite(one: House, agency: Agency, role: Role = Role.COORDINATOR, **said: Any) -> Any:
    given = {"name": "Cora", "email": "cora@example.org", **said}
    with one.acting("custodian") as (actor, tools):
        return inviting.invite_first(actor, agency=agency, role=role, tools=tools, **given)


def accepted(invitation: Invitation, tools: Tools) -> Person:
    """Make the account of an invitation, as accepting it does."""
    person = services.add_person(
        SYSTEM,
        agency=invitation.agency,
        name=invitation.details["name"],
        email=invitation.details["email"],
        password=None,
        roles=[Role(role) for role in invitation.details["roles"]],
        tools=tools,
    )
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=tools.clock())
    return person


def settled(invitation: Invitation, one: House) -> Any:
    """Judge an invitation as accepting it does."""
    with transaction.atomic():
        return inviting.settle(invitation, tools=one.tools)


def test_a_custodian_admits_an_agency_with_its_vetting(one: House) -> None:
    agency = admit(one, pack="maryland", documents=[("law.pdf", b"%PDF-a law"), ("b.txt", b"b")])
    action, facts = last_entry(one.tools)
    assert (action, facts["pack"], facts["documents"]) == ("agency.admitted", "maryland", 2)
    with one.acting("custodian") as (actor, tools):
        found = queries.agency_by_name(" newly ADMITTED ")
        assert (found.pk, found.pack, found.vetting["checked_by"]) == (
            agency.pk,
            "maryland",
            "Cleo, head of office",
        )
        document = queries.vetting_documents(found)[0]
        assert document.details == {"file_name": "law.pdf", "bytes": 10}
        data = services.view_vetting_document(actor, document=document, tools=tools)
    assert data == b"%PDF-a law"
    assert last_entry(one.tools)[0] == "vetting.viewed"


def test_a_custodian_does_not_admit_an_agency_without_vetting(one: House) -> None:
    with pytest.raises(InputError, match="who checked"):
        admit(one, vetting=None)
    with pytest.raises(InputError, match="names who"):
        admit(one, vetting=services.Vetting(checked_by=" ", checked_on=date(2026, 1, 1), what="x"))
    with pytest.raises(InputError, match="future"):
        admit(one, vetting=services.Vetting(checked_by="x", checked_on=date(2999, 1, 1), what="x"))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"name": "  "}, InputError),
        ({"name": "n" * 201}, InputError),
        ({"name": "HOUSE"}, AlreadyExists),
        ({"pack": "no such pack"}, InputError),
        ({"documents": [("empty", b"")]}, InputError),
        ({"documents": [("x", b"x")] * 11}, InputError),
        ({"documents": [("large", bytes(services.MAX_DOCUMENT_BYTES + 1))]}, InputError),
        ({"custodial": True}, NotPermitted),
    ],
)
def test_what_cannot_be_admitted_leaves_no_row(
    one: House, said: dict[str, Any], error: type[Exception]
) -> None:
    before = Agency.objects.count()
    with pytest.raises(error):
        admit(one, **said)
    assert Agency.objects.count() == before
    assert not VettingDocument.objects.exists()


@pytest.mark.parametrize("name", ["coordinator", "supervisor", "newcomer"])
def test_nobody_else_admits_changes_or_suspends_an_agency(one: House, name: str) -> None:
    with one.acting(name) as (actor, tools):
        for service, said in (
            (services.admit_agency, {"name": "Mine", "vetting": VETTING}),
            (services.change_agency, {"agency": one.agency, "pack": "default", "listed": True}),
            (services.suspend_agency, {"agency": one.agency, "reason": "because"}),
            (services.restore_agency, {"agency": one.agency, "reason": "because"}),
        ):
            with pytest.raises(RoleMissing):
                service(actor, tools=tools, **said)
            assert last_entry(one.tools)[0] == "action.refused"


def test_admitting_needs_a_fresh_proof(one: House) -> None:
    actor, before = one.custodian.actor, last_entry(one.tools)
    with pytest.raises(StepUpNeeded):
        services.admit_agency(actor, name="x", vetting=VETTING, tools=one.tools)
    assert last_entry(one.tools) == before


def test_a_pack_and_a_listing_are_changed(one: House) -> None:
    with one.acting("custodian") as (actor, tools):
        services.change_agency(
            actor, agency=one.agency, pack="humanitarian", listed=False, tools=tools
        )
        with pytest.raises(InputError):
            services.change_agency(actor, agency=one.agency, pack="none", listed=False, tools=tools)
    action, facts = last_entry(one.tools)
    assert (action, facts["pack_before"]) == ("agency.changed", "default")
    one.agency.refresh_from_db()
    assert (one.agency.pack, one.agency.standing["listed"]) == ("humanitarian", False)


def test_an_unlisted_agency_is_known_to_no_other(one: House) -> None:
    other = house(one.tools, name="Other house")
    with other.acting("coordinator") as (actor, _):
        assert (one.agency.pk, "House") in queries.directory(actor)
    with one.acting("custodian") as (actor, tools):
        services.change_agency(actor, agency=one.agency, pack="default", listed=False, tools=tools)
    with other.acting("coordinator") as (actor, _):
        assert one.agency.pk not in dict(queries.directory(actor))
        assert "House" not in repr(Agency.objects.get(pk=one.agency.pk).standing)


def test_suspending_an_agency_ends_every_session_of_it_at_once(one: House) -> None:
    other = house(one.tools, name="Other house")
    for name in ("coordinator", "supervisor"):
        begin_session(one.people[name], one.tools)
    kept = begin_session(other.people["coordinator"], one.tools)
    with one.acting("custodian") as (actor, tools):
        services.suspend_agency(actor, agency=one.agency, reason="Lost its mandate", tools=tools)
        with pytest.raises(WrongState):
            services.suspend_agency(actor, agency=one.agency, reason="Twice", tools=tools)
    assert list(SignInSession.objects.all()) == [kept]
    with one.acting("coordinator"):
        found = Agency.objects.get(pk=one.agency.pk)
        assert found.suspended
        assert "mandate" not in repr(found.standing), "why is for custodians"
    with one.acting("custodian") as (actor, tools):
        services.restore_agency(actor, agency=one.agency, reason="It has one again", tools=tools)
        with pytest.raises(WrongState):
            services.restore_agency(actor, agency=one.agency, reason="Twice", tools=tools)
    assert last_entry(one.tools)[0] == "agency.restored"
    assert not Agency.objects.get(pk=one.agency.pk).suspended


def test_a_suspension_says_why(one: House) -> None:
    with one.acting("custodian") as (actor, tools):
        for service in (services.suspend_agency, services.restore_agency):
            with pytest.raises(ReasonMissing):
                service(actor, agency=one.agency, reason=" ", tools=tools)


def test_the_custodians_own_agency_is_not_suspended(one: House) -> None:
    home = one.custodian.agency
    with one.acting("custodian") as (actor, tools):
        with pytest.raises(NotPermitted):
            services.suspend_agency(actor, agency=home, reason="By mistake", tools=tools)
        with pytest.raises(NotPermitted):
            services.change_agency(actor, agency=home, pack="default", listed=True, tools=tools)
    assert last_entry(one.tools)[0] == "action.refused"


def test_with_one_agencys_keys_nothing_of_another_opens(one: House) -> None:
    other = house(one.tools, name="Other house")
    with other.acting("coordinator") as (actor, tools):
        inviting.invite_person(actor, name="Ivo", email="ivo@example.org", tools=tools)
    document = queries.vetting_documents(admit(one, documents=[("a", b"a")]))[0]
    sent, _ = invite(one, other.agency, name="Uma", email="uma@example.org", role=Role.AUDITOR)
    theirs = other.people["coordinator"].pk
    with one.acting("coordinator") as (actor, tools):
        assert {row.agency_id for row in queries.people(actor)} == {one.agency.pk}
        assert queries.pending_invitations(actor, tools=tools) == []
        with pytest.raises(NotFound):
            queries.person_of(actor, theirs)
        with pytest.raises(NotFound):
            queries.person_by_email(actor, "coordinator@other-house.example.org", tools=tools)
        # Past the scoping, the key still refuses.
        for read in (
            lambda: Person.objects.get(pk=theirs).name,
            lambda: Person.objects.get(pk=theirs).email,
            lambda: Person.objects.get(pk=theirs).roles,
            lambda: Agency.objects.get(pk=other.agency.pk).own_name,
            lambda: Agency.objects.get(pk=other.agency.pk).name,
            lambda: Agency.objects.get(pk=document.agency_id).vetting,
            lambda: Invitation.objects.get(agency=other.agency, by_custodian=False).details,
            lambda: Invitation.objects.get(pk=sent.pk).details,
            lambda: VettingDocument.objects.get(pk=document.pk).details,
        ):
            with pytest.raises(KeyUnavailable):
                read()
        assert Agency.objects.get(pk=one.agency.pk).own_name == "House"


def test_a_custodian_reads_names_of_agencies_and_nothing_of_their_people(one: House) -> None:
    with one.acting("coordinator") as (actor, tools):
        inviting.invite_person(actor, name="Ivo", email="ivo@example.org", tools=tools)
    with one.acting("custodian"):
        assert "House" in {row.name for row in queries.admitted()}
        for read in (
            lambda: Agency.objects.get(pk=one.agency.pk).own_name,
            lambda: Person.objects.get(pk=one.people["coordinator"].pk).name,
            lambda: Person.objects.get(pk=one.people["coordinator"].pk).standing,
            lambda: Invitation.objects.get(agency=one.agency).details,
        ):
            with pytest.raises(KeyUnavailable):
                read()


def test_a_coordinators_request_cannot_write_an_agencys_standing(one: House) -> None:
    with one.acting("coordinator"):
        agency = Agency.objects.get(pk=one.agency.pk)
        agency.standing = {**agency.standing, "pack": "archive"}
        with pytest.raises(KeyUnavailable):
            agency.save(update_fields=("standing",))


def test_a_custodian_invites_an_agencys_first_people_with_their_roles(one: House) -> None:
    agency = admit(one)
    for role in (Role.COORDINATOR, Role.SUPERVISOR, Role.AUDITOR):
        invitation, secret = invite(one, agency, role, email=f"{role}@new.example.org")
        assert last_entry(one.tools)[1]["roles"] == [str(role)]
        found = queries.invitation_by_secret(secret, tools=one.tools)
        assert found == invitation
        assert found.details["roles"] == [str(role)]
        assert found.expires_at - found.invited_at == timedelta(hours=72)
        assert settled(found, one) == []
        assert secret.encode() not in bytes(found.secret_hash)


@pytest.mark.parametrize("role", [Role.EXAMINER, Role.INVESTIGATOR, Role.STEWARD, Role.CUSTODIAN])
def test_a_custodian_gives_no_other_role(one: House, role: Role) -> None:
    with pytest.raises(NotPermitted):
        invite(one, one.agency, role)
    assert last_entry(one.tools)[0] == "action.refused"


def test_a_coordinator_invites_no_first_people_and_a_custodian_no_others(one: House) -> None:
    with one.acting("coordinator") as (actor, tools), pytest.raises(RoleMissing):
        inviting.invite_first(
            actor, agency=one.agency, role=Role.SUPERVISOR, name="x", email="x@y", tools=tools
        )
    with one.acting("custodian") as (actor, tools), pytest.raises(RoleMissing):
        inviting.invite_person(actor, name="x", email="x@y", tools=tools)
    assert last_entry(one.tools)[0] == "action.refused"


def test_a_role_is_given_once_by_a_custodian(one: House) -> None:
    agency = admit(one)
    first, _ = invite(one, agency)
    with pytest.raises(Conflict, match="pending"):
        invite(one, agency, email="second@example.org")
    accepted(first, one.tools)
    with pytest.raises(NotPermitted, match="has its coordinator"):
        invite(one, agency, email="second@example.org")
    assert last_entry(one.tools)[0] == "action.refused"


def test_a_custodian_cannot_put_a_second_coordinator_beside_one_that_they_do_not_see(
    one: House,
) -> None:
    # The house was made without a custodian's invitation, so only its own keys know its coordinator.
    invitation, _ = invite(one, one.agency)
    with pytest.raises(NotPermitted, match="has its coordinator"):
        settled(invitation, one)


def test_a_lost_coordinator_is_replaced_and_suspended(one: House) -> None:
    begin_session(one.people["coordinator"], one.tools)
    invitation, _ = invite(one, one.agency, instead="Left the agency without a word")
    replaced = settled(invitation, one)
    assert replaced == [one.people["coordinator"].pk]
    assert Person.objects.get(pk=replaced[0]).suspended
    assert not SignInSession.objects.exists()
    assert not Person.objects.get(pk=one.people["supervisor"].pk).suspended


def test_somebody_of_the_agency_can_be_let_in_anew_by_a_custodian(one: House) -> None:
    lost = one.people["coordinator"]
    invitation, _ = invite(one, one.agency, email=lost.email)
    assert settled(invitation, one) == []
    assert invitation.details["replaces"] == str(lost.pk)


def test_an_address_of_another_agency_is_refused_to_the_custodian(one: House) -> None:
    other = house(one.tools, name="Other house")
    with pytest.raises(AlreadyExists):
        invite(one, admit(one), email=other.people["coordinator"].email)


def test_a_suspended_agency_is_not_invited_into_and_its_links_open_nothing(one: House) -> None:
    agency = admit(one)
    _, secret = invite(one, agency)
    with one.acting("custodian") as (actor, tools):
        services.suspend_agency(actor, agency=agency, reason="A doubt", tools=tools)
    with pytest.raises(NotFound):
        queries.invitation_by_secret(secret, tools=one.tools)
    with pytest.raises(Suspended):
        invite(one, Agency.objects.get(pk=agency.pk), Role.SUPERVISOR)


def test_custodians_invite_further_custodians(one: House) -> None:
    home = one.custodian.agency
    invitation, _ = invite(one, home, Role.CUSTODIAN, email="dora@example.org")
    assert invitation.details["roles"] == ["custodian"]
    invite(one, home, Role.CUSTODIAN, email="emil@example.org")
    with pytest.raises(NotPermitted):
        invite(one, home, Role.AUDITOR, email="fay@example.org")
    assert settled(invitation, one) == []


def test_a_custodians_invitation_is_withdrawn_by_a_custodian_only(one: House) -> None:
    agency = admit(one)
    invitation, secret = invite(one, agency)
    with one.acting("coordinator") as (actor, tools), pytest.raises(RoleMissing):
        inviting.withdraw_invitation(actor, invitation=invitation, tools=tools)
    with one.acting("custodian") as (actor, tools):
        inviting.withdraw_invitation(actor, invitation=invitation, tools=tools)
        with pytest.raises(WrongState):
            inviting.withdraw_invitation(actor, invitation=invitation, tools=tools)
    with pytest.raises(NotFound):
        queries.invitation_by_secret(secret, tools=one.tools)
    invite(one, agency)


def test_what_was_founded_by_a_custodian_stays_closed_to_their_later_requests(one: House) -> None:
    agency = admit(one)
    with one.acting("custodian"), pytest.raises(KeyUnavailable):
        _ = Agency.objects.get(pk=agency.pk).own_name
    with using_keyring(one.tools.keyring):
        assert Agency.objects.get(pk=agency.pk).own_name == "Newly admitted"
