"""Backups and the keys that open them: rotated since, held in split custody, or with a key service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import fake_kms
import pytest
from backing_up import factor, make, prepared, quiet, verify
from django.db import connection
from pydantic import SecretStr
from witnessing import later

from countenance import config
from countenance.cli import backup
from countenance.config import KmsSettings
from countenance.errors import (
    BackupBroken,
    Conflict,
    KeyUnavailable,
    WrongState,
)
from countenance.sealing import factors, rotating, store
from countenance.sealing.factors import Passphrase, ServiceFactor
from countenance.sealing.kinds import KeyKind
from countenance.sealing.split import Split
from countenance.sealing.store import ObjectStore
from countenance.web import keykeeping
from countenance.web.backups import making, opening, restoring
from countenance.web.backups import manifest as manifests
from countenance.web.backups.folder import MANIFEST
from countenance.web.kms import client


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    return prepared(deployment, tmp_path_factory.mktemp("backups"))


def test_after_a_rotation_an_earlier_backup_opens_with_its_own_keys_and_a_new_one_reads_anew(
    on: Any,
) -> None:
    made = [make(on)]
    path = on.folder.files(made[0].name) / MANIFEST
    for level in ("all", "objects"):
        keykeeping.rotate(level, factor=factor(), tools=on.tools, wait=5.0)
        for _ in range(2):
            on.tools = later(on, timedelta(minutes=1))  # The name tells seconds.
            made.append(make(on))
    with pytest.raises(BackupBroken):
        manifests.read_with(path.read_bytes(), keyring=on.tools.keyring)
    # The second rotation gave each object another key, and left the manifests' alone.
    assert [one.read_anew for one in made] == [False, True, False, False, False]
    assert [one.copied for one in made] == [4, 0, 0, 4, 0]
    for one in made:
        verify(on, one)


def test_no_keys_are_rotated_while_a_backup_is_made_and_the_other_way_round(on: Any) -> None:
    refused: list[bool] = []

    def try_it(what: Callable[[], object]) -> None:
        # The lock belongs to a connection, and each thread has its own.
        def run() -> None:
            try:
                what()
                refused.append(False)
            except WrongState:
                refused.append(True)
            finally:
                connection.close()

        other = threading.Thread(target=run)
        other.start()
        other.join()

    def rotate() -> None:
        keykeeping.rotate("class", factor=factor(), tools=on.tools, wait=5.0)

    make(on, notify=lambda _done, _all: try_it(rotate))
    assert refused == [True]
    with keykeeping.alone(on.tools):
        try_it(lambda: make(on))
    assert refused == [True, True]
    assert len(on.folder.names()) == 1


def test_a_backup_that_its_own_keys_do_not_open_is_not_published(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = (None, KeyKind.PLATFORM)
    real = making._taken

    def meanwhile(*given: Any, **named: Any) -> Any:
        taken = real(*given, **named)
        # Another epoch than those of the snapshot: as when a rotation were not held back.
        on.tools.keyring.take_in(rotating.next_records(on.tools.keyring, [name]))
        return taken

    monkeypatch.setattr(making, "_taken", meanwhile)
    with pytest.raises(Conflict, match="Run it again"):
        make(on)
    assert on.folder.names() == []


def test_no_more_than_one_object_is_held_in_memory(
    on: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    get, write = ObjectStore.get, store.write_new

    def getting(*given: Any) -> bytes:
        data = get(*given)
        held.append("read")
        return data

    def writing(*given: Any) -> None:
        held.append("written")
        write(*given)

    monkeypatch.setattr(ObjectStore, "get", getting)
    monkeypatch.setattr(store, "write_new", writing)
    made = make(on)
    assert held == ["read", "written"] * 4
    held.clear()
    empty = config.current().model_copy(update={"home": tmp_path / "new"})
    restoring.put_objects(on.folder, made.manifest, empty, notify=quiet)
    assert held == ["read", "written"] * 4
    held.clear()
    keykeeping.rotate("objects", factor=factor(), tools=on.tools, wait=5.0)
    assert len(held) >= 8
    assert "read read" not in " ".join(held)


def test_a_backup_of_a_home_in_split_custody_opens_with_two_of_three(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factors, "_PASSES", 1)
    monkeypatch.setattr(factors, "_MEMORY_KIB", 16)
    settings = config.current()
    words = [SecretStr(f"the {name} plain words") for name in ("first", "second", "third")]
    with fake_kms.serving() as service:
        token = SecretStr(fake_kms.TOKEN)
        kms = KmsSettings(
            service="transit", key=fake_kms.TRANSIT_KEY, token=token, address=service.url
        )
        given = [*words[:2], ServiceFactor(client(kms))]
        held = Split(
            [
                Passphrase(one.get_secret_value()) if isinstance(one, SecretStr) else one
                for one in given
            ]
        )
        keykeeping.change_factor(factor(), held, tools=on.tools)
        made = make(on)
        keykeeping.change_factor(held, factor(), tools=on.tools)
        for update, opens in (
            ({"passphrase": words[1], "second_passphrase": words[0]}, True),
            ({"passphrase": words[1], "kms": kms}, True),
            ({"passphrase": words[1], "second_passphrase": words[2]}, False),
        ):
            given_now = settings.model_copy(update={"home": Path("/nonexistent"), **update})
            asked = backup._factor(given_now, on.folder.files(made.name))
            if opens:
                assert opening.open_backup(on.folder, made.name, asked)[0] == made.manifest
            else:
                with pytest.raises(KeyUnavailable):
                    opening.open_backup(on.folder, made.name, asked)
            assert config.current() is given_now
            config.install(settings)
