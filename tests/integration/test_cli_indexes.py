"""`countenance index` on made-up photos and a Milvus server in memory, and its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import Cli
from fake_milvus import Failed, FakeMilvus

from countenance.config import Config
from countenance.errors import SettingsInvalid
from countenance.index.milvus import Connection, Place
from countenance.web import wiring

cli, people, place = cli_fixtures.cli, cli_fixtures.people, cli_fixtures.place


@pytest.fixture
def server(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> FakeMilvus:
    made = FakeMilvus()
    connection = Connection(Place(uri="http://localhost"), connect=made.connect)
    deployment.tools = replace(deployment.tools, milvus=connection)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return made


def test_a_gallery_is_moved_checked_repaired_and_moved_back(
    cli: Cli, people: Path, server: FakeMilvus
) -> None:
    code, out = cli("index", "status")
    assert code == 0
    assert [(one["gallery"], one["place"], one["templates"]) for one in out["galleries"]] == [
        ("people", "memory", 4)
    ]
    code, out = cli("index", "move", "people", "--to", "milvus")
    assert code == 0
    assert out["place"] == "milvus"
    assert {one["kind"]["name"] for one in out["tried"]} == {
        "FLAT",
        "IVF_SQ8",
        "IVF_FLAT",
        "SCANN",
        "HNSW",
    }
    assert all(one["recall"] == 1 for one in out["tried"])
    code, out = cli("index", "check", "people")
    assert (code, out["equal"], out["templates"], out["compared"]) == (0, True, 4, 4)
    (name,) = server.collections
    server.write(name, next(iter(server.rows(name, 1e9))), None)
    code, out = cli("index", "check", "people")
    assert (code, out["equal"], out["missing"], out["held"]) == (1, False, 1, 3)
    code, said, _ = cli.shown("index", "check", "people")
    assert "1 are missing in Milvus" in said
    assert cli("index", "repair", "people")[0] == 0
    assert cli("index", "check", "people")[0] == 0
    assert cli("index", "status")[1]["galleries"][0]["behind"] == 0
    code, out = cli("index", "move", "people", "--to", "memory")
    assert (code, out["place"]) == (0, "memory")
    assert server.collections == {}
    assert cli("index", "check", "people")[0] == 5


def test_a_server_that_is_away_ends_a_command_with_words_and_its_own_code(
    cli: Cli, people: Path, server: FakeMilvus
) -> None:
    def away(_: str) -> None:
        raise Failed(2, "Fail connecting to server on secret-host:19530")

    server.before = away
    code, out = cli("index", "move", "people", "--to", "milvus")
    assert code == 75
    assert out["error"]["code"] == "index_unavailable"
    assert "secret-host" not in str(out)
    assert cli("index", "status")[1]["galleries"][0]["place"] == "memory"


def test_a_place_that_would_send_templates_in_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(**variables: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"COUNTENANCE_MILVUS__{name}", value)
            with pytest.raises(SettingsInvalid) as told:
                Config.load()
        return told.value.detail

    assert "only for this machine" in refused(URI="http://milvus.example.org:19530")
    assert "https://" in refused(URI="milvus.db")
    assert "TOKEN" in refused(URI="https://root:secret@milvus.example.org")
    assert "belong together" in refused(URI="https://milvus.example.org", KEY="key.pem")
    assert "TRUSTED" in refused(
        URI="https://milvus.example.org", KEY="key.pem", CERTIFICATE="own.pem"
    )
    token = tmp_path / "token"
    token.write_text("root:other\n")
    monkeypatch.setenv("COUNTENANCE_MILVUS__TOKEN_FILE", str(token))
    monkeypatch.setenv("COUNTENANCE_MILVUS__URI", "https://milvus.example.org:19530")
    settings = Config.load()
    connection = wiring._milvus(settings)
    assert connection is not None
    assert connection.place.token == "root:other"
    assert "root:other" not in repr(settings) + repr(connection.place)
