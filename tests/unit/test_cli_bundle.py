"""`countenance verify-bundle` on a machine with no home and no database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import OTHER_SIGNER, PUBLIC, drawn_book, drawn_bundle, public_of, uid

from countenance import config
from countenance.cli import output
from countenance.cli.main import run
from countenance.ledger.export import entry_line, header_line
from countenance.ledger.head import Head
from countenance.ledger.merkle import root

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = list(config._installed)
    monkeypatch.setenv("COUNTENANCE_HOME", str(tmp_path / "no home"))
    config._installed.clear()
    path = tmp_path / "case.zip"
    path.write_bytes(drawn_bundle())
    yield path
    config._installed[:] = before
    output.use_json(wanted=False)
    assert not (tmp_path / "no home").exists()


def verified(capsys: Any, *arguments: object) -> tuple[int, dict[str, Any]]:
    code = run(["verify-bundle", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_whole_bundle_exits_with_0_and_says_what_stays_open(file: Path, capsys: Any) -> None:
    code, report = verified(capsys, file)
    assert (code, report["verified"], report["key_expected"]) == (0, True, False)
    assert report["counts"]["negative_searches"] == 1
    assert any("Whether the key" in one for one in report["not_verified"])


@pytest.mark.parametrize("spelled", ["{}", " {} ", "upper", "colons"])
def test_the_key_is_taken_however_it_is_written_down(spelled: str, file: Path, capsys: Any) -> None:
    key = PUBLIC.hex()
    if spelled == "colons":
        key = ":".join(key[at : at + 4] for at in range(0, 64, 4))
    key = key.upper() if spelled == "upper" else key
    code, report = verified(capsys, file, "--key", spelled.format(key) if "{" in spelled else key)
    assert (code, report["key_expected"]) == (0, True)


def test_another_key_exits_with_70_and_names_the_one_it_is_signed_with(
    file: Path, capsys: Any
) -> None:
    code, refused = verified(capsys, file, "--key", public_of(OTHER_SIGNER).hex())
    assert (code, refused["error"]["code"]) == (70, "bundle_broken")
    assert PUBLIC.hex() in refused["error"]["message"]


@pytest.mark.parametrize("key", ["", "12", "g" * 64, "0" * 63, "0" * 66])
def test_what_is_no_key_exits_with_2(key: str, file: Path, capsys: Any) -> None:
    code, refused = verified(capsys, file, "--key", key)
    assert (code, refused["error"]["code"]) == (2, "input")


def test_a_changed_bundle_exits_with_70(file: Path, capsys: Any) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    code, refused = verified(capsys, file)
    assert (code, refused["error"]["code"]) == (70, "bundle_broken")


def test_a_missing_file_exits_with_2(file: Path, capsys: Any) -> None:
    assert verified(capsys, file.with_name("nowhere.zip"))[0] == 2
    assert verified(capsys, file.parent)[0] == 2


def test_a_file_larger_than_any_bundle_is_not_read(
    file: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countenance.bundle.archive.MOST_BYTES", 1000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    assert verified(capsys, file)[0] == 70


def test_people_read_it_as_sentences(file: Path, capsys: Any) -> None:
    assert run(["verify-bundle", str(file)]) == 0
    shown = capsys.readouterr()
    assert "The bundle verifies. Case 26-0001" in shown.out
    assert "Cannot be verified offline:" in shown.out


def test_the_report_is_a_receipt_that_an_export_of_the_ledger_has_to_hold(
    file: Path, capsys: Any
) -> None:
    code, report = verified(capsys, file)
    kept, export = file.with_name("report.json"), file.with_name("ledger.jsonl")
    kept.write_text(json.dumps(report), encoding="utf-8")
    for rows, expected in ((drawn_book().rows, 0), (drawn_book().rows[:-5], 70)):
        entries = [row[0] for row in rows]
        head = Head(size=len(entries), root=root([one.leaf() for one in entries]))
        lines = [header_line(deployment=uid("deployment"), head=head)]
        lines += [entry_line(index, one.canonical()) for index, one in enumerate(entries)]
        export.write_text("\n".join(lines), encoding="utf-8")
        assert run(["verify-ledger", str(export), "--receipt", str(kept)]) == expected
    assert code == 0


def test_it_needs_neither_django_nor_models(file: Path) -> None:
    script = (
        "import sys; from countenance.cli.main import run; code = run(['verify-bundle', sys.argv[1]]); "
        "heavy = {'django', 'numpy', 'onnxruntime', 'faiss', 'PIL', 'procrastinate'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", [[], [PUBLIC.hex()], [PUBLIC.hex().upper()]])
def test_the_script_says_the_same_from_its_own_command_line(key: list[str], file: Path) -> None:
    done = script(file, *key)
    assert done.returncode == 0, done.stderr
    assert "The bundle verifies: case 26-0001" in done.stdout
    assert ("ask the agency" in done.stdout) == (not key)


def test_the_script_refuses_a_changed_bundle_and_another_key(file: Path) -> None:
    assert script(file, public_of(OTHER_SIGNER).hex()).returncode == 1
    file.write_bytes(file.read_bytes()[:-1])
    done = script(file)
    assert done.returncode == 1
    assert "does NOT verify" in done.stderr


def test_the_script_shares_no_code_with_the_program() -> None:
    text = (ROOT / "docs/reference/verify_bundle.py").read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    path = ROOT / "docs/reference/verify_bundle.py"
    return subprocess.run(
        [sys.executable, "-I", str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
