"""The program itself, as a process with a home and a passphrase of its own and the real models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = (sys.executable, "-c", "from countenance.cli import main; main()")
PASSPHRASE = "seven quiet otters crossing"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the database's user can enter."""
    with tempfile.TemporaryDirectory(prefix="countenance-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def call(place: Path, *arguments: str, passphrase: str = PASSPHRASE) -> tuple[int, dict[str, Any]]:
    secret = place / "passphrase"
    secret.write_text(passphrase + "\n", encoding="utf-8")
    mine = {key: value for key, value in os.environ.items() if not key.startswith("COUNTENANCE_")}
    mine.pop("DJANGO_SETTINGS_MODULE", None)
    more = {"COUNTENANCE_HOME": str(place / "home"), "COUNTENANCE_PASSPHRASE_FILE": str(secret)}
    done = subprocess.run(
        [*PROGRAM, *arguments, "--json"],
        env={**mine, **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert passphrase not in done.stdout + done.stderr
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_a_deployment_is_made_once_opens_with_its_passphrase_only_and_is_well(place: Path) -> None:
    code, made = call(place, "init", "--name", "Ada of Secrets", "--email", "ada@example.org")
    assert (code, made["factor"]) == (0, "passphrase")
    assert call(place, "init")[1]["error"]["code"] == "already_exists"

    code, refused = call(place, "gallery", "list", passphrase="another one altogether")
    assert (code, refused["error"]["code"]) == (75, "key_unavailable")
    code, refused = call(place, "gallery", "list")
    assert (code, refused["error"]["code"]) == (3, "not_signed_in")
    assert "countenance login" in refused["error"]["message"]

    code, report = call(place, "doctor")
    checks = {one["check"]: one for one in report["checks"]}
    assert code == 0, checks
    assert report["ok"] is True
    assert set(checks) == {
        "home",
        "disk",
        "memory",
        "keys",
        "database",
        "models",
        "workers",
        "device",
        "index",
        "ledger",
        "witnesses",
        "rows",
        "signing key",
    }
    assert {one["state"] for one in checks.values()} <= {"ok", "warning"}

    code, planned = call(place, "doctor", "--plan")
    assert code == 0
    tiers = {(one["templates"], one["dimensions"]): one["tier"] for one in planned["plans"]}
    assert (tiers[10_000, 128], tiers[1_000_000, 128]) == ("exact", "quantised")
    exact = call(place, "doctor", "--plan", "--recall", "1")[1]["plans"]
    assert {one["tier"] for one in exact} == {"exact"}

    home = place / "home"
    assert home.stat().st_mode & 0o077 in {0, 0o010, 0o001}
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept
    for secret in (
        PASSPHRASE,
        made["invitation"].rstrip("/").rpartition("/")[2],
        "Ada of Secrets",
        "ada@example.org",
    ):
        for path in kept:
            assert secret.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_the_doctor_names_the_way_out_where_nothing_is(place: Path) -> None:
    code, report = call(place, "doctor")
    assert (code, report["ok"]) == (1, False)
    problems = [one for one in report["checks"] if one["state"] == "problem"]
    assert [one["check"] for one in problems] == ["home", "keys"]
    assert all("countenance init" in one["way_out"] for one in problems)
    assert not (place / "home").exists()
