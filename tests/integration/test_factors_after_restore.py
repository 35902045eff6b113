"""Means of signing in that were removed or replaced since a backup open nothing after its restore."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import provider_help
import pytest
import sign_in_help
from provider_help import link, refused, set_for
from rolled import Rolled, replay
from sign_in_help import App, count, give_codes, register, sign_in, with_passkey

from countenance.apps.agencies import factors, providers, repeating
from countenance.apps.agencies.models import Factor, Person, Provider, ProviderAccount
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.queries import verify_ledger
from countenance.errors import NotSignedIn
from countenance.policy import SYSTEM
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder

on, actor, provider = sign_in_help.on, sign_in_help.actor, provider_help.provider
TABLES = (Person, Factor, Provider, ProviderAccount)


@pytest.fixture(autouse=True)
def _folder(on: Any, tmp_path_factory: Any) -> None:
    on.folder = BackupFolder(tmp_path_factory.mktemp("backups"))


def restored(on: Any, was: Rolled) -> dict[str, Any]:
    """Restore what was, without what was made since, and repeat what the list of erasures names."""
    erasures.copy(on.folder, keyring=on.tools.keyring)
    for model, rows in was.rows:
        model.objects.exclude(pk__in=[row.pk for row in rows]).delete()
    return replay(on, was.back(), on.folder.path)


def now(on: Any, actor: Any) -> Any:
    """Return the actor as somebody who has proved right now who they are."""
    return replace(actor, stepped_up_at=on.tools.clock())


def test_a_passkey_that_was_removed_stays_removed_and_others_stay(on: Any, actor: Any) -> None:
    stolen = register(on, actor)
    on.clock.move(seconds=1)
    kept = register(on, now(on, actor))
    before = {each.row for each in compare_rows(on.tools.keyring).differences}
    was = Rolled(on, *TABLES)
    first = Factor.objects.filter(kind=Factor.PASSKEY).earliest("added_at").pk
    factors.remove_factor(now(on, actor), factor=first, tools=on.tools)
    done = restored(on, was)
    assert done["repeated"] == {"factor.removed": 1}
    assert "factor.removed" not in done["by_hand"]
    with pytest.raises(NotSignedIn):
        with_passkey(on, stolen)
    assert with_passkey(on, kept).person.pk == on.person.pk
    on.clock.move(minutes=1)
    assert sign_in(on.tools, on.app.code()).person.pk == on.person.pk
    verify_ledger(on.tools.keyring)
    assert {each.row for each in compare_rows(on.tools.keyring).differences} <= before
    said = count("factor.removed")
    assert repeating.remove_factor_again(SYSTEM, about=first, tools=on.tools) == 0
    assert count("factor.removed") == said


def test_an_app_and_codes_that_were_replaced_stay_replaced(on: Any, actor: Any) -> None:
    codes = give_codes(on.person, tools=on.tools)
    device = register(on, actor)
    was = Rolled(on, *TABLES)
    on.clock.move(minutes=1)
    app = App(factors.begin_app(tools=on.tools), on.tools)
    factors.add_app(now(on, actor), secret=app.secret, code=app.code(), tools=on.tools)
    factors.make_recovery_codes(now(on, actor), tools=on.tools)
    assert count("factor.removed") == 2
    done = restored(on, was)
    assert done["repeated"] == {"factor.removed": 2}
    # What came instead is lost, and told.
    assert done["by_hand_about"]["factor.added"] == [str(on.person.pk)]
    for code in (on.app.code, app.code, lambda: codes[0]):
        on.clock.move(minutes=20)
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, code())
    assert with_passkey(on, device).person.pk == on.person.pk


def test_an_entry_of_an_earlier_version_takes_all_that_the_person_has(on: Any, actor: Any) -> None:
    device = register(on, actor)
    give_codes(on.person, tools=on.tools)
    assert repeating.remove_factor_again(SYSTEM, about=on.person.pk, tools=on.tools) == 3
    with pytest.raises(NotSignedIn):
        with_passkey(on, device)


@pytest.mark.parametrize("how", ["unlinked", "linked anew", "provider removed", "another client"])
def test_a_link_with_a_provider_that_ended_does_not_come_back(
    on: Any, provider: Any, how: str
) -> None:
    actor = now(on, on.actor)
    set_for(on, provider, actor)
    link(on, provider, actor)
    was = Rolled(on, *TABLES)
    if how == "unlinked":
        providers.unlink_account(actor, tools=on.tools)
    elif how == "linked anew":
        link(on, provider, actor)
    elif how == "provider removed":
        providers.remove_provider(actor, tools=on.tools)
    else:
        set_for(on, provider, actor, client_id="another-client")
    done = restored(on, was)
    assert done["repeated"] == {"provider.unlinked": 1}
    assert not ProviderAccount.objects.exists()
    refused(on, provider)
    verify_ledger(on.tools.keyring)
