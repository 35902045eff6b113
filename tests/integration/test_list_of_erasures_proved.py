"""What a restore takes as the list of what was erased was signed by this deployment, or destroys and hides nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import cli_fixtures
import factories
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rolled import Rolled, exported, replay
from witnessing import Served, name_witnesses, served_three, sign

from countenance import config
from countenance.apps.galleries import services
from countenance.apps.galleries.models import Photo, Subject
from countenance.apps.records.models import CheckpointRow, LedgerHead, LedgerRow
from countenance.apps.records.queries import export_ledger, head, verify_ledger
from countenance.cli.backup import _caveat_lines
from countenance.errors import ErasureListBroken
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint, origin_of
from countenance.ledger.entry import Entry
from countenance.ledger.merkle import Frontier
from countenance.ledger.note import log_key
from countenance.web import witnesses
from countenance.web.backups import caveats, erasures, marks, restoring
from countenance.web.backups.folder import BackupFolder
from countenance.web.postgres import LocalPostgres

three, place = served_three, cli_fixtures.place
EVERYBODY = {"anna", "ben", "cleo"}
Lines = list[dict[str, Any]]


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    people = factories.people(["anna", "ben", "cleo"])
    factories.enrol(deployment, deployment.gallery, deployment.source, people)
    deployment.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return deployment


def left() -> set[str | None]:
    return {one.label for one in Subject.objects.filter(removed_at=None)}


def subject(label: str) -> Subject:
    return next(one for one in Subject.objects.filter(removed_at=None) if one.label == label)


def remove(on: Any, label: str) -> None:
    services.remove_subject(on.actor, subject=subject(label), reason="Asked for", tools=on.tools)


# Exports


def with_entries(lines: Lines, entries: Lines) -> Lines:
    """Return an export of these entries, whose root comes out: nobody needs a key for that."""
    tree = Frontier()
    for one in entries:
        tree.append(Entry.parse(one["entry"].encode()).leaf())
    return [{**lines[0], "size": tree.size, "root": tree.root().hex()}, *entries]


def made_up(like: str) -> str:
    """Return a made-up entry by which Ben was removed, as late as another entry."""
    said = {**json.loads(like), "action": "subject.removed", "about": str(subject("ben").pk)}
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def forged(lines: Lines) -> Lines:
    last = lines[-1]
    more = {**last, "index": last["index"] + 1, "entry": made_up(last["entry"])}
    return with_entries(lines, [*lines[1:], more])


def altered(lines: Lines) -> Lines:
    return [*lines[:-1], {**lines[-1], "entry": made_up(lines[-1]["entry"])}]


def cut(lines: Lines) -> Lines:
    return with_entries(lines, lines[1:-1])


def shortened(lines: Lines) -> Lines:
    return lines[:-1]


def as_version_1(lines: Lines) -> Lines:
    kept = {name: one for name, one in lines[0].items() if name not in {"checkpoint", "key"}}
    return [{**kept, "version": 1}, *lines[1:]]


def signed_by(key: Ed25519PrivateKey, origin: str | None = None) -> Callable[[Lines], Lines]:
    """Return what writes a forged export with a whole checkpoint of its own, by another key."""

    def sign_it(lines: Lines) -> Lines:
        first, *entries = forged(lines)
        name = origin or origin_of(first["deployment"])
        checkpoint = Checkpoint(name, first["size"], bytes.fromhex(first["root"]))
        signed = SignedCheckpoint.sign(checkpoint, key)
        return [{**first, "checkpoint": str(signed), "key": str(log_key(name, key))}, *entries]

    return sign_it


def without_a_note(lines: Lines) -> Lines:
    return [{**lines[0], "checkpoint": 7}, *lines[1:]]


def of_another(lines: Lines) -> Lines:
    return [{**lines[0], "deployment": str(uuid4())}, *lines[1:]]


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
REFUSED: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "forged": (forged, "not of the entries"),
    "altered": (altered, "do not give the root"),
    "cut": (cut, "not of the entries"),
    "shortened": (shortened, "ends before the size"),
    "version 1": (as_version_1, "--erasures-lost"),
    "forged, version 1": (lambda lines: as_version_1(forged(lines)), "--erasures-lost"),
    "another key": (signed_by(KEY), "not signed by this deployment's key"),
    "another ledger": (
        signed_by(KEY, origin_of(uuid4())),
        "not signed by this deployment's key",
    ),
    "another deployment": (of_another, "no export of this deployment"),
    "no note": (without_a_note, "does not verify"),
}


def test_only_an_export_that_this_deployment_signed_is_a_list_of_erasures(
    on: Any, tmp_path: Path
) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    good = exported(on, tmp_path / "good.jsonl")
    mark = was.back()
    lines = [json.loads(line) for line in good.read_text().splitlines()]
    for name, (change, words) in REFUSED.items():
        file = tmp_path / "bad.jsonl"
        file.write_text("".join(f"{json.dumps(one)}\n" for one in change(lines)))
        with pytest.raises(ErasureListBroken, match=words):
            replay(on, mark, file)
        assert (head(), left(), marks.read(config.current())) == (mark.head, EVERYBODY, mark), name
    assert caveats.look(good, mark=mark, keyring=on.tools.keyring) == {
        "caveats": [],
        "left_out": [],
    }
    assert replay(on, mark, good)["repeated"] == {"subject.removed": 1}
    assert left() == EVERYBODY - {"anna"}
    verify_ledger(on.tools.keyring)


def test_an_export_of_another_tree_of_the_same_deployment_is_refused(
    on: Any, tmp_path: Path
) -> None:
    """The deployment went on from an older state: its signatures are right, and the tree is another."""
    before = Rolled(on, Subject, Photo)
    remove(on, "anna")
    size = head().size
    same = exported(on, tmp_path / "same.jsonl")
    factories.make_case(on, "26-1")
    longer = exported(on, tmp_path / "longer.jsonl")
    before.back()
    remove(on, "ben")
    on.folder = BackupFolder(tmp_path / "second")
    mark = Rolled(on, Subject, Photo).back()
    assert mark.head.size == size
    for export in (same, longer):
        with pytest.raises(ErasureListBroken, match=r"not of the ledger|do not give the root"):
            replay(on, mark, export)
    assert head() == mark.head


def test_an_older_export_is_taken_and_the_longer_signed_list_of_the_folder_is_named(
    on: Any, tmp_path: Path
) -> None:
    on.folder.files("0").mkdir(parents=True)
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    export = exported(on, tmp_path / "older.jsonl")
    middle = head().size
    remove(on, "ben")
    erasures.copy(on.folder, keyring=on.tools.keyring)
    end = head().size
    mark = replace(was.back(), folder=str(on.folder.path))

    def said(place: Path) -> list[str]:
        found: list[str] = caveats.look(place, mark=mark, keyring=on.tools.keyring)["caveats"]
        return found

    assert said(on.folder.path) == []
    (older,) = said(export)
    assert f"ends at {middle} entries" in older
    assert f"{on.folder.path} at {end}" in older
    # A list that nobody signed tells nothing.
    path = max(on.folder.ledger.glob("*.jsonl"))
    path.write_text(path.read_text().replace('"signature":"', '"signature":"00'))
    assert said(export) == []
    assert replay(on, mark, export)["repeated"] == {"subject.removed": 1}
    # Going on with what was continued asks for no list any more.
    assert caveats.look(tmp_path / "none", mark=mark, keyring=on.tools.keyring) == {}


def test_a_restored_home_remembers_the_folder_that_it_came_from(on: Any) -> None:
    settings = config.current()
    mark = Rolled(on).back()
    marks.write(settings, replace(mark, folder="/mnt/backups"))
    assert marks.read(settings) == replace(mark, folder="/mnt/backups")
    file = settings.home / marks.NAME
    older = json.loads(file.read_text())
    del older["folder"]
    file.write_text(json.dumps(older))
    assert marks.read(settings) == mark
    file = on.folder.files("1") / restoring.KEY_FILE
    file.parent.mkdir(parents=True)
    shutil.copy(settings.key_file, file)
    assert restoring.finish(on.folder, "1", settings).folder == str(on.folder.path)


def test_a_checkpoint_that_too_few_witnesses_signed_is_taken_and_said(
    on: Any, three: list[Served], tmp_path: Path
) -> None:
    name_witnesses(on, three[:2], 2)
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    unwitnessed = exported(on, tmp_path / "unwitnessed.jsonl")
    done = witnesses.sign_and_ask(tools=on.tools)
    witnessed = tmp_path / "witnessed.jsonl"
    lines = export_ledger(on.tools.keyring, signed=done.signed)
    witnessed.write_text("".join(f"{line}\n" for line in lines))
    mark = was.back()
    (said,) = caveats.look(unwitnessed, mark=mark, keyring=on.tools.keyring)["caveats"]
    assert "signatures of 0 witnesses of the backup, and 2 must sign" in said
    assert caveats.look(witnessed, mark=mark, keyring=on.tools.keyring)["caveats"] == []
    assert replay(on, mark, unwitnessed)["repeated"] == {"subject.removed": 1}


# Lost homes


class Lost:
    """A home with a database of its own, which holds the ledger and the checkpoints of now."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with LocalPostgres(home) as server, psycopg.connect(server.ensure_running()) as to:
            for model in (LedgerRow, LedgerHead, CheckpointRow):
                table, rows = model._meta.db_table, list(model._default_manager.values())
                columns = ", ".join(f'"{name}" {_type(rows, name)}' for name in rows[0])
                to.execute(f"CREATE TABLE {table} ({columns})")
                marks_ = ", ".join(["%s"] * len(rows[0]))
                to.cursor().executemany(
                    f"INSERT INTO {table} VALUES ({marks_})",
                    [list(row.values()) for row in rows],
                )

    def sql(self, said: str, *values: object) -> None:
        with LocalPostgres(self.home) as server, psycopg.connect(server.ensure_running()) as to:
            to.execute(said, values)


def _type(rows: Lines, name: str) -> str:
    value = next((row[name] for row in rows if row[name] is not None), "")
    names = {"int": "bigint", "datetime": "timestamptz", "UUID": "uuid"}
    return names.get(type(value).__name__, "text" if isinstance(value, str) else "bytea")


def insert_forged(home: Lost) -> None:
    """Put Ben's removal behind the ledger, with the head that it gives, as somebody with the database can."""
    edge = Frontier.from_bytes(bytes(LedgerHead.objects.get().frontier))
    last = LedgerRow.objects.order_by("-index").first()
    assert last is not None
    entry = made_up(bytes(last.entry).decode()).encode()
    edge.append(Entry.parse(entry).leaf())
    columns = "index, entry, path, root, action, at, about"
    home.sql(
        f"INSERT INTO records_ledgerrow ({columns}) VALUES (%s, %s, '', %s, 'subject.removed', now(), %s)",
        edge.size - 1,
        entry,
        edge.root(),
        subject("ben").pk,
    )
    home.sql("UPDATE records_ledgerhead SET frontier = %s", edge.to_bytes())


def test_of_a_lost_home_what_it_signed_is_taken_and_what_it_did_not_is_left_to_people(
    on: Any, tmp_path: Path
) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    signed = sign(on).checkpoint
    lost = Lost(tmp_path / "lost")
    insert_forged(lost)
    ben = subject("ben").pk
    # What somebody puts beside the checkpoints proves nothing.
    other = SignedCheckpoint.sign(replace(signed, size=signed.size + 1), KEY)
    for number, note in ((2, str(other).encode()), (3, b"no note")):
        lost.sql(
            "INSERT INTO records_checkpointrow (size, note, at, cosigned) VALUES (%s, %s, now(), 0)",
            signed.size + number,
            note,
        )
    mark = was.back()
    found = caveats.look(lost.home, mark=mark, keyring=on.tools.keyring)
    assert [(one["index"], one["action"], one["about"]) for one in found["left_out"]] == [
        (signed.size, "subject.removed", str(ben))
    ]
    words = list(_caveat_lines(found))
    assert f"1 entries behind the first {signed.size}" in words[0]
    assert words[1] == f"  entry {signed.size}: subject.removed {ben}"
    done = replay(on, mark, lost.home)
    assert (done["known_size"], done["repeated"]) == (signed.size, {"subject.removed": 1})
    assert left() == EVERYBODY - {"anna"}
    assert not LedgerRow.objects.filter(about=ben, action="subject.removed").exists()
    verify_ledger(on.tools.keyring)


def test_a_lost_home_that_was_altered_or_cut_before_its_last_checkpoint_is_refused(
    on: Any, tmp_path: Path
) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    factories.make_case(on, "26-1")
    last = LedgerRow.objects.latest("index")
    entry = made_up(bytes(last.entry).decode()).encode()
    sign(on)
    lost = Lost(tmp_path / "lost")
    mark = was.back()
    for damage, value, words in (
        ("UPDATE records_ledgerrow SET entry = %s WHERE index = %s", entry, "do not give the root"),
        ("DELETE FROM records_ledgerrow WHERE %s::bytea IS NOT NULL AND index = %s", b"", "ends before"),
    ):  # fmt: skip
        lost.sql(damage, value, last.index)
        with pytest.raises(ErasureListBroken, match=words):
            replay(on, mark, lost.home)
        assert (head(), left()) == (mark.head, EVERYBODY)
    lost.sql("DELETE FROM records_ledgerrow WHERE index >= %s", mark.head.size - 1)
    with pytest.raises(ErasureListBroken, match="Use a newer one"):
        replay(on, mark, lost.home)


def test_of_a_lost_home_that_signed_nothing_since_the_backup_nothing_is_taken(
    on: Any, tmp_path: Path
) -> None:
    sign(on)
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    lost = Lost(tmp_path / "lost")
    lost.sql("UPDATE records_ledgerrow SET entry = 'x' WHERE index = %s", head().size - 1)
    mark = was.back()
    found = caveats.look(lost.home, mark=mark, keyring=on.tools.keyring)
    assert [one["action"] for one in found["left_out"]] == [None]
    assert list(_caveat_lines(found))[1] == f"  entry {mark.head.size}: cannot be read"
    assert replay(on, mark, lost.home)["entries"] == 0
    assert left() == EVERYBODY
