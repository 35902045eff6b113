"""People, agencies and custodians on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cli_fixtures import Cli, cli  # noqa: F401 # a fixture
from staff import House, house

from countenance.apps.agencies.models import Invitation, Person
from countenance.policy import Role

LINK = re.compile(r"http://localhost:8000/invitation/[\w-]{43}/")
VETTING = ("--checked-by", "C. Keeper", "--checked-on", "2026-01-05", "--what", "Its founding law")


@pytest.fixture
def one(deployment: Any) -> House:
    return house(deployment.tools, roles=(Role.EXAMINER,))


def test_a_coordinator_invites_trains_suspends_and_restores(cli: Cli, one: House) -> None:  # noqa: F811
    me = one.actor("coordinator")
    code, made = cli("person", "invite", "Ivo", "ivo@example.org", as_=me)
    assert code == 0
    assert LINK.fullmatch(made["link"])
    code, listed = cli("person", "list", as_=me)
    assert {row["name"] for row in listed["people"]} == {
        "Coordinator",
        "Supervisor",
        "Examiner",
        "Newcomer",
    }
    assert [row["email"] for row in listed["invitations"]] == ["ivo@example.org"]
    assert made["link"] not in str(listed)
    email = one.people["examiner"].email
    code, trained = cli("person", "training", email, "--trained-until", "2031-01-02", as_=me)
    assert (trained["trained_until"], trained["certified_until"]) == ("2031-01-02", "2199-12-31")
    code, trained = cli("person", "training", email, "--certified-until", "none", as_=me)
    assert (trained["trained_until"], trained["certified_until"]) == ("2031-01-02", None)
    assert cli("person", "training", email, "--trained-until", "soon", as_=me)[0] == 2
    assert cli("person", "suspend", email, "--reason", "left the unit", as_=me)[1]["suspended"]
    code, back = cli("person", "restore", email, "--reason", "came back", as_=me)
    assert (code, back["suspended"]) == (0, False)
    assert cli("person", "suspend", "who@example.org", "--reason", "unknown", as_=me)[0] == 4


def test_others_neither_invite_nor_suspend(cli: Cli, one: House) -> None:  # noqa: F811
    for who in ("supervisor", "examiner"):
        me = one.actor(who)
        assert cli("person", "invite", "Ivo", "ivo@example.org", as_=me)[0] == 3
        email = one.people["newcomer"].email
        assert cli("person", "suspend", email, "--reason", "because", as_=me)[0] == 3
    assert not Invitation.objects.exists()
    assert not Person.objects.get(pk=one.people["newcomer"].pk).suspended


def test_a_custodian_admits_suspends_and_restores_an_agency(
    cli: Cli,  # noqa: F811
    one: House,
    tmp_path: Path,
) -> None:
    me = one.actor("custodian")
    order = tmp_path / "order.pdf"
    order.write_bytes(b"%PDF-1 an order")
    said = (*VETTING, "--document", order, "--pack", "humanitarian", "--unlisted")
    code, made = cli("agency", "admit", "Family links", *said, as_=me)
    assert (code, made["pack"], made["listed"]) == (0, "humanitarian", False)
    assert made["vetting"]["checked_by"] == "C. Keeper"
    assert cli("agency", "admit", "Family links", *VETTING, as_=me)[0] == 5
    assert cli("agency", "admit", "Other", as_=me)[0] == 2
    missing = ("--document", tmp_path / "none")
    assert cli("agency", "admit", "Other", *VETTING, *missing, as_=me)[0] == 2
    assert "Family links" in {row["name"] for row in cli("agency", "list", as_=me)[1]["agencies"]}
    code, gone = cli("agency", "suspend", "Family links", "--reason", "a doubt", as_=me)
    assert gone["suspended"]
    code, back = cli("agency", "restore", "Family links", "--reason", "no doubt", as_=me)
    assert (code, back["suspended"]) == (0, False)
    assert cli("agency", "suspend", "Nobody", "--reason", "a doubt", as_=me)[0] == 4


def test_nobody_else_reads_the_list_of_agencies(cli: Cli, one: House) -> None:  # noqa: F811
    assert cli("agency", "list", as_=one.actor("coordinator"))[0] == 3
    assert cli("agency", "list", as_=[])[0] == 3


def test_a_custodian_is_invited_at_the_machine_and_a_lost_link_replaced(
    cli: Cli,  # noqa: F811
    one: House,
) -> None:
    code, first = cli("custodian", "invite", "Dora", "dora@example.org", as_=[])
    assert code == 0
    code, second = cli("custodian", "invite", "Dora", "dora@example.org", as_=[])
    assert first["link"] != second["link"]
    assert second["roles"] == ["custodian"]
    assert Invitation.objects.filter(withdrawn_at=None).count() == 1
    code, anew = cli("custodian", "invite", "Cleo", one.custodian.email, as_=[])
    assert code == 0
    assert Invitation.objects.get(pk=anew["id"]).details["replaces"] == str(one.custodian.pk)


def test_without_custodians_nobody_is_invited(cli: Cli, deployment: Any) -> None:  # noqa: F811
    assert cli("custodian", "invite", "Dora", "dora@example.org", as_=[])[0] == 4
