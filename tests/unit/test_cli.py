"""The command line: help, usage errors, exit codes and the one JSON object, without a deployment."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countenance import config
from countenance.cli import output
from countenance.cli.app import command
from countenance.cli.main import run
from countenance.errors import CaseClosed, ImageRejected, SealBroken

FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    before = list(config._installed)
    monkeypatch.setenv("COUNTENANCE_HOME", str(home))
    config._installed.clear()
    yield home
    config._installed[:] = before
    output.use_json(wanted=False)


def commands(node: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, sub in (node or command()).commands.items():
        if hasattr(sub, "commands"):
            yield from commands(sub, (*path, name))
        else:
            yield (*path, name), sub


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_takes_json_explains_itself_and_has_an_example(path: tuple[str, ...]) -> None:
    node = COMMANDS[path]
    assert any("--json" in parameter.opts for parameter in node.params)
    assert node.help
    assert f"countenance {' '.join(path)}" in node.epilog
    assert all(parameter.help for parameter in node.params)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_its_help(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    assert path[-1] in capsys.readouterr().out


def test_help_needs_neither_django_nor_models() -> None:
    script = (
        "import sys; from countenance.cli.main import run; run(['--help']); "
        "heavy = {'django', 'numpy', 'onnxruntime', 'faiss', 'PIL', 'procrastinate'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("countenance 0.")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 75, "could not be written: No space left on device"),
        (["init", "--help"], 75, "could not be written: No space left on device"),
        (["version", "--nonsense", "--json"], 2, "could not be written: No space left on device"),
    ],
)
def test_a_full_disk_under_the_output_is_said_in_words(
    arguments: list[str], code: int, said: str
) -> None:
    script = "import sys; from countenance.cli.main import run; sys.exit(run(sys.argv[1:]))"
    words = [sys.executable, "-c", script, *arguments]
    with FULL.open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert subprocess.run(words, stdout=full, stderr=full, check=False).returncode == code
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["search"], ["enrol", "x", "--nonsense"], ["nothing"], ["search", "x", "--top", "51"]],
)
def test_a_wrong_command_line_is_told_apart(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--json"]) == 2
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "usage"
    assert "--help" in shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["gallery", "list"],
        ["enrol", ".", "-g", "people", "-s", "archive"],
        ["search", "x.jpg", "-g", "people", "--case", "1", "--reason", "because"],
        ["verify-ledger"],
        ["serve"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_deployment_every_command_names_the_way_out(
    arguments: list[str], capsys: pytest.CaptureFixture[str], empty_home: Path
) -> None:
    assert run([*arguments, "--json"]) == 4
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["code"] == "not_found"
    assert "countenance init" in error["message"]
    assert error["message"] in shown.err
    assert not empty_home.exists()


def test_wrong_settings_are_all_named_and_exit_with_78(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTENANCE_WEB__PORT", "many")
    monkeypatch.setenv("COUNTENANCE_WORKERS", "-1")
    assert run(["gallery", "list", "--json"]) == 78
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "settings_invalid"
    assert "COUNTENANCE_WEB__PORT" in error["message"]
    assert "COUNTENANCE_WORKERS" in error["message"]


def test_a_passphrase_without_a_terminal_names_the_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, empty_home: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["init", "--json"]) == 75
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "key_unavailable"
    assert "COUNTENANCE_PASSPHRASE_FILE" in error["message"]
    assert not empty_home.exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageRejected("Not a photo."), 2),
        (CaseClosed("It is closed.", rule="case.open"), 3),
        (SealBroken(), 70),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a name that must not be shown"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_exit_codes_and_one_json_object(
    error: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> int:
        raise error

    monkeypatch.setattr("countenance.cli.app.command", lambda: type("Failing", (), {"main": fail}))
    assert run(["gallery", "list", "--json"]) == code
    described = json.loads(capsys.readouterr().out)["error"]
    assert described["exit"] == code
    if isinstance(error, CaseClosed):
        assert described == {
            "code": "case_closed",
            "message": "It is closed.",
            "rule": "case.open",
            "exit": 3,
        }
    assert "must not be shown" not in described["message"]


def test_text_from_files_cannot_fake_or_hide_output() -> None:
    assert "\x1b" not in output.printable("\x1b[31mred\x1b[0m\r\b\u202e")
    assert "\u202e" not in output.printable("\u202e")


def test_verify_ledger_of_a_file_needs_no_deployment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "ledger.jsonl"
    broken.write_text('{"format": "something else"}\n', encoding="utf-8")
    code = run(["verify-ledger", str(broken), "--json"])
    assert code in {2, 70}
    assert json.loads(capsys.readouterr().out)["error"]["code"] in {"input", "ledger_broken"}
    assert run(["verify-ledger", str(tmp_path / "missing.jsonl")]) == 2
