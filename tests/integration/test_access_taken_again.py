"""What took power away after a backup is done again in what was restored from it, or named to people by its id."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import factories
import pytest
from rolled import Rolled, replay
from staff import last_entry

from countenance import config
from countenance.apps.agencies import inviting, staff, tokens
from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency, Invitation, Person, Token
from countenance.apps.cases import authorities, holding
from countenance.apps.cases import services as cases
from countenance.apps.cases.authority_views import _decided
from countenance.apps.cases.models import Authority, AuthorityState, Case
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.queries import verify_ledger
from countenance.cli.backup import _replay_lines
from countenance.errors import CountenanceError, SealBroken, WrongState
from countenance.policy import SYSTEM, Actor, Role, Scope
from countenance.web.backups import erasures, groups, marks
from countenance.web.backups.folder import BackupFolder

WHY = "The oversight body asked for it"


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    deployment.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    deployment.gallery = factories.make_gallery(deployment)
    return deployment


def fresh(on: Any, actor: Actor) -> Actor:
    return replace(actor, stepped_up_at=on.tools.clock())


def differences(on: Any) -> set[str]:
    """Return the rows that are not as the ledger says: those that the fixture wrote past the services."""
    return {one.row for one in compare_rows(on.tools.keyring).differences}


def restored(on: Any, was: Rolled) -> dict[str, Any]:
    erasures.copy(on.folder, keyring=on.tools.keyring)
    return replay(on, was.back(), on.folder.path)


def test_tokens_invitations_people_and_agencies_stay_shut_out(on: Any) -> None:
    coordinator = fresh(on, factories.acting(on, Role.COORDINATOR))
    gone, back = (factories.acting(on, Role.INVESTIGATOR) for _ in range(2))
    agency = Agency.objects.get(pk=factories.other_agency(on).agency)
    token, secret = tokens.make_token(
        fresh(on, gone),
        name="Laptop",
        scopes=[Scope.READ],
        lasts=timedelta(hours=1),
        tools=on.tools,
    )
    invitation, _ = inviting.invite_person(
        coordinator, name="New", email="new@example.org", tools=on.tools
    )
    before = differences(on)
    was = Rolled(on, Token, Person, Agency, Invitation)
    tokens.revoke_token(gone, token=token.pk, tools=on.tools)
    inviting.withdraw_invitation(coordinator, invitation=invitation, tools=on.tools)
    for one in (gone, back):
        person = Person.objects.get(pk=one.person)
        staff.suspend_person(coordinator, person=person, reason=WHY, tools=on.tools)
    staff.restore_person(coordinator, person=person, reason=WHY, tools=on.tools)
    agencies.suspend_agency(SYSTEM, agency=agency, reason=WHY, tools=on.tools)
    staff.record_training(
        coordinator,
        person=person,
        trained_until=on.tools.clock().date(),
        certified_until=None,
        tools=on.tools,
    )
    done = restored(on, was)
    assert done["repeated"] == {
        "agency.suspended": 1,
        "invitation.withdrawn": 1,
        "person.suspended": 1,
        "token.revoked": 1,
    }
    # What the lost body said cannot be done again: people are told whom it was about.
    assert done["by_hand_about"] == {"person.training_recorded": [str(back.person)]}
    with pytest.raises(CountenanceError):
        tokens.actor_of(secret, tools=on.tools)
    assert Token.objects.get(pk=token.pk).details["revoked"]
    assert Invitation.objects.get(pk=invitation.pk).spent
    assert Person.objects.get(pk=gone.person).suspended
    assert not Person.objects.get(pk=back.person).suspended
    assert Agency.objects.get(pk=agency.pk).suspended
    verify_ledger(on.tools.keyring)
    assert differences(on) <= before
    for action in done["repeated"]:
        about = {"token": token, "invitation": invitation, "agency": agency}.get(
            action.split(".")[0], Person.objects.get(pk=gone.person)
        )
        assert groups.REPEATED[action](SYSTEM, about=about.pk, tools=on.tools) == 0


def test_authorities_stay_taken_back_and_cases_held_and_closed(on: Any) -> None:
    held, free, shut = (factories.make_case(on, f"27-{number}") for number in range(3))
    authority = factories.make_authority(on, [on.gallery])
    before = differences(on)
    was = Rolled(on, Authority, Case)
    supervisor = fresh(on, on.supervisor)
    authorities.revoke_authority(supervisor, authority=authority, reason=WHY, tools=on.tools)
    for one in (held, free):
        holding.hold_case(supervisor, case=one, reason=WHY, tools=on.tools)
    holding.release_case(supervisor, case=free, reason=WHY, tools=on.tools)
    cases.close_case(supervisor, case=shut, reason=WHY, tools=on.tools)
    cases.change_members(supervisor, case=held, members=[], tools=on.tools)
    done = restored(on, was)
    assert done["repeated"] == {"authority.revoked": 1, "case.held": 1, "case.closed": 1}
    assert done["by_hand_about"] == {"case.members_changed": [str(held.pk)]}
    assert done["by_hand"] == {"case.members_changed": 1}
    again = Authority.objects.get(pk=authority.pk)
    assert again.facts.revoked
    assert again.state(today=on.tools.clock().date()) == AuthorityState.REVOKED
    shown = _decided(SimpleNamespace(actor=supervisor), again, again.standing["revoked"])
    assert shown is not None
    assert shown["by"] == "the restored deployment"
    hold = Case.objects.get(pk=held.pk).hold
    assert hold is not None
    assert "backup" in hold["reason"]
    assert Case.objects.get(pk=free.pk).hold is None
    closed = Case.objects.get(pk=shut.pk)
    assert closed.facts.closed
    assert closed.closed_since == closed.closed_at
    with pytest.raises(WrongState):
        cases.close_case(supervisor, case=shut, reason=WHY, tools=on.tools)
    holding.release_case(supervisor, case=held, reason=WHY, tools=on.tools)
    for action, about in (("authority.revoked", authority), ("case.closed", shut)):
        assert groups.REPEATED[action](SYSTEM, about=about.pk, tools=on.tools) == 0
    verify_ledger(on.tools.keyring)
    assert differences(on) <= before


def test_what_does_not_open_holds_back_nothing_else_and_serves_only_when_somebody_says_why(
    on: Any,
) -> None:
    altered, shut = (factories.make_case(on, f"27-{number}") for number in range(2))
    invitation, _ = inviting.invite_person(
        fresh(on, factories.acting(on, Role.COORDINATOR)),
        name="New",
        email="new@example.org",
        tools=on.tools,
    )
    was = Rolled(on, Case, Invitation)
    supervisor = fresh(on, on.supervisor)
    for one in (altered, shut):
        cases.close_case(supervisor, case=one, reason=WHY, tools=on.tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    # Whoever altered these did so before the backup was made.
    Case.objects.filter(pk=altered.pk).update(opened_by=on.supervisor.person)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=on.tools.clock())
    # A reason that was given before anybody was told is none.
    for reason in (WHY, ""):
        with pytest.raises(SealBroken, match=f"case.closed {altered.pk}"):
            replay(on, mark, on.folder.path, reason)
        assert Case.objects.get(pk=shut.pk).closed_at
        assert Invitation.objects.get(pk=invitation.pk).withdrawn_at
        assert marks.read(config.current()) == mark
    done = replay(on, mark, on.folder.path, "It is empty: nobody was searched for in it")
    assert done["not_repeated"] == {"case.closed": [str(altered.pk)]}
    assert any(str(altered.pk) in line for line in _replay_lines(done))
    action, facts = last_entry(on.tools)
    assert action == "erasures.repeated"
    assert facts["not_repeated"] == done["not_repeated"]
    assert facts["reason"] == "It is empty: nobody was searched for in it"
    assert marks.read(config.current()) is None
    verify_ledger(on.tools.keyring)
