"""A gallery in Milvus follows the database, whatever fails on the way; the server is one in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import factories
import numpy as np
import pytest
from fake_milvus import Failed, FakeMilvus
from side_by_side import Gate, beside, result

from countenance.apps.galleries import distributing, indexing, moving, services
from countenance.apps.galleries import queries as galleries
from countenance.apps.galleries.models import Collection, Face, IndexSnapshot
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import queries
from countenance.errors import IndexUnavailable, NotPermitted, RoleMissing, WrongState
from countenance.index import FlatIndex
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import FLAT
from countenance.index.milvus import Connection, Place
from countenance.index.shelf import Shelf
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.web import jobs

PEOPLE = [f"person {number:02}" for number in range(12)]


@pytest.fixture
def server() -> FakeMilvus:
    return FakeMilvus()


@pytest.fixture
def on(deployment: Any, server: FakeMilvus, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(distributing, "BATCH", 5)
    connection = Connection(Place(uri="http://localhost"), connect=server.connect)
    deployment.tools = replace(deployment.tools, milvus=connection)
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    enrol(deployment, *PEOPLE, shots=[1, 2])
    deployment.case = factories.make_case(deployment)
    return deployment


def enrol(on: Any, *names: str, shots: list[int]) -> None:
    factories.enrol(on, on.gallery, on.source, factories.people(names, shots=shots))


def move(on: Any) -> Any:
    return moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, kind=FLAT, grace=0)


def found(on: Any, name: str) -> str:
    search = factories.search(on, on.case, [on.gallery], FakeEngine.photo(name, shot=3))
    return queries.candidates(queries.search(on.actor, search.pk))[0].label


def remove(on: Any, name: str) -> None:
    subject = galleries.subject_by_label(on.gallery, name, tools=on.tools)
    services.remove_subject(on.actor, subject=subject, reason="Erase", tools=on.tools)


def index(on: Any) -> Any:
    indexing.synchronise([on.gallery], tools=on.tools)
    return on.tools.shelf.get(on.gallery.pk).index


def collection(on: Any) -> Collection:
    serving = distributing.serving(on.gallery)
    assert serving is not None
    return serving


def test_a_gallery_moves_to_milvus_and_back_and_is_found_in_the_same(on: Any, server: Any) -> None:
    before = found(on, "person 03")
    tried = move(on)
    assert [one.recall for one in tried] == [1.0]
    assert isinstance(index(on), MilvusIndex)
    assert found(on, "person 03") == before == "person 03"
    assert len(index(on)) == 24
    moving.move_to_memory(on.actor, gallery=on.gallery, tools=on.tools, grace=0)
    assert isinstance(index(on), FlatIndex)
    assert found(on, "person 03") == before
    assert server.collections == {}
    assert not Collection.objects.exists()
    moved = LedgerRow.objects.filter(action="index.moved")
    assert moved.count() == 2
    with pytest.raises(WrongState):
        moving.move_to_memory(on.actor, gallery=on.gallery, tools=on.tools, grace=0)


def test_it_is_searched_all_the_while_it_moves(on: Any, server: Any) -> None:
    template = on.tools.engine.template("person 03", 1)
    seen = []

    def told(_: str) -> None:
        kind = type(index(on)).__name__
        hits = on.tools.shelf.search(
            template.vector, galleries=[on.gallery.pk], k=1, model=template.model
        )
        seen.append((kind, round(hits[0][1].similarity, 4)))

    before = {"kind": FLAT, "grace": 0, "gallery": on.gallery, "tools": on.tools, "told": told}
    moving.move_to_milvus(on.actor, **before)
    there = len(seen)
    before.pop("kind")
    moving.move_to_memory(on.actor, **before)
    told("")
    assert set(seen[:there]) == {("FlatIndex", 1.0)}
    assert seen[there:] == [("MilvusIndex", 1.0), ("FlatIndex", 1.0)]


def test_what_is_enrolled_or_removed_later_is_found_or_not_with_the_next_search(
    on: Any, server: Any
) -> None:
    move(on)
    enrol(on, "somebody new", shots=[1])
    assert found(on, "somebody new") == "somebody new"
    remove(on, "person 05")
    assert found(on, "person 05") != "person 05"
    assert len(index(on)) == 23
    assert collection(on).version == type(on.gallery).objects.get().version
    assert distributing.check(collection(on), tools=on.tools).none
    assert not IndexSnapshot.objects.exists()
    indexing.write_snapshot(on.gallery, tools=on.tools)
    assert not IndexSnapshot.objects.exists()


def test_another_process_sees_what_this_one_wrote(on: Any) -> None:
    move(on)
    there = replace(on.tools, shelf=Shelf())
    indexing.synchronise([on.gallery], tools=there)
    remove(on, "person 05")
    index(on)
    indexing.synchronise([on.gallery], tools=there)
    template = on.tools.engine.template("person 05", 1)
    hits = there.shelf.search(template.vector, galleries=[on.gallery.pk], k=1, model=template.model)
    assert hits[0][1].similarity < 0.9


def test_a_search_says_so_when_milvus_is_away_and_goes_on_when_it_is_back(
    on: Any, server: Any
) -> None:
    move(on)

    def away(_: str) -> None:
        raise Failed(2, "unavailable: id in [1]")

    server.before = away
    # Erased while it is away: the next search asks for it in vain, and the one after must not forget it.
    remove(on, "person 05")
    with pytest.raises(IndexUnavailable, match="does not answer"):
        found(on, "person 03")
    server.before = lambda _: None
    assert found(on, "person 03") == "person 03"
    assert len(index(on)) == 22
    assert distributing.check(collection(on), tools=on.tools).none


@pytest.mark.parametrize("calls", [2, 17, 33])
def test_a_move_that_is_stopped_anywhere_goes_on_and_loses_nothing(
    on: Any, server: Any, calls: int
) -> None:
    left = [calls]

    def stop(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Failed(2, "unavailable")

    server.before = stop
    try:
        move(on)
    except IndexUnavailable:
        # Searched as before meanwhile.
        assert isinstance(index(on), FlatIndex) or distributing.serving(on.gallery) is not None
    server.before = lambda _: None
    remove(on, "person 05")
    enrol(on, "somebody new", shots=[1])
    if distributing.serving(on.gallery) is None:
        move(on)
    distributing.drop_retired(on.gallery, tools=on.tools)
    index(on)
    assert distributing.check(collection(on), tools=on.tools).none
    assert len(server.collections) == Collection.objects.count() == 1
    assert len(index(on)) == 23


def test_drift_is_seen_and_repaired_both_ways(on: Any, server: Any) -> None:
    move(on)
    held = index(on)
    rows = held.rows()
    name = held.name
    ids = held._ids.hide(rows)
    server.write(name, int(ids[0]), None)
    server.write(name, int(ids[1]), np.roll(server.rows(name, 1e9)[int(ids[1])], 1))
    foreign = held._ids.hide(np.array([10**9]))
    server.write(name, int(foreign[0]), server.rows(name, 1e9)[int(ids[2])])
    drift = distributing.check(collection(on), tools=on.tools)
    assert not drift.none
    assert drift.missing.tolist() == [rows[0]]
    assert drift.changed.tolist() == [rows[1]]
    assert drift.foreign.tolist() == [10**9]
    assert distributing.repair(collection(on), tools=on.tools).missing.tolist() == [rows[0]]
    after = distributing.check(collection(on), tools=on.tools)
    assert after.none
    assert after.compared == 24
    assert distributing.repair(collection(on), tools=on.tools).none


def test_a_collection_that_was_lost_is_made_and_filled_anew(on: Any, server: Any) -> None:
    move(on)
    server.collections.clear()
    with pytest.raises(IndexUnavailable, match="not there in Milvus"):
        found(on, "person 03")
    distributing.repair(collection(on), tools=on.tools)
    assert found(on, "person 03") == "person 03"
    assert distributing.check(collection(on), tools=on.tools).none


def test_what_is_removed_while_a_collection_is_filled_is_not_in_it(on: Any, server: Any) -> None:
    done = []

    def told(count: int) -> None:
        done.append(count)
        if len(done) == 2:
            # Its rows are sent already, and those of another are not yet.
            remove(on, "person 00")
            remove(on, "person 11")

    begun = distributing.make(on.gallery, kind=FLAT, tools=on.tools)
    filled = distributing.index_of(begun, tools=on.tools)
    distributing.catch_up(begun, filled, tools=on.tools, told=told)
    assert begun.version < type(on.gallery).objects.get().version
    assert distributing.check(begun, tools=on.tools).none
    present = Face.objects.filter(removed_version=None).values_list("pk", flat=True)
    filled.refresh()
    assert sorted(filled.rows().tolist()) == sorted(present)


def test_a_gallery_that_is_moved_again_gets_other_ids(on: Any, server: Any) -> None:
    move(on)
    first = set(server.rows(index(on).name, 1e9))
    move(on)
    second = set(server.rows(index(on).name, 1e9))
    assert len(server.collections) == 1
    assert not first & second


def test_without_an_address_it_is_said_what_is_missing(on: Any) -> None:
    nowhere = replace(on.tools, milvus=None)
    with pytest.raises(IndexUnavailable, match="COUNTENANCE_MILVUS__URI"):
        moving.move_to_milvus(on.actor, gallery=on.gallery, tools=nowhere)
    assert not Collection.objects.exists()


def test_only_a_steward_of_the_agency_moves_a_gallery(on: Any) -> None:
    with pytest.raises(RoleMissing):
        moving.move_to_milvus(
            factories.acting(on, Role.SUPERVISOR),
            gallery=on.gallery,
            tools=on.tools,
            kind=FLAT,
            grace=0,
        )
    other = factories.other_agency(on)
    with pytest.raises(NotPermitted):
        moving.move_to_milvus(other, gallery=on.gallery, tools=on.tools)
    assert distributing.serving(on.gallery) is None


def test_who_is_removed_is_in_no_collection_after_the_next_round(
    on: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.wiring, "current", lambda: on.tools)
    begun = distributing.make(on.gallery, kind=FLAT, tools=on.tools)
    half = distributing.index_of(begun, tools=on.tools)

    def stop(_: int) -> None:
        raise Failed(2, "the process is killed")

    with pytest.raises(Failed):
        distributing.catch_up(begun, half, tools=on.tools, told=stop)
    assert len(half) == 5
    remove(on, "person 00")
    jobs.snapshot_indexes(0)
    half.refresh()
    assert len(half) == 3
    # It goes on where it was, and is complete.
    move(on)
    assert len(index(on)) == 22
    # Searched from memory again, while Milvus was away.
    collections = Collection.objects.filter(serving_since__isnull=False)
    collections.update(retired_at=on.tools.clock())
    jobs.snapshot_indexes(0)
    assert server.collections == {}
    assert not Collection.objects.exists()


def test_a_closed_gallery_forgets_in_milvus_too(
    on: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.wiring, "current", lambda: on.tools)
    move(on)
    type(on.gallery).objects.update(closed_at=on.tools.clock())
    remove(on, "person 05")
    jobs.snapshot_indexes(0)
    (name,) = server.collections
    assert len(server.rows(name, 1e9)) == 22


def test_one_gallery_is_moved_once_at_a_time(on: Any, server: Any) -> None:
    gate = Gate()
    given = {"gallery": on.gallery, "tools": on.tools, "kind": FLAT, "grace": 0}
    once = Once(gate)
    first = beside(lambda: moving.move_to_milvus(on.actor, **given, told=once))
    gate.wait_until_reached()
    with pytest.raises(WrongState, match="is being moved"):
        move(on)
    # What the first one fills is not touched either.
    distributing.tidy(on.gallery, tools=on.tools)
    gate.open()
    result(first)
    assert len(index(on)) == 24
    move(on)


class Once:
    """Stops at a gate the first time it is told anything."""

    def __init__(self, gate: Gate) -> None:
        """Stop at this gate."""
        self._gate: Gate | None = gate

    def __call__(self, _: str) -> None:
        """Stop, once."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.stop_here()
