"""Records of a deployment that was made before there were roles: brought up to date when it is unsealed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from staff import last_entry

from countenance import config
from countenance.apps.agencies import inviting, queries, services, upgrade
from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.models import KeyRow, LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.errors import RoleMissing
from countenance.policy import SYSTEM, Role
from countenance.sealing.factors import FileFactor
from countenance.tools import Tools
from countenance.web import wiring

LATER_KINDS = ("standing", "grant", "signing")
"""Keys that deployments of the first version do not have."""


@pytest.fixture
def old(deployment: Any) -> Any:
    """The test's deployment in the form that the first version's tables leave behind, and sealed."""
    tools = deployment.tools
    early = tools.clock() - timedelta(days=2)
    # Whoever ran the deployment was there first.
    Person.objects.filter(pk=deployment.person.pk).update(added_at=early)
    deployment.names = {one.pk: one.name for one in Agency.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute(
            "update agencies_agency set own_name = null, standing = null, vetting = null"
        )
        cursor.execute("update agencies_person set standing = null")
    KeyRow.objects.filter(kind__in=LATER_KINDS).delete()
    wiring.seal()
    return deployment


def unseal() -> Tools:
    return wiring.unseal(FileFactor(config.current().file_factor))


def test_unsealing_brings_old_records_up_to_date_once(old: Any) -> None:
    tools = unseal()
    agency = Agency.objects.get(pk=old.agency.pk)
    assert agency.own_name == agency.name == old.names[agency.pk]
    assert agency.standing == {
        "pack": "default",
        "listed": True,
        "custodial": False,
        "suspended": None,
        "name": agency.name,
    }
    assert {row.kind for row in KeyRow.objects.all()} >= set(LATER_KINDS)
    action, facts = last_entry(tools)
    assert action == "records.upgraded"
    assert (facts["keys"], facts["agencies"], facts["people"]) == (3, 1, 3)
    wiring.seal()
    tools = unseal()
    assert not upgrade.is_needed(tools=tools)
    assert LedgerRow.objects.filter(action="records.upgraded").count() == 1
    assert verify_ledger(tools.keyring).size == LedgerRow.objects.count()


def test_nobody_becomes_powerful_by_an_update(old: Any) -> None:
    unseal()
    first, *others = Person.objects.order_by("added_at")
    assert first.pk == old.person.pk
    assert first.roles == {Role.COORDINATOR}
    assert [one.roles for one in others] == [frozenset(), frozenset()]
    assert not any(Role.CUSTODIAN in one.roles for one in Person.objects.all())


def test_the_custodians_are_made_and_one_is_invited_at_the_machine(old: Any) -> None:
    tools = unseal()
    home = queries.custodians()
    assert home is not None
    assert home.name == upgrade.CUSTODIANS
    _, secret = inviting.invite_first(
        SYSTEM, agency=home, role=Role.CUSTODIAN, name="Cleo", email="c@example.org", tools=tools
    )
    assert queries.invitation_by_secret(secret, tools=tools).agency == home


def test_whoever_ran_the_deployment_is_let_in_anew_with_their_role(old: Any) -> None:
    tools = unseal()
    agency = Agency.objects.get(pk=old.agency.pk)
    invitation, _ = inviting.invite_first(
        SYSTEM,
        agency=agency,
        role=Role.COORDINATOR,
        name="Test Person",
        email="person@example.org",
        tools=tools,
    )
    assert invitation.details["replaces"] == str(old.person.pk)
    with transaction.atomic():
        assert inviting.settle(invitation, tools=tools) == []
    assert Person.objects.get(pk=old.person.pk).roles == {Role.COORDINATOR}


def test_a_deployment_of_today_is_left_as_it_is(deployment: Any) -> None:
    services.admit_agency(SYSTEM, name="Custodians", custodial=True, tools=deployment.tools)
    before = LedgerRow.objects.count()
    wiring.seal()
    tools = unseal()
    assert LedgerRow.objects.count() == before
    with pytest.raises(RoleMissing):
        upgrade.upgrade_records(deployment.actor, tools=tools)
