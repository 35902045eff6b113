"""Who was replaced or let in anew after a backup, and which invitations were open in it: none opens anything anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sign_in_help
from django.contrib.auth.hashers import make_password
from rolled import Rolled, replay
from sign_in_help import PASSWORD, App, count, give_app, sign_in
from staff import House, house

from countenance.apps.agencies import factors, inviting, joining, repeating, staff, tokens
from countenance.apps.agencies.models import Factor, Invitation, Person, Token
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.queries import verify_ledger
from countenance.cli.backup import _replay_lines
from countenance.errors import CountenanceError, NotFound, NotSignedIn
from countenance.policy import SYSTEM, Role, Scope
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder

NEW = "another test password"
on = sign_in_help.on


@pytest.fixture
def one(on: Any, tmp_path_factory: Any) -> House:
    on.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return house(on.tools, roles=(Role.EXAMINER, Role.AUDITOR))


def known(person: Person, tools: Any) -> App:
    """Give somebody a password and an app, past the services."""
    person.password = make_password(PASSWORD)
    person.save()
    return give_app(person, tools=tools)


def joined(secret: str, tools: Any) -> Person:
    """Use the link of an invitation."""
    app = App(factors.begin_app(tools=tools), tools)
    first = joining.FirstApp(secret=app.secret, code=app.code())
    return joining.accept(SYSTEM, secret=secret, password=NEW, first=first, tools=tools)[0]


def let_in_anew(one: House, person: Person, tools: Any) -> None:
    """Let somebody in anew as people do it: a coordinator asks, a supervisor agrees, the link is used."""
    why = "Their laptop and telephone were stolen on 3 May"
    with one.acting("coordinator") as (actor, own):
        asked = staff.ask_for_recovery(actor, person=person, reason=why, tools=own)
    one.approve(asked, by="supervisor")
    with one.acting("coordinator") as (actor, own):
        _, secret = staff.reinvite_person(actor, person=person, tools=own)
    joined(secret, tools)


def test_tokens_and_password_of_whoever_was_let_in_anew_open_nothing(on: Any, one: House) -> None:
    stolen, other = one.people["examiner"], one.people["auditor"]
    app, others = known(stolen, on.tools), known(other, on.tools)
    made = [
        tokens.make_token(
            replace(each.actor, stepped_up_at=on.tools.clock()),
            name="Laptop",
            scopes=[Scope.READ],
            lasts=timedelta(days=30),
            tools=on.tools,
        )
        for each in (stolen, other)
    ]
    kept = list(Factor.objects.filter(person=stolen).values_list("pk", flat=True))
    before = {each.row for each in compare_rows(on.tools.keyring).differences}
    was = Rolled(on, Person, Token, Factor)
    let_in_anew(one, stolen, on.tools)
    on.clock.move(minutes=5)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    Factor.objects.filter(person=stolen).exclude(pk__in=kept).delete()
    done = replay(on, mark, on.folder.path)
    assert done["repeated"] == {"factor.removed": len(kept), "token.revoked": 1}
    assert not Factor.objects.filter(person=stolen).exists()
    assert done["by_hand_about"]["password.changed"] == [str(stolen.pk)]
    with pytest.raises(CountenanceError):
        tokens.actor_of(made[0][1], tools=on.tools)
    assert tokens.actor_of(made[1][1], tools=on.tools).person == other.pk
    for password in (PASSWORD, NEW):
        on.clock.move(minutes=20)
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, app.code(), email=stolen.email, password=password)
    sign_in(on.tools, others.code(), email=other.email)
    verify_ledger(on.tools.keyring)
    assert {each.row for each in compare_rows(on.tools.keyring).differences} <= before


def test_a_coordinator_whom_a_custodian_replaced_stays_suspended(on: Any, one: House) -> None:
    lost = one.people["coordinator"]
    app = known(lost, on.tools)
    was = Rolled(on, Person)
    with one.acting("custodian") as (actor, tools):
        _, secret = inviting.invite_first(
            actor,
            agency=one.agency,
            role=Role.COORDINATOR,
            name="Cora",
            email="cora@example.org",
            instead="She sold what she saw",
            tools=tools,
        )
    joined(secret, on.tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    done = replay(on, was.back(), on.folder.path)
    assert done["repeated"] == {"person.suspended": 1}
    assert Person.objects.get(pk=lost.pk).suspended
    on.clock.move(minutes=5)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, app.code(), email=lost.email)
    verify_ledger(on.tools.keyring)


def invited(one: House, name: str) -> tuple[Invitation, str]:
    with one.acting("coordinator") as (actor, tools):
        return inviting.invite_person(actor, name=name, email=f"{name}@example.org", tools=tools)


@pytest.mark.parametrize("lost", [False, True], ids=["with a list", "without a list"])
def test_no_invitation_of_a_backup_works_whatever_became_of_it(
    on: Any, one: House, lost: bool
) -> None:
    person = one.people["newcomer"]
    with one.acting("coordinator") as (actor, tools):
        superseded, old = staff.reinvite_person(actor, person=person, tools=tools)
    (used, used_link), (open_one, open_link) = invited(one, "used"), invited(one, "open")
    was = Rolled(on, Invitation)
    gone = joined(used_link, on.tools)
    with one.acting("coordinator") as (actor, tools):
        staff.reinvite_person(actor, person=person, tools=tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    Factor.objects.filter(person=gone).delete()
    gone.delete()
    Invitation.objects.exclude(pk__in=[superseded.pk, used.pk, open_one.pk]).delete()
    if lost:
        done = replay(on, mark, None, "The list burnt with the machine")
    else:
        done = replay(on, mark, on.folder.path)
    assert done["invitations_withdrawn"] == 3
    assert any("withdrawn: 3" in line for line in _replay_lines(done))
    for link in (old, used_link, open_link):
        with pytest.raises(NotFound):
            joined(link, on.tools)
    assert all(each.spent for each in Invitation.objects.all())
    assert count("invitation.withdrawn") == 3
    verify_ledger(on.tools.keyring)
    assert repeating.withdraw_open_invitations(SYSTEM, failed=[], tools=on.tools) == 0
    invited(one, "open")  # once more
