"""`countenance search` and what it leaves on the ledger: its one object, its answers, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import cli_fixtures
from cli_fixtures import CASE, PASSPORT, REASON, Cli, ask, examine, ledger, run_search, search
from factories import acting

from countenance.policy import Role
from countenance.testing import FakeEngine

cli, people, place = cli_fixtures.cli, cli_fixtures.people, cli_fixtures.place


def test_a_search_prints_exactly_this_object(cli: Cli, people: Path, place: Path) -> None:
    code, found = search(cli, place, FakeEngine.photo("anna", 9))
    assert code == 0
    assert list(found) == [
        "search_id",
        "receipt",
        "probe",
        "gallery",
        "model",
        "mode",
        "threshold",
        "operating_point",
        "means",
        "answer",
        "candidates",
        "came_of",
    ]
    assert found["gallery"] == ["people"]
    assert found["answer"] == "candidates"
    assert (found["mode"], found["operating_point"]) == ("investigation", None)
    assert found["means"].startswith(
        "This list is returned even if the person is not in the gallery"
    )
    assert found["probe"]["face"] == 0
    assert list(found["probe"]["faces"][0]) == ["box", "score", "quality"]
    first, second = found["candidates"]
    assert list(first) == ["rank", "subject", "similarity", "fused", "photo", "box", "source"]
    assert (first["rank"], first["subject"], second["subject"]) == (1, "anna", "ben")
    assert first["similarity"] > 0.7 > second["similarity"]
    assert list(first["photo"]) == ["id", "external_id", "path"]
    assert first["photo"]["path"].startswith("anna/")
    assert len(first["box"]) == 4
    assert first["source"] == {
        "name": "archive",
        **{key[2:].replace("-", "_"): value for key, value in PASSPORT.items()},
    }


def test_the_receipt_of_a_search_is_found_in_an_export(cli: Cli, people: Path, place: Path) -> None:
    found = search(cli, place, FakeEngine.photo("anna", 9))[1]
    receipt = place / "search.json"
    receipt.write_text(json.dumps(found), encoding="utf-8")
    export = place / "ledger.jsonl"
    assert cli("ledger", "export", export)[0] == 0
    code, report = cli("verify-ledger", export, "--receipt", receipt)
    assert (code, report["verified"], report["receipt"]) == (0, True, True)
    assert report["actions"]["search.concluded"] == 1
    lines = export.read_text(encoding="utf-8").splitlines()
    export.write_text("\n".join(lines[:-3]) + "\n", encoding="utf-8")
    code, error = cli("verify-ledger", export, "--receipt", receipt)
    assert code == 70
    assert error["error"]["code"] in {"ledger_broken", "bad_proof"}


def test_every_search_of_a_case_is_counted_and_its_candidates_as_viewed(
    cli: Cli, people: Path, place: Path
) -> None:
    for _ in range(2):
        search(cli, place, FakeEngine.photo("anna", 9))
    # Whoever examines is not told by counts how far others are.
    actions = ledger(cli, as_=acting(cli.on, Role.AUDITOR))
    assert "candidates.viewed" not in ledger(cli)
    assert actions["case.opened"] == 1
    assert actions["search.intended"] == actions["search.concluded"] == 2
    assert actions["candidates.viewed"] == 2


def test_a_search_opens_no_case_and_takes_no_photo_that_nobody_added(
    cli: Cli, people: Path, place: Path
) -> None:
    probe = place / "probe.jpg"
    probe.write_bytes(FakeEngine.photo("anna", 9))
    assert run_search(cli, probe)[1]["error"]["code"] == "not_found"
    assert "case.opened" not in ledger(cli)
    ask(cli, place, FakeEngine.photo("ben", 9))
    probe.write_bytes(FakeEngine.photo("anna", 9))
    code, refused = run_search(cli, probe)
    assert (code, refused["error"]["code"]) == (3, "not_evidence")
    actions = ledger(cli)
    assert actions["action.refused"] == 1
    assert "search.intended" not in actions


def test_nobody_runs_the_search_that_they_asked_for(cli: Cli, people: Path, place: Path) -> None:
    probe = ask(cli, place, FakeEngine.photo("anna", 9))
    code, refused = cli("search", probe, "-g", "people", "--case", CASE, "--reason", REASON)
    assert code == 3
    assert refused["error"]["rule"]
    actions = ledger(cli)
    assert actions["action.refused"] == 1
    assert "search.concluded" not in actions


def test_no_face_and_low_quality_are_recorded_answers(cli: Cli, people: Path, place: Path) -> None:
    code, nothing = search(cli, place, FakeEngine.photo("anna", faces=0))
    assert (code, nothing["answer"], nothing["candidates"]) == (0, "no_face", [])
    assert nothing["probe"] == {"faces": [], "face": None}
    from countenance.faces.types import Gate

    code, poor = search(cli, place, FakeEngine.photo("anna", gate=Gate.UNUSABLE))
    assert (code, poor["answer"], poor["candidates"]) == (0, "quality_too_low", [])
    assert poor["probe"]["faces"][0]["quality"]["reason"]
    assert ledger(cli)["search.concluded"] == 2


def test_no_candidate_is_a_recorded_answer(cli: Cli, people: Path, place: Path) -> None:
    cli("gallery", "create", "empty")
    code, found = search(cli, place, FakeEngine.photo("anna", 9), "-g", "empty")
    assert (code, found["answer"], found["candidates"]) == (0, "no_candidate", [])
    assert ledger(cli)["search.concluded"] == 1


def test_a_probe_with_several_faces_needs_a_choice(cli: Cli, people: Path, place: Path) -> None:
    group = FakeEngine.photo("anna", faces=3)
    code, refused = search(cli, place, group)
    assert code == 2
    assert [one["face"] for one in refused["error"]["facts"]["faces"]] == [0, 1, 2]
    assert "--face" in refused["error"]["message"]
    assert search(cli, place, group, "--face", 3)[0] == 2
    assert ledger(cli).get("search.intended", 0) == 0
    code, found = search(cli, place, group, "--face", 0)
    assert (code, found["probe"]["face"]) == (0, 0)


def test_several_galleries_are_searched_and_named_once(cli: Cli, people: Path, place: Path) -> None:
    cli("gallery", "create", "more")
    photo = FakeEngine.photo("anna", 9)
    found = search(cli, place, photo, "-g", "people", "-g", "more", "-g", "people")[1]
    assert found["gallery"] == ["people", "more"]


def test_the_number_of_candidates_can_be_limited(cli: Cli, people: Path, place: Path) -> None:
    assert len(search(cli, place, FakeEngine.photo("anna", 9), "--top", 1)[1]["candidates"]) == 1


def test_refused_searches_say_why_and_are_on_the_ledger(
    cli: Cli, people: Path, place: Path
) -> None:
    photo = FakeEngine.photo("anna", 9)
    search(cli, place, photo)
    probe = ask(cli, place, photo)
    assert cli("case", "close", CASE, "--reason", "found")[0] == 0
    code, refused = run_search(cli, probe)
    assert code == 3
    assert refused["error"]["code"] == "case_closed"
    assert refused["error"]["rule"]
    assert ledger(cli)["action.refused"] == 1


def test_a_file_that_is_no_photo_cannot_be_searched_with(
    cli: Cli, people: Path, place: Path
) -> None:
    probe = ask(cli, place, FakeEngine.photo("anna", 9))
    probe.write_bytes(b"not a photo")
    code, refused = cli("case", "add-evidence", CASE, probe)
    assert (code, refused["error"]["code"]) == (2, "image_rejected")
    assert run_search(cli, probe)[0] in {2, 3}
    assert "search.intended" not in ledger(cli)


def test_without_json_the_same_is_shown_to_people(cli: Cli, people: Path, place: Path) -> None:
    probe = ask(cli, place, FakeEngine.photo("anna", 9))
    wanted = ("-g", "people", "--case", CASE, "--reason", REASON)
    code, shown, _ = cli.shown("search", probe, *wanted, as_=cli.on.examiner)
    assert code == 0
    assert "2 are to be examined" in shown
    assert "anna" not in shown
    code, shown, _ = cli.shown("result", examine(cli, None), as_=cli.on.examiner)
    assert code == 0
    assert "anna" in shown
    assert "even if the person is not in the gallery" in shown
    assert "Receipt 0" in shown
    assert "%" not in shown
    for arguments in (["gallery", "list"], ["gallery", "show", "people"], ["source", "list"]):
        code, shown, _ = cli.shown(*arguments)
        assert code == 0
        assert "archive" in shown or "people" in shown


def test_several_photos_make_one_search(cli: Cli, people: Path, place: Path) -> None:
    first = ask(cli, place, FakeEngine.photo("anna", 9)).rename(place / "first.jpg")
    group = ask(cli, place, FakeEngine.photo("ben", 3, others=["anna"])).rename(place / "group.jpg")
    code, refused = run_search(cli, first, "--probe", group)
    assert (code, refused["error"]["code"]) == (2, "input")
    assert "2 faces" in refused["error"]["message"]
    code, refused = run_search(cli, first, "--probe", f"{group}:0")
    assert refused["error"]["code"] == "not_alike"
    code, found = run_search(cli, first, "--probe", f"{group}:1")
    assert code == 0
    assert [one["face"] for one in found["probe"]["photos"]] == [0, 1]
    assert found["candidates"][0]["subject"] == "anna"
