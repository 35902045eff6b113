"""Somebody whose password a restore locked, and who has a passkey, sets a password again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sign_in_help
from clients import client_of, prove
from django.contrib.auth.hashers import make_password
from django.urls import reverse
from sign_in_help import PASSWORD, count, give_app, sign_in
from staff import House, house

from countenance.apps.agencies import factors, repeating
from countenance.apps.agencies.models import Factor, Person
from countenance.errors import InputError, StepUpNeeded, WrongState
from countenance.policy import SYSTEM, Role

NEW = "another test password"
on = sign_in_help.on


@pytest.fixture
def one(on: Any) -> House:
    return house(on.tools, roles=(Role.EXAMINER, Role.AUDITOR))


def locked(one: House, tools: Any) -> Person:
    """Return somebody whose password a restore has locked."""
    person = one.people["examiner"]
    person.password = make_password(PASSWORD)
    person.save()
    assert repeating.lock_password_again(SYSTEM, about=person.pk, tools=tools) == 1
    return Person.objects.get(pk=person.pk)


def test_only_a_proof_by_passkey_sets_a_password_in_place_of_a_locked_one(
    on: Any, one: House
) -> None:
    person, other = locked(one, on.tools), one.people["auditor"]
    actor = replace(person.actor, stepped_up_at=on.tools.clock())
    again = {"new": NEW, "tools": on.tools}
    changed = count("password.changed")
    with pytest.raises(StepUpNeeded):
        factors.replace_locked_password(actor, by_passkey=False, **again)
    with pytest.raises(StepUpNeeded):
        factors.replace_locked_password(
            replace(actor, stepped_up_at=None), by_passkey=True, **again
        )
    with pytest.raises(InputError):
        factors.replace_locked_password(actor, by_passkey=True, new="short", tools=on.tools)
    # Neither somebody who has a password, nor somebody who never had one, such as of a provider alone.
    for password in (make_password(PASSWORD), make_password(None)):
        other.password = password
        other.save()
        with pytest.raises(WrongState, match="not locked"):
            factors.replace_locked_password(
                replace(other.actor, stepped_up_at=on.tools.clock()), by_passkey=True, **again
            )
    assert count("password.changed") == changed
    factors.replace_locked_password(actor, by_passkey=True, **again)
    assert count("password.changed") == changed + 1
    with pytest.raises(WrongState):
        factors.replace_locked_password(actor, by_passkey=True, **again)
    app = give_app(Person.objects.get(pk=person.pk), tools=on.tools)
    assert sign_in(on.tools, app.code(), email=person.email, password=NEW).person.pk == person.pk


def test_the_page_sets_it_after_a_passkey_and_asks_for_no_present_password(
    on: Any, one: House
) -> None:
    person = locked(one, on.tools)
    client, other = client_of(on, person.actor), client_of(on, person.actor)
    page, account = reverse("password_change"), reverse("account")
    assert "Opens nothing since a backup was restored" in client.get(account).content.decode()
    sent = {"new_password": NEW, "new_password_again": NEW}
    for by in ("", Factor.TOTP):
        prove(client, on, by=by)
        for asked in (client.get(page), client.post(page, sent)):
            assert asked.status_code == 403
            assert "Prove with a passkey who you are" in asked.content.decode()
    prove(client, on, by=Factor.PASSKEY)
    shown = client.get(page).content.decode()
    assert "Set a new password" in shown
    assert "old_password" not in shown
    assert client.post(page, {**sent, "new_password_again": "differs"}).status_code == 422
    assert client.post(page, sent)["Location"] == account
    shown = client.get(account).content.decode()
    assert "The new password was set" in shown
    assert "Opens nothing" not in shown
    assert "old_password" in client.get(page).content.decode()
    assert other.get(account).status_code == 302
