"""The index in Milvus against a server in memory: what is seen when, and every failure in words."""

from __future__ import annotations

import sys
import traceback
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_milvus import Failed, FakeMilvus
from hypothesis import given
from hypothesis import strategies as st
from unit.index.drawn import MODEL, brute_force, unit_vectors

from countenance.errors import IndexUnavailable, InputError, ModelMismatch
from countenance.index import FlatIndex, collection
from countenance.index.choosing import Probes, Tried, cheapest, drawn, kinds_for, mate_recall
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import FLAT, Kind
from countenance.index.milvus import Connection, Place
from countenance.index.opaque import OpaqueIds

KEY = bytes(range(32))
TEMPLATES = unit_vectors(300, 16, seed=1)


@pytest.fixture
def server() -> FakeMilvus:
    return FakeMilvus()


@pytest.fixture
def index(server: FakeMilvus) -> MilvusIndex:
    return made(server)


def made(server: FakeMilvus, name: str = "one", dimensions: int = 16) -> MilvusIndex:
    connection = Connection(Place(uri="http://localhost", token="t0ken"), connect=server.connect)
    index = MilvusIndex(connection, name=name, key=KEY, dimensions=dimensions, model=MODEL)
    index.create()
    return index


def found(index: MilvusIndex, probe: np.ndarray, k: int) -> list[tuple[int, float]]:
    return [(hit.row, hit.similarity) for hit in index.search(probe, k=k, model=MODEL)]


def test_it_finds_what_brute_force_finds_ties_included(index: MilvusIndex) -> None:
    same = np.repeat(TEMPLATES[:1], 100, axis=0)
    index.add(np.arange(100), same, model=MODEL)
    index.add(np.arange(100, 300), TEMPLATES[100:], model=MODEL)
    held = dict(enumerate([*same, *TEMPLATES[100:]]))
    for k in (1, 7, 60, 299, 300, 1000):
        assert found(index, TEMPLATES[0], k) == brute_force(held, TEMPLATES[0], k)
    copy = FlatIndex.from_bytes(index.to_bytes())
    assert sorted(copy.rows().tolist()) == list(range(300))
    assert len(index) == 300
    assert index.nbytes == 0
    assert (index.model, index.dimensions) == (MODEL, 16)


def test_an_empty_one_finds_nothing_and_has_bytes(index: MilvusIndex) -> None:
    assert found(index, TEMPLATES[0], 3) == []
    assert index.rows().size == 0
    assert len(FlatIndex.from_bytes(index.to_bytes())) == 0
    index.add(np.empty(0, dtype=np.int64), TEMPLATES[:0], model=MODEL)
    assert index.remove(np.empty(0, dtype=np.int64)) == 0


def test_what_is_removed_is_gone_at_once_and_counted(index: MilvusIndex) -> None:
    index.add(np.arange(10), TEMPLATES[:10], model=MODEL)
    assert index.remove(np.array([3, 4, 999])) == 2
    assert {row for row, _ in found(index, TEMPLATES[3], 20)} == {0, 1, 2, 5, 6, 7, 8, 9}
    assert len(index) == 8


def test_another_process_sees_it_once_it_is_told(server: FakeMilvus, index: MilvusIndex) -> None:
    other = made(server)
    index.add(np.arange(10), TEMPLATES[:10], model=MODEL)
    index.remove(np.array([3]))
    other.refresh()
    assert found(other, TEMPLATES[3], 20) == found(index, TEMPLATES[3], 20)


def test_a_removal_that_the_server_does_not_carry_out_is_an_error(
    server: FakeMilvus, index: MilvusIndex
) -> None:
    index.add(np.arange(3), TEMPLATES[:3], model=MODEL)
    server.keeps_deleted = True
    with pytest.raises(IndexUnavailable, match="still finds what was removed"):
        index.remove(np.array([1]))


def test_more_rows_than_one_answer_holds_come_back_whole(
    index: MilvusIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_MOST_FOUND", 12)
    monkeypatch.setattr(collection, "BATCH", 50)
    index.add(np.arange(300), TEMPLATES, model=MODEL)
    assert sorted(index.rows().tolist()) == list(range(300))
    assert index.remove(np.arange(0, 300, 3)) > 0


def test_only_ids_that_tell_nothing_reach_the_server(
    server: FakeMilvus, index: MilvusIndex
) -> None:
    index.add(np.arange(200), TEMPLATES[:200], model=MODEL)
    ids = np.array([id for _, id, _ in server.collections["one"]])
    assert ids.min() >= 0
    # Of neighbouring rows, about half go up: no order is left.
    assert 60 < int((np.diff(ids) > 0).sum()) < 140
    assert index.templates(np.array([5, 900])).keys() == {5}


@given(
    rows=st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=50),
    key=st.binary(min_size=32, max_size=32),
)
def test_row_ids_are_hidden_and_shown_again(rows: list[int], key: bytes) -> None:
    ids = OpaqueIds(key)
    hidden = ids.hide(np.array(rows, dtype=np.int64))
    assert (hidden >= 0).all()
    assert len(set(hidden.tolist())) == len(rows)
    assert ids.show(hidden).tolist() == rows


def test_a_key_of_another_length_is_refused_and_none_is_shown() -> None:
    with pytest.raises(InputError):
        OpaqueIds(b"short")
    assert repr(OpaqueIds(KEY)) == "OpaqueIds()"
    assert "t0ken" not in repr(Place(uri="", token="t0ken"))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Failed(100, "collection not found[collection=one]"), "not there in Milvus"),
        (Failed(101, "collection not loaded: 7"), "still starting or loading"),
        (Failed(65535, "auth check failure, please check api key"), "refuses the token"),
        (Failed(2, "Fail connecting to server on localhost"), "does not answer"),
        (
            caused(Failed(2, "Fail connecting to server"), Failed(0, "StatusCode.UNAUTHENTICATED")),
            "refuses the token",
        ),
        (Failed(1, "Retry timeout: 5s"), "does not answer"),
        (Failed(1100, "cannot parse expression: id in [7] for t0ken"), "could not do"),
        (ValueError("vector [0.1, 0.2]"), "could not do"),
        (FileNotFoundError("the place of own.pem"), "cannot be read"),
    ],
)
def test_a_failure_is_told_in_words_of_ours_and_quotes_nothing(
    server: FakeMilvus, index: MilvusIndex, said: Exception, words: str
) -> None:
    def fail(_: str) -> None:
        raise said

    server.before = fail
    with pytest.raises(IndexUnavailable, match=words) as told:
        index.search(TEMPLATES[0], k=3, model=MODEL)
    shown = "".join(traceback.format_exception(told.value)) + str(told.value.facts)
    assert str(said) not in shown
    assert told.value.__context__ is None
    server.before = lambda _: None
    assert found(index, TEMPLATES[0], 3) == []


def test_a_server_that_was_away_at_first_is_asked_again(server: FakeMilvus) -> None:
    away = [True]

    def connect(place: Place) -> Any:
        if away[0]:
            raise Failed(2, "Fail connecting")
        return server.connect(place)

    connection = Connection(Place(uri="http://localhost"), connect=connect)
    with pytest.raises(IndexUnavailable, match="does not answer"):
        connection.call("has_collection", "one")
    away[0] = False
    assert connection.call("has_collection", "one") is False
    connection.close()
    connection.close()
    assert connection.call("has_collection", "one") is False
    assert server.connected == 2


def test_without_pymilvus_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(IndexUnavailable, match=r"requirements/milvus\.txt"):
        Connection(Place(uri="http://localhost")).call("list_collections")


def test_what_cannot_be_is_refused_before_the_server_sees_it(
    server: FakeMilvus, index: MilvusIndex
) -> None:
    before = len(server.calls)
    with pytest.raises(ModelMismatch):
        index.add(np.array([1]), TEMPLATES[:1], model="other")
    with pytest.raises(InputError):
        index.add(np.array([1]), TEMPLATES[:2], model=MODEL)
    with pytest.raises(InputError):
        index.search(TEMPLATES[0] * 3, k=1, model=MODEL)
    assert len(server.calls) == before


def test_a_lost_mate_is_noticed_without_an_exact_search(server: FakeMilvus) -> None:
    # In so many dimensions no stranger is as alike as a mate.
    index, templates = made(server, dimensions=128), unit_vectors(300, 128, seed=4)
    index.add(np.arange(300), templates, model=MODEL)
    probes = drawn(templates, 40, np.random.default_rng(2))
    np.testing.assert_allclose(probes.similarities, 0.5, atol=1e-6)
    assert mate_recall(index, probes, k=50).recall == 1.0
    index.remove(np.arange(300))
    index.add(np.array([900]), templates[:1], model=MODEL)
    assert mate_recall(index, probes, k=50).recall < 0.2
    # A probe that lies in the gallery itself does not count as found.
    own = Probes(templates[:1], np.array([0.9], dtype=np.float32), np.array([900]))
    assert mate_recall(index, own, k=50).recall == 0.0


def test_a_probe_with_somebody_more_alike_than_its_mate_shows_nothing(index: MilvusIndex) -> None:
    index.add(np.arange(300), TEMPLATES, model=MODEL)
    mates = np.array([1.0, 0.3, 1.0], dtype=np.float32)
    probes = Probes(TEMPLATES[:3], mates, np.full(3, -1))
    assert mate_recall(index, probes, k=50)[:2] == (2, 1.0)
    index.remove(np.array([2]))
    assert mate_recall(index, probes, k=50)[:2] == (2, 0.5)
    nothing = Probes(TEMPLATES[:1], mates[1:2], np.full(1, -1))
    assert mate_recall(index, nothing, k=50)[:2] == (0, 0.0)


@pytest.mark.parametrize("kind", kinds_for(300), ids=str)
def test_no_kind_is_asked_for_more_rows_than_it_looks_at(index: MilvusIndex, kind: Kind) -> None:
    index.add(np.arange(300), TEMPLATES, model=MODEL)
    index.become(kind)
    for k in (20, 1000, 10_000):
        assert len(found(index, TEMPLATES[0], k)) == min(k, 300)
    assert Kind.from_json(kind.as_json()) == kind


def building(indexed: int) -> dict[str, Any]:
    return {"state": "InProgress", "indexed_rows": indexed}


def test_a_build_that_failed_is_told_at_once_with_the_servers_reason(
    server: FakeMilvus, index: MilvusIndex
) -> None:
    server.builds = [building(0), {"state": "Failed", "indexed_rows": 0}]
    server.build_failed = "17: invalid parameter\n[nlist=0];" + "x" * 900
    with pytest.raises(IndexUnavailable, match=r"SCANN.*invalid parameter \[nlist=0\]") as told:
        index.become(Kind(name="SCANN"))
    assert len(told.value.detail) < 400
    # The next call builds it anew, although nothing of the kind has changed.
    server.builds = [{"state": "Finished", "indexed_rows": 0}]
    before = server.calls.count("create_index")
    index.become(Kind(name="SCANN"))
    assert server.calls.count("create_index") == before + 1


def test_an_index_that_is_gone_while_it_is_built_is_told(
    server: FakeMilvus, index: MilvusIndex
) -> None:
    server.builds = [{}]
    with pytest.raises(IndexUnavailable, match="its own log"):
        index.become(Kind(name="SCANN"))


def test_a_build_is_waited_for_while_it_gets_on_and_given_up_when_it_does_not(
    server: FakeMilvus, index: MilvusIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(
        collection,
        "time",
        SimpleNamespace(
            monotonic=lambda: now[0], sleep=lambda _: now.__setitem__(0, now[0] + 1000.0)
        ),
    )
    # Each part comes before it is given up, and all together take far longer.
    server.builds = [*map(building, range(40)), {"state": "Finished", "indexed_rows": 40}]
    index.become(Kind(name="HNSW"))
    assert now[0] == 40_000
    server.builds = [building(0), building(7)]
    with pytest.raises(IndexUnavailable, match=r"nothing for 30 minutes .* 7 templates are done"):
        index.become(Kind(name="SCANN"))
    assert now[0] == 40_000 + 3000


def test_the_fastest_kind_that_loses_nobody_is_taken() -> None:
    def tried(kind: Kind, recall: float, p50: float) -> Tried:
        return Tried(kind=kind, probes=1000, recall=recall, p50_ms=p50, built_s=1)

    flat, lists, half, *_ = kinds_for(1_000_000)
    assert Kind.from_json(lists.as_json()) == lists
    assert str(lists) == "IVF_SQ8, nlist 1024, nprobe 1024"
    assert cheapest([tried(flat, 1, 30), tried(lists, 0.9995, 9), tried(half, 0.99, 4)]) == lists
    assert cheapest([tried(flat, 1, 3), tried(lists, 1, 9)]) == FLAT
    with pytest.raises(IndexUnavailable, match="interimIndex"):
        cheapest([tried(half, 0.99, 4)])
