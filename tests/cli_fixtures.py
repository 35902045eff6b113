"""Running commands in this process on a test's deployment; used by the tests of the command line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import examining
import factories
import pytest
from pydantic import SecretStr

from countenance import config
from countenance.apps.agencies import tokens
from countenance.apps.cases import queries
from countenance.apps.galleries.queries import gallery_by_name
from countenance.apps.searches.models import Search
from countenance.cli import login, output, session
from countenance.cli.main import run
from countenance.policy import Actor
from countenance.testing import FakeEngine
from countenance.tools import Tools

PASSPORT = {
    "--owner": "The archive",
    "--lawful-basis": "consent",
    "--collected-on": "2026-01-01",
    "--purpose": "testing",
    "--retention-until": "2999-01-01",
    "--reference": "R-1",
    "--steward": "A. Keeper",
}
CASE = "C-1"
REASON = "Reported missing by her sister on 3 May"


def token(actor: Actor, tools: Tools) -> str:
    """Return a token for everything that somebody's roles can use."""
    acting = replace(actor, stepped_up_at=tools.clock())
    scopes = tokens.usable_scopes(acting)
    _, secret = tokens.make_token(
        acting, name="Test", scopes=scopes, lasts=tokens.longest_for(scopes), tools=tools
    )
    return secret


class Cli:
    """Runs commands in this process, on the test's deployment.

    They act for the person who holds every role, or `as_` another actor, `[a token]`, or nobody: `[]`.
    """

    def __init__(self, on: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """Act on a deployment, whose people do `on` it what goes before a command."""
        self.on = on
        self.held: list[str] = []
        self._capsys = capsys

    def __call__(self, *arguments: object, as_: Any = None) -> tuple[int, dict[str, Any]]:
        """Run a command with `--json`; return its exit code and its object."""
        code, out, _ = self.shown(*arguments, "--json", as_=as_)
        assert out.count("\n") == 1, f"not one JSON object: {out}"
        return code, json.loads(out)

    def shown(self, *arguments: object, as_: Any = None) -> tuple[int, str, str]:
        """Run a command as people do; return its exit code, what it printed, and its messages."""
        who = self.on.actor if as_ is None else as_
        self.held[:] = [token(who, self.on.tools)] if isinstance(who, Actor) else who
        self._capsys.readouterr()
        code = run([str(one) for one in arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def cli(
    deployment: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """Run commands in this process, on the test's deployment."""
    made = Cli(deployment, capsys)

    @contextmanager
    def running() -> Iterator[config.Config]:
        update = {"token": SecretStr(made.held[0])} if made.held else {}
        yield config.current().model_copy(update=update)

    for module in (session, login):
        monkeypatch.setattr(module, "running", running)
        monkeypatch.setattr(module, "unseal", lambda _factor=None: deployment.tools)
    yield made
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


def ask(cli: Cli, place: Path, photo: bytes, *galleries: str) -> Path:
    """Let the investigator ask for a search with a photo, for a case about many people; return its file."""
    on = cli.on
    found = queries.case_by_reference(on.actor, CASE, tools=on.tools)
    found = found or factories.make_case(on, CASE)
    factories.widen(found)
    wanted = [gallery_by_name(on.actor, name, tools=on.tools) for name in galleries or ("people",)]
    factories.ask(on, found, wanted, photo)
    probe = place / "probe.jpg"
    probe.write_bytes(photo)
    return probe


def run_search(cli: Cli, probe: Path, *more: object) -> tuple[int, dict[str, Any]]:
    """Run a search as the examiner, who is somebody other than whoever asked for it."""
    galleries = () if "-g" in more else ("-g", "people")
    asked = ("--case", CASE, "--reason", REASON, *galleries, *more)
    code, found = cli("search", probe, *asked, as_=cli.on.examiner)
    if code != 0 or not found.get("to_examine"):
        return code, found
    assert found["candidates"] == []  # nobody reads who they are before they were examined
    return cli("result", examine(cli, found), as_=cli.on.examiner)


def examine(cli: Cli, found: dict[str, Any] | None) -> str:
    """Have a search, else the newest, examined by two examiners, one of them whoever ran it; return its id."""
    rows = Search.objects.order_by("-intended_at")
    one = rows[0] if found is None else rows.get(pk=found["search_id"])
    examining.examined(cli.on, one)
    return str(one.pk)


def search(cli: Cli, place: Path, photo: bytes, *more: object) -> tuple[int, dict[str, Any]]:
    """Ask for a search with a photo and run it."""
    galleries = [str(name) for flag, name in itertools.pairwise(more) if flag == "-g"]
    return run_search(cli, ask(cli, place, photo, *galleries), *more)


def ledger(cli: Cli, as_: Any = None) -> dict[str, int]:
    code, report = cli("verify-ledger", as_=as_)
    assert code == 0
    # That commands act with tokens is on the ledger too, and another matter.
    return {
        action: count
        for action, count in report["actions"].items()
        if not action.startswith("token.")
    }
