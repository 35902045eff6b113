from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from countenance.errors import NotFound, Unavailable
from countenance.sealing import files
from countenance.sealing import store as module
from countenance.sealing.store import ObjectStore, SealedObjects


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "home" / "objects")


def incoming(store):
    return list((store._folder / "incoming").iterdir())


def test_what_is_put_is_got_and_listed(store):
    objects: SealedObjects = store
    items = {uuid4(): os.urandom(size) for size in (0, 1, 1000)}
    objects.put_many(items.items())
    assert {id: objects.get(id) for id in objects.ids()} == items
    assert incoming(store) == []


def test_a_second_put_replaces(store):
    id = uuid4()
    store.put(id, b"one")
    store.put(id, b"two")
    assert store.get(id) == b"two"


def test_a_new_store_on_the_same_folder_sees_the_objects(store):
    id = uuid4()
    store.put(id, b"x")
    assert list(ObjectStore(store._folder).ids()) == [id]


def test_what_is_not_there_is_not_found(store):
    with pytest.raises(NotFound):
        store.get(uuid4())


def test_deleting_twice_is_fine(store):
    id, other = uuid4(), uuid4()
    store.put_many([(id, b"x"), (other, b"y")])
    store.delete(id)
    store.delete(id)
    store.delete(uuid4())
    with pytest.raises(NotFound):
        store.get(id)
    assert list(store.ids()) == [other]
    store.delete_many([other, id])
    assert list(store.ids()) == []


def test_nobody_else_can_read_the_folder_or_the_files(store):
    old = os.umask(0)
    try:
        id = uuid4()
        store.put(id, b"x")
    finally:
        os.umask(old)
    path = store._path(id)
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, store._incoming):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_objects_are_spread_over_folders_also_with_ids_in_order_of_time(store):
    ids = [UUID(int=(0x0192_0000_0000_7000_8000 << 48) + number) for number in range(64)]
    store.put_many((id, b"") for id in ids)
    assert len({store._path(id).parent for id in ids}) == 64


def test_an_object_is_synced_before_it_is_renamed_and_its_folder_after(store, monkeypatch):
    steps = []
    replace = os.replace

    def sync(path):
        steps.append(("sync", "file" if path.is_file() else "folder"))

    def renamed(part, place):
        steps.append(("rename", "file"))
        replace(part, place)

    store.put(UUID(int=1), b"")
    monkeypatch.setattr(module, "sync", sync)
    monkeypatch.setattr(module.os, "replace", renamed)
    store.put_many([(UUID(int=1), b"x"), (UUID(int=257), b"y")])
    assert steps == [
        ("sync", "file"),
        ("sync", "file"),
        ("rename", "file"),
        ("rename", "file"),
        ("sync", "folder"),
    ]


def test_a_removal_is_synced(store, monkeypatch):
    id = uuid4()
    store.put(id, b"x")
    synced = []
    monkeypatch.setattr(module, "sync", synced.append)
    store.delete(id)
    assert synced == [store._path(id).parent]


def test_a_new_folder_is_synced_into_the_one_above(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync", synced.append)
    files.make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_full_disk_leaves_the_store_as_it_was(store, monkeypatch):
    kept = uuid4()
    store.put(kept, b"kept")
    write, written = module.write_new, []

    def full(path, data):
        if written:
            path.write_bytes(data[:1])
            raise OSError(errno.ENOSPC, "full", str(path))
        written.append(path)
        write(path, data)

    monkeypatch.setattr(module, "write_new", full)
    with pytest.raises(Unavailable, match="No space left") as caught:
        store.put_many([(kept, b"other"), (uuid4(), b"abc")])
    assert caught.value.facts == {"errno": errno.ENOSPC}
    assert store.get(kept) == b"kept"
    assert list(store.ids()) == [kept]
    assert incoming(store) == []


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        ObjectStore(tmp_path / "file")


def test_what_a_crash_left_is_never_listed_and_is_swept_when_old(store):
    old, young = (store._incoming / name for name in ("old", "young"))
    for part in (old, young):
        part.write_bytes(b"half")
    past = time.time() - 7200
    os.utime(old, (past, past))
    assert list(store.ids()) == []
    assert store.sweep() == 1
    assert incoming(store) == [young]
    assert store.sweep(older_than=-60) == 1


def test_strange_files_are_no_objects(store):
    id = uuid4()
    store.put(id, b"x")
    (store._path(id).parent / ".DS_Store").write_bytes(b"")
    (store._folder / "lost+found").mkdir()
    assert list(store.ids()) == [id]


def test_killed_at_any_moment_every_object_is_whole_and_the_acknowledged_are_there(tmp_path):
    """Each object holds its own id a thousand times; each acknowledged id is printed."""
    program = """
        import sys
        from pathlib import Path
        from uuid import uuid4
        from countenance.sealing.store import ObjectStore
        store = ObjectStore(Path(sys.argv[1]))
        while True:
            ids = [uuid4() for _ in range(4)]
            store.put_many((id, id.bytes * 1000) for id in ids)
            print(*ids, flush=True)
    """
    acknowledged: set[UUID] = set()
    for delay in (0.0, 0.003, 0.01, 0.02):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "objects")],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            lines = [process.stdout.readline()]
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines()
        for line in lines:
            words = line.split()
            acknowledged |= {UUID(word) for word in words if len(word) == 36}
    store = ObjectStore(Path(tmp_path / "objects"))
    assert len(acknowledged) >= 16
    ids = set(store.ids())
    assert acknowledged <= ids
    for id in ids:
        assert store.get(id) == id.bytes * 1000


def test_the_time_an_object_was_written_is_known(store):
    id = uuid4()
    assert store.changed(id) is None
    store.put(id, b"x")
    assert abs(store.changed(id) - time.time()) < 60
