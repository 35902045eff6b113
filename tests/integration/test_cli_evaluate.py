"""`countenance evaluate`, `evaluations`, `selftest` and `operating-point`, as people type them."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import cli_fixtures
import factories
import measuring as made
import pytest
from cli_fixtures import Cli

from countenance.apps.approvals.models import Approval
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.policy import Role
from countenance.testing import FakeEngine

cli, place = cli_fixtures.cli, cli_fixtures.place


@pytest.fixture
def labelled(place: Path) -> Path:
    """A folder of forty people with two photos each."""
    return made.folder(place, made.names(40, "sampled"))


def strangers(place: Path, number: int = 20) -> Path:
    root = place / "strangers"
    root.mkdir()
    for name in made.names(number, "stranger"):
        (root / f"{name}.jpg").write_bytes(FakeEngine.photo(name))
    return root


def test_a_folder_is_evaluated_shown_listed_and_made_again(
    cli: Cli, labelled: Path, place: Path
) -> None:
    groups = place / "groups.csv"
    rows = (f"{name},{'red' if n else 'blue'}" for n, name in enumerate(made.names(40, "sampled")))
    groups.write_text("\n".join(["subject,colour", *rows]) + "\n")
    file = place / "evaluation.json"
    code, made_now = cli("evaluate", labelled, "--groups", groups, "--out", file)
    assert code == 0
    assert made_now["numbers"]["mated_searches"] == 40
    assert {one["group"] for one in made_now["numbers"]["groups"]} == {"colour: red"}
    assert made_now["details"]["settings"]["groups_too_small"] == 1
    assert made_now["gallery"] is None
    code, listed = cli("evaluations", "list")
    assert [one["id"] for one in listed["evaluations"]] == [made_now["id"]]
    code, shown = cli("evaluations", "show", made_now["id"])
    assert shown["numbers"] == made_now["numbers"]
    assert cli("evaluations", "check", made_now["id"]) == (0, {"same": True})
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"sampled" not in file.read_bytes()
    # With nobody signed in, and without a deployment.
    assert cli("evaluate", "--again", file, as_=[]) == (0, {"same": True})
    stored = json.loads(file.read_bytes())
    stored["trials"]["mated"][0] -= 0.3
    file.write_bytes(json.dumps(stored).encode())
    code, refused = cli("evaluate", "--again", file, as_=[])
    assert code == 70
    assert "measured" in refused["error"]["facts"]["differs"]
    file.write_text("{}")
    assert cli("evaluate", "--again", file, as_=[])[0] == 2
    assert cli("evaluate", "--again", place / "nothing", as_=[])[0] == 2


def test_people_read_shares_in_words_and_no_percentages(cli: Cli, labelled: Path) -> None:
    code, shown, said = cli.shown("evaluate", labelled)
    assert code == 0
    assert "40 searches for 40 people among 40" in shown
    assert "At the evaluated size of 39 people" in shown
    assert "1 in 100" in shown
    assert "%" not in shown + said
    assert "Licence" in shown
    groups = labelled.parent / "mistyped.csv"
    groups.write_text("subject,colour\nsampled 0,red\nsampeld 1,red\n")
    said = cli.shown("evaluate", labelled, "--groups", groups)[2]
    assert "Labels in the file of groups that fit nobody: 1." in said


def test_a_csv_file_and_a_gallery_are_evaluated(cli: Cli, labelled: Path) -> None:
    table = labelled / "sample.csv"
    rows = [f"{n}/{s}.jpg,{n},red" for n in made.names(30, "sampled") for s in (1, 2)]
    table.write_text("\n".join(["file,subject,colour", *rows, "missing.jpg,eve,red"]) + "\n")
    code, shown, said = cli.shown("evaluate", table, "--enrol", "0")
    assert code == 0
    assert "60 searches for 30 people among 30" in shown
    assert "Turned away: missing.jpg" in said
    made.filled(cli.on, made.names(30, "enrolled"), shots=(1, 2), name="people")
    code, found = cli("evaluate", "-g", "people")
    assert (code, found["kind"], found["gallery"]) == (0, "gallery", "people")
    assert cli("evaluations", "check", found["id"]) == (0, {"same": True})
    code, listed = cli("evaluations", "list", "-g", "people")
    assert [one["kind"] for one in listed["evaluations"]] == ["gallery"]
    assert cli("evaluate")[0] == 2
    assert cli("evaluate", labelled / "nothing")[0] == 2


def test_the_file_of_a_gallerys_own_photos_cannot_tell_who_looks_like_whom_and_is_made_again(
    cli: Cli, place: Path
) -> None:
    """Six columns of two values each would name each of 64 people, though no value is of fewer than 30; here are two."""
    names = made.names(64, "enrolled")
    made.filled(cli.on, names, shots=(1, 2), name="people")
    groups, file = place / "groups.csv", place / "evaluation.json"
    rows = [",".join([name, *f"{n % 4:02b}"]) for n, name in enumerate(names)]
    groups.write_text("\n".join(["subject,a,b", *rows]) + "\n")
    code, found = cli("evaluate", "-g", "people", "--groups", groups, "--out", file)
    assert code == 0
    assert len(found["numbers"]["groups"]) == 4
    assert cli("evaluations", "check", found["id"]) == (0, {"same": True})
    stored = json.loads(file.read_bytes())
    assert stored["trials"]["mated_groups"] == stored["trials"]["non_mated_groups"] == []
    assert stored["numbers"]["groups"] == []
    assert len(stored["trials"]["mated"]) == 128
    assert cli("evaluate", "--again", file, as_=[]) == (0, {"same": True})


def test_every_file_that_was_written_is_on_the_ledger_with_its_hash(
    cli: Cli, labelled: Path, place: Path
) -> None:
    evaluation = cli("evaluate", labelled)[1]["id"]
    exported = LedgerRow.objects.filter(action="evaluation.exported", about=evaluation)
    assert not exported.exists()
    file = place / "evaluation.json"
    assert cli("evaluations", "show", evaluation, "--out", file)[0] == 0
    _, body = unseal_body(exported.get(), keyring=cli.on.tools.keyring)
    facts = json.loads(body)["facts"]
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert facts == {"what": "trials", "sha256": sha256}


def test_an_operating_point_is_asked_for_approved_set_and_shown(
    cli: Cli, labelled: Path, place: Path
) -> None:
    made.filled(cli.on, made.names(30), name="people")
    code, none = cli("operating-point", "show", "-g", "people")
    assert (code, none["point"]) == (0, None)
    assert "returns a list in any case" in none["means"]
    evaluation = cli("evaluate", labelled, "-g", "people")[1]["id"]
    wish = ("-g", "people", "--evaluation", evaluation, "--fpir", "0.003")
    code, refused = cli("operating-point", "ask", *wish, "--reason", "x")
    assert (code, refused["error"]["code"]) == (2, "reason_missing")
    code, asked = cli("operating-point", "ask", *wish, "--reason", made.REASON)
    assert code == 0
    assert asked["payload"]["wanted_fpir"] == "0.003"
    assert cli("operating-point", "set", asked["approval"])[0] == 3
    made.approved(cli.on, Approval.objects.get(pk=asked["approval"]))
    code, done = cli("operating-point", "set", asked["approval"])
    assert code == 0
    assert done["means"].startswith("At this setting about 3 in 1,000 searches for people who are")
    code, now = cli("operating-point", "show", "-g", "people")
    assert now["point"] == done["point"]
    assert [one["evaluation"] for one in now["history"]] == [evaluation]
    code, shown, _ = cli.shown("operating-point", "show", "-g", "people")
    assert "this gallery of 30 return somebody" in shown


def test_a_selftest_counts_keeps_and_forgets(cli: Cli, place: Path) -> None:
    on = cli.on
    gallery = made.filled(on, made.names(30), name="people")
    folder = strangers(place)
    assert cli("selftest", "-g", "people", "--nonmates", folder)[0] == 5
    made.pointed(on, gallery)
    assert cli("selftest", "-g", "people")[0] == 2
    until = (on.tools.clock() + timedelta(days=30)).date().isoformat()
    code, found = cli("selftest", "-g", "people", "--nonmates", folder, "--keep-until", until)
    assert code == 0
    assert found["details"]["selftest"]["searches"] == 20
    code, shown, _ = cli.shown("evaluations", "show", found["id"])
    assert "of 20 searches returned somebody who is not searched for" in shown
    assert "The count is blurred" in shown
    assert "numbers" not in found
    for asked in (("show", found["id"], "--out", place / "out.json"), ("check", found["id"])):
        assert cli("evaluations", *asked)[0] == 2
    assert not (place / "out.json").exists()
    assert cli("selftest", "-g", "people", "--nonmates", folder)[0] == 5  # One a day.
    assert cli("selftest", "-g", "people", "--forget") == (0, {"destroyed": True})
    assert cli("selftest", "-g", "people", "--forget")[0] == 2


def test_only_a_steward_measures_and_those_who_answer_for_searches_read_it(
    cli: Cli, labelled: Path, place: Path
) -> None:
    evaluation = cli("evaluate", labelled)[1]["id"]
    open_to_all = place / "before.json"
    open_to_all.write_bytes(b"")
    open_to_all.chmod(0o644)
    assert cli("evaluations", "show", evaluation, "--out", open_to_all)[0] == 0
    assert open_to_all.stat().st_mode & 0o777 == 0o600
    for role in (Role.EXAMINER, Role.SUPERVISOR, Role.AUDITOR):
        reader = factories.acting(cli.on, role)
        assert cli("evaluations", "show", evaluation, as_=reader)[0] == 0
        # Numbers, but not every similarity in clear.
        taken = place / "taken.json"
        assert cli("evaluations", "show", evaluation, "--out", taken, as_=reader)[0] == 3
        assert not taken.exists()
        assert cli("evaluate", labelled, as_=reader)[0] == 3
    assert cli("evaluations", "list", as_=factories.acting(cli.on, Role.INVESTIGATOR))[0] == 3
