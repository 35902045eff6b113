"""Each command against a real database with made-up photos: its JSON object, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import PASSPORT, REASON, Cli, enrol, ledger, search

from countenance import config
from countenance.cli import output, session
from countenance.cli.app import command
from countenance.errors import Unavailable
from countenance.policy.reasons import what_is_vague
from countenance.testing import FakeEngine

cli, people, place = cli_fixtures.cli, cli_fixtures.people, cli_fixtures.place


def test_enrolment_ends_with_exactly_these_counts(cli: Cli, people: Path) -> None:
    code, counts = enrol(cli, people)
    assert code == 0
    assert counts.pop("seconds") >= 0
    assert counts == {"photos": 4, "faces": 0, "enrolled": 0, "skipped": 4, "rejected": 0}


def test_an_export_is_never_written_over_a_file(cli: Cli, people: Path, place: Path) -> None:
    there = place / "there.jsonl"
    there.write_text("mine", encoding="utf-8")
    assert cli("ledger", "export", there)[0] == 2
    assert there.read_text(encoding="utf-8") == "mine"


def test_unknown_names_are_not_found(cli: Cli, people: Path, place: Path) -> None:
    probe = place / "probe.jpg"
    probe.write_bytes(FakeEngine.photo("anna", 9))
    for arguments in (
        ("search", probe, "-g", "nobody", "--case", "C-1", "--reason", REASON),
        ("search", probe, "-g", "people", "--case", "C-1", "--reason", REASON),
        ("case", "add-evidence", "none", probe),
        ("case", "ask", "none", probe, "--reason", REASON),
        ("enrol", people, "-g", "people", "-s", "nowhere"),
        ("source", "remove", "nowhere", "--reason", REASON),
        ("case", "close", "none", "--reason", REASON),
        ("subject", "remove", "nobody", "-g", "people", "--reason", REASON),
        ("photo", "remove", "00000000-0000-0000-0000-000000000000", "--reason", REASON),
    ):
        code, refused = cli(*arguments)
        assert (code, refused["error"]["code"]) == (4, "not_found"), arguments


def test_names_are_taken_once(cli: Cli, people: Path) -> None:
    assert cli("gallery", "create", "people")[0] == 5
    code, refused = cli("source", "add", "archive", *(p for pair in PASSPORT.items() for p in pair))
    assert (code, refused["error"]["code"]) == (5, "already_exists")


def test_a_source_without_a_full_passport_is_refused(cli: Cli, deployment: Any) -> None:
    code, refused = cli("source", "add", "archive", "--owner", "someone")
    assert (code, refused["error"]["code"]) == (2, "passport_incomplete")
    assert cli("source", "list")[1]["sources"] == []


def test_a_dry_run_stores_nothing(cli: Cli, people: Path) -> None:
    (people / "cleo").mkdir()
    (people / "cleo" / "1.jpg").write_bytes(FakeEngine.photo("cleo"))
    before = ledger(cli)
    code, planned = enrol(cli, people, "--dry-run")
    assert (code, planned) == (0, {"dry_run": True, "photos": 5, "subjects": 3, "rejected": 0})
    assert ledger(cli) == before
    assert cli("gallery", "show", "people")[1]["photos"] == 4


def test_what_is_turned_away_is_listed_with_the_reason(cli: Cli, people: Path) -> None:
    (people / "ben" / "notes.txt").write_text("no photo", encoding="utf-8")
    (people / "ben" / "empty.jpg").write_bytes(b"")
    (people / "ben" / "out.jpg").symlink_to(__file__)
    (people / "ben" / "3.jpg").write_bytes(FakeEngine.photo("ben", 3))
    code, counts = enrol(cli, people)
    assert code == 0
    assert (counts["enrolled"], counts["skipped"], counts["rejected"]) == (1, 4, 3)
    with (people.parent / "rejects.csv").open(encoding="utf-8", newline="") as opened:
        rows = {row["path"]: row for row in csv.DictReader(opened)}
    assert set(rows) == {"ben/notes.txt", "ben/empty.jpg", "ben/out.jpg"}
    assert all(row["code"] and row["reason"] for row in rows.values())


def test_without_rejects_no_file_is_made(
    cli: Cli, people: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    cli("enrol", people, "-g", "people", "-s", "archive")
    assert list(here.iterdir()) == []
    (people / "ben" / "notes.txt").write_text("no photo", encoding="utf-8")
    cli("enrol", people, "-g", "people", "-s", "archive")
    (made,) = here.iterdir()
    assert made.name.startswith("countenance-rejects-")
    assert made.stat().st_mode & 0o077 == 0


def test_a_rejects_file_never_lies_in_the_home(cli: Cli, people: Path) -> None:
    inside = config.current().home / "objects" / "rejects.csv"
    code, _ = cli("enrol", people, "-g", "people", "-s", "archive", "--rejects", inside)
    assert code == 2
    assert not inside.exists()


def test_a_manifest_gives_subjects_and_external_ids(cli: Cli, people: Path, place: Path) -> None:
    folder = place / "more"
    folder.mkdir()
    (folder / "x.jpg").write_bytes(FakeEngine.photo("dora", 1))
    manifest = folder / "list.csv"
    manifest.write_text(
        "path,subject,external id,date,notes\nx.jpg,Dora,K-7,2020-02-03,a note\n../y.jpg,Eve,,,\n",
        encoding="utf-8",
    )
    counts = enrol(cli, manifest)[1]
    assert (counts["enrolled"], counts["rejected"]) == (1, 1)
    best = search(cli, place, FakeEngine.photo("dora", 2))[1]["candidates"][0]
    assert (best["subject"], best["photo"]["external_id"]) == ("Dora", "K-7")


def test_stopping_an_enrolment_says_how_to_go_on(
    cli: Cli, people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "ben" / "3.jpg").write_bytes(FakeEngine.photo("ben", 3))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("countenance.apps.galleries.enrolment.enrol_batch", stopped)
        said: list[str] = []
        patched.setattr(output, "say", lambda *lines: said.extend(lines))
        code, error = enrol(cli, people)
    assert (code, error["error"]["code"]) == (130, "interrupted")
    assert any("run the same command" in line for line in said)
    assert enrol(cli, people)[1]["enrolled"] == 1


def test_removed_photos_subjects_and_sources_are_not_found_any_more(
    cli: Cli, people: Path, place: Path
) -> None:
    probe = FakeEngine.photo("anna", 9)
    photos = cli("photo", "list", "-g", "people")[1]
    assert photos["total"] == 4
    annas = [one["id"] for one in photos["photos"] if one["subject"] == "anna"]
    code, value = cli(
        "photo", "remove", annas[0], "--reason", REASON, "--certificate", place / "erased.json"
    )
    assert code == 0
    assert json.loads((place / "erased.json").read_text()) == value["certificate"]
    assert value["certificate"]["counts"]["photos"] == 1
    code, value = cli(
        "photo", "remove", annas[1], "--reason", REASON, "--certificate", place / "erased.json"
    )
    assert (code, value["error"]["code"]) == (2, "input")
    assert search(cli, place, probe)[1]["candidates"][0]["photo"]["id"] == annas[1]
    assert cli("subject", "remove", "anna", "-g", "people", "--reason", REASON)[0] == 0
    assert [one["subject"] for one in search(cli, place, probe)[1]["candidates"]] == ["ben"]
    assert [one["subject"] for one in cli("subject", "list", "-g", "people")[1]["subjects"]] == [
        "ben"
    ]
    assert cli("source", "remove", "archive", "--reason", REASON)[0] == 0
    assert search(cli, place, probe)[1]["answer"] == "no_candidate"
    assert enrol(cli, people)[1]["error"]["code"] == "source_closed"
    assert cli("source", "list")[1]["sources"][0]["removed"] is True


def test_a_removal_needs_a_reason(cli: Cli, people: Path) -> None:
    code, refused = cli("source", "remove", "archive", "--reason", " ")
    assert (code, refused["error"]["code"]) == (2, "reason_missing")


def test_galleries_are_listed_with_their_counts(cli: Cli, people: Path) -> None:
    (gallery,) = cli("gallery", "list")[1]["galleries"]
    assert (gallery["subjects"], gallery["photos"], gallery["faces"]) == (2, 4, 4)
    (run_,) = cli("gallery", "show", "people")[1]["enrolments"]
    assert (run_["enrolled"], run_["finished"], run_["source"]) == (4, True, "archive")


def test_a_changed_ledger_exits_with_70(cli: Cli, people: Path) -> None:
    from countenance.apps.records.models import LedgerRow

    row = LedgerRow.objects.get(index=3)
    LedgerRow.objects.filter(index=3).update(entry=bytes(row.entry).replace(b"-", b"+", 1))
    code, error = cli("verify-ledger")
    assert code == 70
    assert error["error"]["code"] in {"ledger_broken", "seal_broken", "bad_proof"}


def test_an_unavailable_part_exits_with_75(
    cli: Cli, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> None:
        raise Unavailable("Not just now.")

    monkeypatch.setattr(session, "unseal", unavailable)
    assert cli("gallery", "list")[0] == 75


def test_the_reasons_in_examples_are_none_that_would_be_refused_as_vague() -> None:
    judged = {("search",), ("case", "open"), ("case", "ask"), ("approval", "ask")}
    for path in judged:
        node = command()
        for word in path:
            node = node.commands[word]
        reasons = re.findall(r'--reason "([^"]*)"', node.epilog)
        assert reasons, path
        assert [reason for reason in reasons if what_is_vague(reason)] == [], path
