"""An agency that another process admitted is known to the serving one as soon as somebody joins it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from staff import house

from countenance.apps.agencies import inviting, joining, services
from countenance.apps.records.keys import load_keys
from countenance.apps.records.sealed import using_keyring
from countenance.errors import KeyUnavailable
from countenance.policy import SYSTEM, Role
from countenance.sealing import Keyring


def test_an_invitation_opens_in_a_process_that_does_not_know_the_agencys_keys_yet(
    deployment: Any,
) -> None:
    tools = deployment.tools
    one = house(tools)
    before = load_keys()
    agency = services.admit_agency(SYSTEM, name="Newly admitted", tools=tools)
    with one.acting("custodian") as (actor, narrowed):
        _, secret = inviting.invite_first(
            actor,
            agency=agency,
            role=Role.COORDINATOR,
            name="Cora",
            email="cora@example.org",
            tools=narrowed,
        )
    serving = Keyring(
        tools.keyring.chest.roots[1], deployment=tools.keyring.deployment, records=before
    )
    with pytest.raises(KeyUnavailable):
        serving.key(type(agency).seal_kind, agency=agency.pk)
    with using_keyring(serving):
        invited = joining.open_invitation(secret, tools=replace(tools, keyring=serving))
        assert invited.agency.own_name == "Newly admitted"
