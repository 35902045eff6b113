"""Exports of the ledger: whose bodies they disclose, who approved that, and that they verify all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import Cli
from clients import client_of
from django.conf import settings
from factories import acting, make_case, other_agency

from countenance.apps.agencies import sessions
from countenance.apps.agencies.models import Agency
from countenance.apps.approvals import exporting
from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import services as cases
from countenance.apps.records.models import LedgerRow
from countenance.policy import Actor, Role
from countenance.policy.approvals import ApprovalKind

cli, place = cli_fixtures.cli, cli_fixtures.place
OURS = "Reported missing to us on 3 May"
THEIRS = "Reported missing to them on 4 May"
WHY = "The oversight board asked for it on 5 May"


@pytest.fixture
def auditor(deployment: Any) -> Actor:
    return acting(deployment, Role.AUDITOR)


@pytest.fixture
def two_agencies(deployment: Any) -> Actor:
    """An entry of each of two agencies; return somebody of the other one, who holds every role."""
    make_case(deployment, "26-0001", reason=OURS)
    stranger = other_agency(deployment)
    cases.open_case(
        stranger, reference="T-1", purpose="theirs", reason=THEIRS, tools=deployment.tools
    )
    return stranger


def approve(on: Any, auditor: Actor, *, by: Actor | None = None) -> Approval:
    """Let a second person approve that the bodies are exported."""
    asked = exporting.ask_for_bodies(auditor, reason=WHY, tools=on.tools)
    return approvals.decide(
        by or on.supervisor,
        approval=asked,
        approve=True,
        reason="The board is entitled to it",
        tools=on.tools,
    )


def export(cli: Cli, file: Path, *more: str, as_: Actor) -> tuple[int, dict[str, Any]]:
    return cli("ledger", "export", file, *more, as_=as_)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def last() -> str:
    return str(LedgerRow.objects.latest("index").action)


def test_without_bodies_an_export_says_nothing_of_people_and_needs_nobody_else(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    file = place / "ledger.jsonl"
    code, made = export(cli, file, as_=auditor)
    assert (code, made["bodies"]) == (0, False)
    assert last() == "ledger.exported"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text(encoding="utf-8")
    assert all(words not in text for words in (OURS, THEIRS, "26-0001", "Test Person"))
    code, report = cli("verify-ledger", file, as_=[])
    assert (code, report["verified"], report["bodies"]) == (0, True, 0)
    assert report["size"] == LedgerRow.objects.count()


def test_bodies_leave_the_house_only_when_somebody_else_approved_it_and_once(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    file = place / "ledger.jsonl"
    code, refused = export(cli, file, "--bodies", as_=auditor)
    assert (code, refused["error"]["code"]) == (3, "approval_needed")
    assert last() == "action.refused"
    assert not file.exists()
    approve(deployment, auditor)
    assert export(cli, file, "--bodies", as_=auditor)[0] == 0
    assert OURS in file.read_text(encoding="utf-8")
    code, refused = export(cli, place / "again.jsonl", "--bodies", as_=auditor)
    assert (code, refused["error"]["code"]) == (3, "approval_needed")
    assert not (place / "again.jsonl").exists()


def test_an_undecided_a_refused_and_anothers_approval_allow_nothing(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    file = place / "ledger.jsonl"
    asked = exporting.ask_for_bodies(auditor, reason=WHY, tools=deployment.tools)
    assert export(cli, file, "--bodies", as_=auditor)[0] == 3
    approvals.decide(
        deployment.supervisor, approval=asked, approve=False, reason="No", tools=deployment.tools
    )
    assert export(cli, file, "--bodies", as_=auditor)[0] == 3
    other = replace(deployment, agency=Agency.objects.get(pk=two_agencies.agency))
    their_auditor, their_supervisor = acting(other, Role.AUDITOR), acting(other, Role.SUPERVISOR)
    approve(deployment, their_auditor, by=their_supervisor)
    assert export(cli, file, "--bodies", as_=auditor)[0] == 3
    assert not file.exists()
    assert export(cli, file, "--bodies", as_=their_auditor)[0] == 0
    text = file.read_text(encoding="utf-8")
    assert THEIRS in text
    assert OURS not in text


def test_bodies_are_those_of_ones_own_agency_and_the_commitments_of_the_others_verify(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    file = place / "ledger.jsonl"
    approve(deployment, auditor)
    assert export(cli, file, "--bodies", as_=auditor)[0] == 0
    text = file.read_text(encoding="utf-8")
    assert OURS in text
    assert THEIRS not in text
    mine = dict(LedgerRow.objects.values_list("index", "agency"))
    shown = [line for line in lines_of(file)[1:] if line.get("body")]
    assert {mine[line["index"]] for line in shown} == {auditor.agency}
    assert len(shown) == sum(agency == auditor.agency for agency in mine.values())
    code, report = cli("verify-ledger", file, as_=[])
    assert (code, report["bodies"], report["size"]) == (0, len(shown), len(mine))


def test_a_body_that_was_changed_in_an_export_does_not_verify(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    file = place / "ledger.jsonl"
    approve(deployment, auditor)
    export(cli, file, "--bodies", as_=auditor)
    changed = file.read_text(encoding="utf-8").replace(OURS, OURS.replace("3 May", "9 May"))
    file.write_text(changed, encoding="utf-8")
    assert cli("verify-ledger", file, as_=[])[0] == 70


def test_a_file_that_cannot_be_written_costs_no_approval(
    cli: Cli, deployment: Any, auditor: Actor, two_agencies: Actor, place: Path
) -> None:
    approve(deployment, auditor)
    there = place / "there.jsonl"
    there.write_text("mine", encoding="utf-8")
    for file in (there, place / "nowhere" / "ledger.jsonl", place):
        assert export(cli, file, "--bodies", as_=auditor)[0] == 2
    assert there.read_text(encoding="utf-8") == "mine"
    assert export(cli, place / "ledger.jsonl", "--bodies", as_=auditor)[0] == 0


def test_nothing_half_written_stays(
    cli: Cli, deployment: Any, auditor: Actor, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countenance.apps.records import queries

    def half(*_: Any, **__: Any) -> Iterator[str]:
        yield "{}"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(queries, "export_ledger", half)
    file = place / "ledger.jsonl"
    code, refused = export(cli, file, as_=auditor)
    assert code == 2
    assert "No space left" in refused["error"]["message"]
    assert not file.exists()


def test_only_auditors_and_custodians_export_and_no_reading_token_does(
    cli: Cli, deployment: Any, place: Path
) -> None:
    for role in set(Role) - {Role.AUDITOR, Role.CUSTODIAN}:
        code, refused = export(cli, place / "no.jsonl", as_=acting(deployment, role))
        assert (code, refused["error"]["code"]) == (3, "role_missing"), role
    assert not (place / "no.jsonl").exists()


@contextmanager
def unproved(client: Any) -> Iterator[None]:
    """Let the proof of who somebody is be long ago, as after five minutes."""
    session = sessions.SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert session.pop(sessions.PROVED_AT, None) is not None
    session.save()
    yield


def test_asking_on_the_web_needs_a_fresh_proof_and_leads_to_the_request(
    deployment: Any, auditor: Actor
) -> None:
    client = client_of(deployment, auditor)
    assert b"Export the ledger with bodies" in client.get("/ledger/export/").content
    with unproved(client):
        answer = client.post("/ledger/export/", {"reason": WHY})
    assert answer.status_code == 403
    assert any(one.name == "agencies/step_up.html" for one in answer.templates)
    assert not Approval.objects.exists()
    client = client_of(deployment, auditor)
    vague = client.post("/ledger/export/", {"reason": "because"})
    assert vague.status_code == 422
    assert not Approval.objects.exists()
    answer = client.post("/ledger/export/", {"reason": WHY})
    asked = Approval.objects.get()
    assert answer["Location"] == f"/approvals/{asked.pk}/"
    assert (asked.facts.kind, asked.payload) == (ApprovalKind.EXPORT, exporting.WITH_BODIES)
    page = client_of(deployment, deployment.supervisor).get(answer["Location"]).content.decode()
    assert WHY in page
    assert "Export the ledger with the bodies" in page


def test_nobody_but_an_auditor_asks_for_bodies_on_the_web(deployment: Any) -> None:
    client = client_of(deployment, deployment.supervisor)
    assert client.get("/ledger/export/").status_code == 403
    assert client.post("/ledger/export/", {"reason": WHY}).status_code == 403
    assert last() == "action.refused"
    assert b"/ledger/export/" not in client.get("/ledger/").content
