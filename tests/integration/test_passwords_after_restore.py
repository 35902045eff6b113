"""A password that was changed since the backup opens nothing after the restore; its owner is let in anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sign_in_help
from django.contrib.auth.hashers import make_password
from rolled import Rolled, replay
from sign_in_help import PASSWORD, App, count, give_app, sign_in
from staff import House, house

from countenance.apps.agencies import factors, joining, repeating, staff
from countenance.apps.agencies.models import Person
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.queries import verify_ledger
from countenance.cli.backup import _replay_lines
from countenance.errors import InputError, NotSignedIn
from countenance.policy import SYSTEM, Role
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


def let_in_anew(one: House, person: Person, tools: Any) -> App:
    """Let somebody in anew as people do it: a coordinator asks, a supervisor agrees, the link is used."""
    with one.acting("coordinator") as (actor, own):
        asked = staff.ask_for_recovery(
            actor,
            person=person,
            reason="Their password was changed since the backup of 3 May",
            tools=own,
        )
    one.approve(asked, by="supervisor")
    with one.acting("coordinator") as (actor, own):
        _, secret = staff.reinvite_person(actor, person=person, tools=own)
    app = App(factors.begin_app(tools=tools), tools)
    first = joining.FirstApp(secret=app.secret, code=app.code())
    joining.accept(SYSTEM, secret=secret, password=NEW, first=first, tools=tools)
    return app


def test_a_password_that_was_changed_since_the_backup_opens_nothing_until_a_new_one_is_set(
    on: Any, one: House
) -> None:
    stolen, other = one.people["examiner"], one.people["auditor"]
    app, others = known(stolen, on.tools), known(other, on.tools)
    before = {each.row for each in compare_rows(on.tools.keyring).differences}
    was = Rolled(on, Person)
    actor = replace(stolen.actor, stepped_up_at=on.tools.clock())
    factors.change_password(actor, old=PASSWORD, new="it was stolen", tools=on.tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    done = replay(on, was.back(), on.folder.path)
    assert done["by_hand_about"] == {"password.changed": [str(stolen.pk)]}
    assert any("open nothing" in line for line in _replay_lines(done))
    verify_ledger(on.tools.keyring)
    assert {each.row for each in compare_rows(on.tools.keyring).differences} <= before
    for password in (PASSWORD, "it was stolen", ""):
        on.clock.move(minutes=20)
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, app.code(), email=stolen.email, password=password)
    sign_in(on.tools, others.code(), email=other.email)
    # Not even from a session that a passkey opened: nobody knows what stands there.
    with pytest.raises(InputError):
        factors.change_password(
            replace(actor, stepped_up_at=on.tools.clock()), old=PASSWORD, new=NEW, tools=on.tools
        )
    changed = count("password.changed")
    assert repeating.lock_password_again(SYSTEM, about=stolen.pk, tools=on.tools) == 0
    assert count("password.changed") == changed
    app = let_in_anew(one, stolen, on.tools)
    on.clock.move(minutes=1)
    assert sign_in(on.tools, app.code(), email=stolen.email, password=NEW).person.pk == stolen.pk
