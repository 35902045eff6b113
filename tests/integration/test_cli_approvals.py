"""`countenance approval`: asking and looking, never deciding."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import cli_fixtures
import pytest
from cli_fixtures import Cli
from four_eyes import REASON, Office

from countenance.apps.approvals import effects
from countenance.cli.approvals import COMMANDS

cli = cli_fixtures.cli


@pytest.fixture(autouse=True)
def no_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "_effects", {})


def ask(cli: Cli, *more: Any) -> tuple[int, dict[str, Any]]:
    wanted = ("large_enrolment", uuid4(), "--summary", "Enrol the archive", "--reason", REASON)
    return cli("approval", "ask", *wanted, *more)


def test_a_request_is_asked_for_listed_shown_and_withdrawn(cli: Cli) -> None:
    code, asked = ask(cli, "--payload", '{"photos": 20000}')
    assert code == 0
    assert asked["payload"] == {"photos": 20000}
    assert cli("approval", "list")[1]["approvals"] == [asked | {"waits_on_you": False}]
    assert cli("approval", "show", asked["id"])[1] == asked
    code, withdrawn = cli("approval", "withdraw", asked["id"])
    assert (code, withdrawn["state"]) == (0, "Withdrawn")
    code, refused = cli("approval", "withdraw", asked["id"])
    assert (code, refused["error"]["code"]) == (5, "wrong_state")


def test_what_somebody_else_asked_waits_on_whoever_can_decide_it(cli: Cli, deployment: Any) -> None:
    Office(deployment).ask()
    (listed,) = cli("approval", "list")[1]["approvals"]
    assert listed["waits_on_you"] is True


def test_a_payload_is_a_json_object(cli: Cli) -> None:
    for wrong in ("[1]", "photos", "{"):
        assert ask(cli, "--payload", wrong)[0] == 2
    assert ask(cli, "--payload", '{"threshold": 0.4}')[0] == 2
    assert cli("approval", "list")[1]["approvals"] == []


def test_a_request_that_is_not_there_is_said_to_be_missing(cli: Cli) -> None:
    assert cli("approval", "show", uuid4())[0] == 4


def test_nothing_is_decided_on_the_command_line_and_its_help_says_so() -> None:
    assert set(COMMANDS) == {"list", "show", "ask", "withdraw"}
    for name in ("list", "show", "ask"):
        assert "web app" in (COMMANDS[name].__doc__ or "")
