from __future__ import annotations

import base64
import errno
import json
import os
from uuid import UUID

import pytest

from countenance.errors import (
    AlreadyExists,
    InputError,
    KeyUnavailable,
    TamperDetected,
    Unavailable,
)
from countenance.sealing import factors, files
from countenance.sealing.factors import FileFactor, Passphrase
from countenance.sealing.keyfile import create_key_file, factor_kind, open_key_file

DEPLOYMENT = UUID(int=7)
WORDS = "several plain words"


@pytest.fixture(autouse=True)
def cheap_stretching(monkeypatch):
    """Make tests fast; the real settings are read in a test of their own."""
    monkeypatch.setattr(factors, "_PASSES", 1)
    monkeypatch.setattr(factors, "_MEMORY_KIB", 16)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "root.key"


def test_the_settings_are_those_of_a_hard_passphrase(monkeypatch, path):
    monkeypatch.undo()
    root = create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    body = json.loads(path.read_bytes())
    assert (body["passes"], body["memory_kib"], body["lanes"]) == (3, 65_536, 2)
    assert open_key_file(path, Passphrase(WORDS)) == (root, DEPLOYMENT)


def test_the_right_passphrase_opens_and_a_wrong_one_says_so(path):
    root = create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    assert open_key_file(path, Passphrase(WORDS)) == (root, DEPLOYMENT)
    for wrong in (WORDS.upper(), WORDS + " ", ""):
        with pytest.raises(KeyUnavailable, match="passphrase is wrong"):
            open_key_file(path, Passphrase(wrong))
    assert factor_kind(path) == "passphrase"


def test_the_settings_are_read_from_the_file(path, monkeypatch):
    root = create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    monkeypatch.setattr(factors, "_PASSES", 2)
    assert open_key_file(path, Passphrase(WORDS))[0] == root


def test_a_passphrase_is_the_same_in_either_unicode_form(path):
    root = create_key_file(path, Passphrase("Größe der Bäume"), deployment=DEPLOYMENT)
    other = "Gro\u0308ße der Ba\u0308ume"
    assert open_key_file(path, Passphrase(other))[0] == root


@pytest.mark.parametrize(
    "weak", ["", " " * 20, "short words", "short words " + " " * 9, "abab" * 5]
)
def test_a_weak_passphrase_is_refused_and_nothing_is_written(path, weak):
    with pytest.raises(InputError):
        create_key_file(path, Passphrase(weak), deployment=DEPLOYMENT)
    assert not path.parent.exists()


def test_neither_key_nor_passphrase_is_in_the_file(path):
    root = create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    text = path.read_text()
    assert WORDS not in text
    for shown in (root.material.hex(), base64.b64encode(root.material).decode()):
        assert shown not in text
    assert WORDS not in repr(Passphrase(WORDS))


def test_each_file_has_its_own_key_and_salt(tmp_path):
    roots = {create_key_file(tmp_path / str(n), Passphrase(WORDS)) for n in range(3)}
    assert len(roots) == 3
    bodies = [json.loads((tmp_path / str(n)).read_bytes()) for n in range(3)]
    assert len({body["salt"] for body in bodies}) == 3
    assert len({body["deployment"] for body in bodies}) == 3


def test_a_key_file_is_never_overwritten(path):
    root = create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    with pytest.raises(AlreadyExists):
        create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    assert open_key_file(path, Passphrase(WORDS))[0] == root


def test_of_two_at_the_same_time_only_one_writes(path):
    class Slow(Passphrase):
        def enrol(self, deployment):
            path.parent.mkdir(parents=True)
            path.write_bytes(b"the other one was faster")
            return super().enrol(deployment)

    with pytest.raises(AlreadyExists):
        create_key_file(path, Slow(WORDS), deployment=DEPLOYMENT)
    assert path.read_bytes() == b"the other one was faster"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_nothing(path, monkeypatch):
    def full(part, data):
        part.write_bytes(data[:5])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "write_new", full)
    with pytest.raises(Unavailable, match="No space left"):
        create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    assert list(path.parent.iterdir()) == []


def test_the_file_is_synced_before_it_gets_its_name(path, monkeypatch):
    seen = []
    path.parent.mkdir()
    monkeypatch.setattr(files, "sync", lambda what: seen.append((what.name, path.exists())))
    create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    assert [there for _, there in seen] == [False, True]
    assert seen[1][0] == "home"
    assert list(path.parent.iterdir()) == [path]


def test_only_the_owner_may_read_the_files(path, tmp_path):
    old = os.umask(0)
    try:
        create_key_file(path, FileFactor(tmp_path / "unseal"), deployment=DEPLOYMENT)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "unseal").stat().st_mode & 0o777 == 0o600


def test_the_file_factor_opens_with_its_file_only(path, tmp_path):
    secret = tmp_path / "unseal"
    root = create_key_file(path, FileFactor(secret), deployment=DEPLOYMENT)
    assert open_key_file(path, FileFactor(secret)) == (root, DEPLOYMENT)
    assert factor_kind(path) == "file"
    other = create_key_file(tmp_path / "second", FileFactor(secret), deployment=DEPLOYMENT)
    assert other != root
    with pytest.raises(KeyUnavailable, match="missing"):
        open_key_file(path, FileFactor(tmp_path / "none"))
    secret.write_bytes(bytes(32))
    with pytest.raises(KeyUnavailable, match="not the one"):
        open_key_file(path, FileFactor(secret))
    secret.write_bytes(b"short")
    with pytest.raises(KeyUnavailable, match="cannot be read"):
        open_key_file(path, FileFactor(secret))


def test_the_wrong_kind_of_factor_is_named(path, tmp_path):
    create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    with pytest.raises(KeyUnavailable, match="passphrase"):
        open_key_file(path, FileFactor(tmp_path / "unseal"))


def test_a_missing_key_file_is_said(path):
    with pytest.raises(KeyUnavailable, match="missing"):
        open_key_file(path, Passphrase(WORDS))
    with pytest.raises(KeyUnavailable, match="missing"):
        factor_kind(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "{}", "[" * 60_000, '{"format": "other", "version": 1, "factor": "file"}'],
    ids=lambda text: text[:20],
)
def test_a_damaged_key_file_is_said(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(TamperDetected, match="damaged"):
        factor_kind(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"factor": "guess"},
        {"factor": []},
        {"deployment": None},
        {"deployment": "x"},
        {"salt": None},
        {"salt": "%"},
        {"salt": ""},
        {"wrapped": 5},
        {"passes": 0},
        {"passes": "3"},
        {"passes": 10**9},
        {"memory_kib": 2**40},
        {"lanes": 1000},
        {"lanes": -1},
    ],
    ids=str,
)
def test_a_damaged_field_is_said(path, changed):
    create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    body = json.loads(path.read_bytes()) | changed
    path.write_text(json.dumps(body))
    with pytest.raises(TamperDetected, match="damaged"):
        open_key_file(path, Passphrase(WORDS))


@pytest.mark.parametrize("field", ["salt", "passes", "memory_kib", "lanes", "wrapped"])
def test_a_missing_field_is_said(path, field):
    create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    body = json.loads(path.read_bytes())
    del body[field]
    path.write_text(json.dumps(body))
    with pytest.raises(TamperDetected, match="damaged"):
        open_key_file(path, Passphrase(WORDS))


def test_another_deployment_written_into_the_file_does_not_open(path):
    create_key_file(path, Passphrase(WORDS), deployment=DEPLOYMENT)
    body = json.loads(path.read_bytes()) | {"deployment": str(UUID(int=8))}
    path.write_text(json.dumps(body))
    with pytest.raises(KeyUnavailable):
        open_key_file(path, Passphrase(WORDS))
