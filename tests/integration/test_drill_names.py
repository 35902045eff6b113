"""A list of known values is looked for in a deployment's home: what is found is said by line and place, never by value."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import factories
import psycopg
import pytest
from django.db import connection

from countenance.cli.main import run
from countenance.drill import against, names
from countenance.drill.loot import DUMP
from countenance.errors import InputError, NotFound
from countenance.sealing.kinds import KeyKind
from countenance.web.postgres import LocalPostgres

KNOWN = [
    "Anna Liebermann",
    "26-0117/KR",
    "Jürgen Öztürk",
    "Reported missing on 3 May",
    "Ben Absent",
]
LINES = "\n".join(["", KNOWN[0], "  ", *KNOWN[1:]]) + "\r\n"
FORMS = {
    "plain": str.encode,
    "UTF-16": lambda one: one.encode("utf-16-le"),
    "hex": lambda one: one.encode().hex().encode(),
    "base64": lambda one: base64.b64encode(b"x" + one.encode() + b"y"),
    "capitals": lambda one: one.upper().encode(),
}


@pytest.fixture
def home() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="countenance-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    made = folder / "home"
    (made / "keys").mkdir(parents=True)
    (made / "keys" / "root.json").write_text("{}")
    yield made
    LocalPostgres(made).destroy()
    shutil.rmtree(folder)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "names.txt"
    file.write_text(LINES, encoding="utf-8")
    return file


def search(home: Path, file: Path) -> Any:
    value = against.search(home, lambda _: None, file)
    assert not any(known in json.dumps(value, ensure_ascii=False) for known in KNOWN)
    return value


@pytest.mark.parametrize("form", FORMS)
def test_a_value_in_a_file_is_found_in_every_form(home: Path, listed: Path, form: str) -> None:
    (home / "objects").mkdir()
    (home / "objects" / "one").write_bytes(bytes(range(99)) + FORMS[form](KNOWN[2]) + b"\0rest")
    (home / "notes").write_bytes(b"before " + FORMS[form](KNOWN[0]))
    (home / "notes again").write_bytes(b"before " + FORMS[form](KNOWN[0]))
    value = search(home, listed)
    assert value["values"] == len(KNOWN)
    assert value["found"] == [
        {"what": "the value of line 2", "where": "other files of the home"},
        {"what": "the value of line 5", "where": "object store"},
    ]
    assert value["places"]["object store"]["findings"] == 1


def test_a_value_in_a_table_of_the_homes_database_is_found(home: Path, listed: Path) -> None:
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running()
        with psycopg.connect(url) as session:
            session.execute("CREATE TABLE careless (said text, kept bytea)")
            session.execute("INSERT INTO careless VALUES (%s, %s)", (KNOWN[1], KNOWN[3].encode()))
        lines = {one["what"] for one in search(home, listed)["found"] if one["where"] == DUMP}
    assert lines == {"the value of line 4", "the value of line 6"}


def test_a_sealed_value_is_not_found(home: Path, listed: Path, deployment: Any) -> None:
    on = deployment
    for number, known in enumerate(KNOWN):
        sealed = on.tools.keyring.seal(
            known.encode(), kind=KeyKind.ACCOUNT, agency=on.actor.agency, object="1", field="a"
        )
        (home / f"sealed {number}").write_bytes(sealed)
    factories.make_case(on, KNOWN[1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT cases_case::text FROM cases_case")
        (home / "cases").write_text(str(cursor.fetchall()))
    value = search(home, listed)
    assert (value["values"], value["found"]) == (len(KNOWN), [])
    assert value["places"]["other files of the home"]["bytes_searched"] > 1000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no value"),
        (b" \n\n", "holds no value"),
        (b"Anna Liebermann\nAnna Li\n", "Line 2 of --names has fewer than 8"),
        (b"J\xfcrgen Oezdemir", "no UTF-8"),
        ("Anna Liebermann".encode("utf-16-le"), "control character"),
        (b"x" * (names.LONGEST + 1), "Line 1 of --names has more than 500"),
        (b"12345678\n" * (names.MOST + 1), "more than 20,000"),
        (b"\n" * (names.LARGEST + 1), "larger than 4 MiB"),
    ],
)
def test_what_is_no_list_is_refused_in_words_that_hold_no_value(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        names.values_of(data)
    assert "Anna" not in refused.value.detail


def test_a_list_inside_of_what_is_searched_and_one_that_is_not_there_are_refused(
    home: Path, listed: Path, tmp_path: Path
) -> None:
    inside = home / "names.txt"
    inside.write_text(LINES, encoding="utf-8")
    (tmp_path / "link").symlink_to(inside)
    for file in (inside, tmp_path / "link"):
        with pytest.raises(InputError, match="lies in what is searched"):
            against.search(home, lambda _: None, file)
    with pytest.raises(NotFound, match="cannot be read"):
        against.search(home, lambda _: None, tmp_path / "none")


def test_the_command_reads_standard_input_and_exits_with_one_if_it_finds_something(
    home: Path,
    listed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = ["drill", "breach", "--against", str(home), "--names"]
    assert run([*order, str(listed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["values"], told["found"]) == (len(KNOWN), [])
    (home / "notes").write_text(KNOWN[4], encoding="utf-8")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(LINES.encode())))
    assert run([*order, "-"]) == 1
    shown = "".join(capsys.readouterr())
    assert "the value of line 7 in other files of the home" in shown
    assert not any(known in shown for known in KNOWN)
    assert run(["drill", "breach", "--names", str(listed)]) == 2
    assert "--names goes with --against" in "".join(capsys.readouterr())
