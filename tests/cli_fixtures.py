"""Running commands in this process on a test's deployment; used by the tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from countenance import config
from countenance.apps.agencies import tokens
from countenance.cli import login, output, session
from countenance.cli.main import run
from countenance.policy import Actor
from countenance.testing import FakeEngine
from countenance.tools import Tools

Cli = Callable[..., tuple[int, dict[str, Any]]]
PASSPORT = {
    "--owner": "The archive",
    "--lawful-basis": "consent",
    "--collected-on": "2026-01-01",
    "--purpose": "testing",
    "--retention-until": "2999-01-01",
    "--reference": "R-1",
    "--steward": "A. Keeper",
}
REASON = "a reason in enough words"


def token(actor: Actor, tools: Tools) -> str:
    """Return a token for everything that somebody's roles can use."""
    acting = replace(actor, stepped_up_at=tools.clock())
    scopes = tokens.usable_scopes(acting)
    _, secret = tokens.make_token(
        acting, name="Test", scopes=scopes, lasts=tokens.longest_for(scopes), tools=tools
    )
    return secret


@pytest.fixture
def cli(
    deployment: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """Run commands with `--json` in this process, on the test's deployment.

    They act for the person who holds every role, or `as_` another actor, `[a token]`, or nobody: `[]`.
    """

    held: list[str] = []

    @contextmanager
    def running() -> Iterator[config.Config]:
        update = {"token": SecretStr(held[0])} if held else {}
        yield config.current().model_copy(update=update)

    for module in (session, login):
        monkeypatch.setattr(module, "running", running)
        monkeypatch.setattr(module, "unseal", lambda: deployment.tools)

    def call(*arguments: object, as_: Any = deployment.actor) -> tuple[int, dict[str, Any]]:
        held[:] = [token(as_, deployment.tools)] if isinstance(as_, Actor) else as_ or []
        capsys.readouterr()
        code = run([*(str(one) for one in arguments), "--json"])
        out = capsys.readouterr().out
        assert out.count("\n") == 1, f"not one JSON object: {out}"
        return code, json.loads(out)

    yield call
    output.use_json(wanted=False)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the home."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def people(cli: Cli, place: Path) -> Path:
    """A gallery of two people with two photos each, and the folder that they came from."""
    folder = place / "photos"
    for person in ("anna", "ben"):
        (folder / person).mkdir(parents=True)
        for shot in (1, 2):
            (folder / person / f"{shot}.jpg").write_bytes(FakeEngine.photo(person, shot))
    cli("source", "add", "archive", *(part for pair in PASSPORT.items() for part in pair))
    cli("gallery", "create", "people")
    assert enrol(cli, folder)[1]["enrolled"] == 4
    return folder


def enrol(cli: Cli, path: Path, *more: object) -> tuple[int, dict[str, Any]]:
    rejects = path.parent / "rejects.csv"
    return cli("enrol", path, "-g", "people", "-s", "archive", "--rejects", rejects, *more)


def search(cli: Cli, place: Path, photo: bytes, *more: object) -> tuple[int, dict[str, Any]]:
    probe = place / "probe.jpg"
    probe.write_bytes(photo)
    return cli("search", probe, "-g", "people", "--case", "C-1", "--reason", REASON, *more)


def ledger(cli: Cli) -> dict[str, int]:
    code, report = cli("verify-ledger")
    assert code == 0
    # That commands act with tokens is on the ledger too, and another matter.
    return {
        action: count
        for action, count in report["actions"].items()
        if not action.startswith("token.")
    }
