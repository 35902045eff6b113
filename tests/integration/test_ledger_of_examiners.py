"""What somebody who examines and oversees reads of the ledger: nothing of how far other examiners are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import Cli
from clients import client_of
from examining import Bench, bench, examine
from factories import acting

from countenance.apps.agencies.models import Person
from countenance.ledger.entry import OF_EXAMINERS, Action
from countenance.policy import Actor, Role

cli = cli_fixtures.cli


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def both(made: Bench) -> Actor:
    """Return somebody who is examiner and supervisor."""
    person = Person.objects.get(pk=made.third.person)
    roles = [str(Role.EXAMINER), str(Role.SUPERVISOR)]
    person.standing = {**person.standing, "roles": roles}
    person.save()
    return replace(made.third, roles=frozenset({Role.EXAMINER, Role.SUPERVISOR}))


def test_the_ledger_page_leaves_out_what_examiners_did(made: Bench) -> None:
    examine(made.first, made.search, tools=made.on.tools)
    actions = [str(one) for one in (Action.CONCLUSION_RECORDED, Action.EXAMINATION_BEGUN)]
    page = client_of(made.on, both(made)).get("/ledger/").content.decode()
    assert [one for one in OF_EXAMINERS if str(one) in page] == []
    assert str(Action.SEARCH_CONCLUDED) in page
    assert "left out here" in page
    for role in (Role.SUPERVISOR, Role.AUDITOR):
        page = client_of(made.on, acting(made.on, role)).get("/ledger/").content.decode()
        assert [one for one in actions if one not in page] == []
        assert "left out here" not in page


def test_the_command_that_verifies_it_does_not_count_them_either(cli: Cli, made: Bench) -> None:
    examine(made.first, made.search, tools=made.on.tools)
    for who, told in ((both(made), False), (acting(made.on, Role.SUPERVISOR), True)):
        code, value = cli("verify-ledger", as_=who)
        assert (code, value["verified"]) == (0, True)
        assert (str(Action.CONCLUSION_RECORDED) in value["actions"]) == told
        assert str(Action.SEARCH_CONCLUDED) in value["actions"]
