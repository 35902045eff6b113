"""Backups: consistent while things change, sealed, verified to the byte, and used again where nothing changed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import factories
import pytest
from backing_up import factor, make, prepared, quiet, verify

from countenance import config
from countenance.apps.galleries import services
from countenance.apps.galleries.models import Photo, StagedPhoto
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    AlreadyExists,
    BackupBroken,
    Conflict,
    ErasuresNotReplayed,
    InputError,
    KeyUnavailable,
    NotFound,
    TamperDetected,
    Unavailable,
    WrongState,
)
from countenance.ledger.head import Head
from countenance.sealing.factors import Passphrase
from countenance.web import wiring
from countenance.web.backups import making, marks, opening, programs, restoring
from countenance.web.backups.folder import DATABASE, KEY_FILE, MANIFEST, BackupFolder
from countenance.web.backups.marks import Mark, Stage

PLANTED = (
    b"Test agency",
    b"person@example.org",
    b"anna",
    b"Deposit agreement",
    b"countenance-fake-photo",
)


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    return prepared(deployment, tmp_path_factory.mktemp("backups"))


def test_a_backup_verifies_is_on_the_ledger_and_says_nothing_in_clear(on: Any) -> None:
    made = make(on)
    verify(on, made)
    assert len(made.manifest.objects) == made.copied == Photo.objects.count()
    assert LedgerRow.objects.get(action="backup.made").about == made.manifest.backup
    assert made.manifest.head.size == LedgerRow.objects.get(action="backup.made").index
    files = [path for path in on.folder.path.rglob("*") if path.is_file()]
    assert len(files) > 4 + 3
    for path in files:
        data = path.read_bytes()
        assert [one for one in PLANTED if one in data] == []
        assert b"demo-factor" not in data
    secret = config.current().file_factor.read_bytes()
    assert all(secret not in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_second_backup_copies_only_what_is_new_and_the_first_one_stays(on: Any) -> None:
    first = make(on)
    factories.enrol(on, on.gallery, on.source, factories.people(["cleo"]))
    second = make(on)
    assert (first.copied, second.copied) == (4, 1)
    assert len(second.manifest.objects) == 5
    assert on.folder.names() == sorted((first.name, second.name))
    verify(on, first)
    verify(on, second)
    assert on.folder.chosen(None) == max(first.name, second.name)
    with pytest.raises(NotFound):
        on.folder.chosen("another")


def test_an_interrupted_backup_goes_on_with_what_it_copied(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "BATCH", 1)

    def cut(_: int, __: int) -> None:
        if len(list(on.folder.objects.ids())) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(on, notify=cut)
    assert on.folder.names() == []
    made = make(on)
    assert made.copied == 1
    verify(on, made)
    assert not list(on.folder.backups.glob("unfinished*"))


def test_what_is_erased_while_a_backup_runs_is_left_out_and_not_missing(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Photo.objects.first()
    taken = making._taken

    def then_erase(*arguments: Any, **options: Any) -> Any:
        found = taken(*arguments, **options)
        services.remove_photo(on.actor, photo=photo, reason="Asked for", tools=on.tools)
        return found

    monkeypatch.setattr(making, "_taken", then_erase)
    made = make(on)
    assert photo.pk not in {one.id for one in made.manifest.objects}
    assert made.manifest.missing == ()
    verify(on, made)


def test_an_object_that_was_lost_is_named(on: Any) -> None:
    photo = Photo.objects.first()
    on.tools.store.delete(photo.pk)
    assert make(on).manifest.missing == (photo.pk,)


def test_an_upload_that_waits_is_in_no_backup(on: Any) -> None:
    from countenance.apps.galleries import enrolment

    item = factories.incoming("dora/1.jpg", factories.FakeEngine.photo("dora"))
    enrolment.start_enrolment(
        on.actor,
        gallery=on.gallery,
        source=on.source,
        total=1,
        uploads=[(item, item.read())],
        tools=on.tools,
    )
    waiting = StagedPhoto.objects.get()
    assert waiting.pk in set(on.tools.store.ids())
    assert waiting.pk not in {one.id for one in make(on).manifest.objects}


def test_a_changed_backup_does_not_verify(on: Any) -> None:
    made = make(on)
    files = [on.folder.files(made.name) / name for name in (DATABASE, KEY_FILE, MANIFEST)]
    files += [one for one in (on.folder.path / "objects").glob("??/*") if len(one.name) == 32][:1]
    assert len(files) == 4
    for path in files:
        data = path.read_bytes()
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        for changed in (flipped, data[:-2], None):
            path.unlink()
            if changed is not None:
                path.write_bytes(changed)
            with pytest.raises((TamperDetected, KeyUnavailable)):
                verify(on, made)
            path.write_bytes(data)
    verify(on, made)


def test_every_field_of_a_manifest_is_signed(on: Any) -> None:
    made = make(on)
    path = on.folder.files(made.name) / MANIFEST
    said = json.loads(path.read_bytes())
    for name in said:
        changed = said | {name: said[name][:-1] if isinstance(said[name], str | list) else 2}
        path.write_bytes(json.dumps(changed).encode())
        with pytest.raises(BackupBroken):
            verify(on, made)


def test_a_backup_opens_with_its_own_factor_only(on: Any) -> None:
    made = make(on)
    with pytest.raises(KeyUnavailable):
        opening.open_backup(on.folder, made.name, Passphrase("another long passphrase"))


def test_a_backup_inside_the_home_is_refused(on: Any) -> None:
    on.folder = BackupFolder(config.current().home / "backups")
    with pytest.raises(InputError, match="lost with it"):
        make(on)


def test_two_backups_at_once_are_refused(on: Any) -> None:
    with on.folder.locked(), pytest.raises(Conflict):
        make(on)


def test_a_key_file_that_keeps_changing_is_not_copied(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_key_file", lambda _: os.urandom(8))
    with pytest.raises(Conflict):
        make(on)
    assert on.folder.names() == []


def test_without_the_programs_it_says_what_to_install(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_bundled", lambda _: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="Install PostgreSQL's client programs"):
        make(on)


def test_a_home_that_is_none_yet_is_needed_to_restore(on: Any, tmp_path: Path) -> None:
    manifest = make(on).manifest
    with pytest.raises(AlreadyExists, match="COUNTENANCE_HOME"):
        restoring.begin(config.current(), manifest)
    empty = config.current().model_copy(update={"home": tmp_path / "new"})
    restoring.begin(empty, manifest)
    restoring.begin(empty, manifest)
    with pytest.raises(WrongState, match="Another backup"):
        restoring.begin(empty, replace(manifest, backup=uuid4()))
    assert restoring.put_objects(on.folder, manifest, empty, notify=quiet) == 4
    assert restoring.put_objects(on.folder, manifest, empty, notify=quiet) == 0
    with pytest.raises(AlreadyExists):
        restoring.put_database(
            BackupFolder(tmp_path / "n"), "none", replace(manifest, head=Head(0, b""))
        )


def test_a_backup_of_a_newer_version_is_not_restored(on: Any) -> None:
    made = make(on).manifest
    newer = replace(made, migrations=(*made.migrations, "records.9999_later"), program="99.0")
    with pytest.raises(WrongState, match=r"version 99\.0"):
        restoring.put_database(on.folder, "none", newer)


def test_no_key_is_opened_while_erasures_are_not_repeated(on: Any) -> None:
    mark = Mark(
        backup=uuid4(),
        made_at=on.tools.clock(),
        head=Head(size=3, root=bytes(32)),
        stage=Stage.NOT_REPLAYED,
    )
    settings = config.current()
    marks.write(settings, mark)
    assert marks.read(settings) == mark
    wiring.seal()
    before = LedgerRow.objects.count()
    with pytest.raises(ErasuresNotReplayed):
        wiring.unseal(factor())
    assert wiring.is_sealed()
    assert LedgerRow.objects.count() == before
    (settings.home / marks.NAME).write_text("{}")
    with pytest.raises(TamperDetected):
        wiring.unseal(factor())
    marks.remove(settings)
    wiring.unseal(factor())
