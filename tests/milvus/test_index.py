"""The index in Milvus keeps to what every index must, against the real server."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from milvus.server import TOKEN, Server
from property.test_index import IndexMachine
from unit.index.drawn import MODEL, brute_force, unit_vectors

from countenance.errors import IndexUnavailable, InputError, ModelMismatch
from countenance.index import FlatIndex
from countenance.index.choosing import cheapest, drawn, kinds_for, mate_recall, try_kinds
from countenance.index.collection import MilvusIndex
from countenance.index.milvus import Connection, Place

KEY = bytes(range(32))
TEMPLATES = unit_vectors(600, 32, seed=1)


def index_at(server: Server, *, dimensions: int = 32, name: str = "") -> MilvusIndex:
    """Return an index of a new collection, or of one that is there."""
    index = MilvusIndex(
        Connection(Place(uri=server.uri, token=TOKEN)),
        name=name or f"c{uuid4().hex}",
        key=KEY,
        dimensions=dimensions,
        model=MODEL,
    )
    index.create()
    return index


def found(index: MilvusIndex, probe: np.ndarray, k: int) -> list[tuple[int, float]]:
    return [(hit.row, hit.similarity) for hit in index.search(probe, k=k, model=MODEL)]


def test_it_is_brute_force_whatever_came_before(server: Server) -> None:
    class MilvusMachine(IndexMachine):
        def empty(self) -> MilvusIndex:
            return index_at(server, dimensions=6)

        @rule()
        def store_and_load(self) -> None:
            """Go through the bytes of an exact index, and come back with another client."""
            copy = FlatIndex.from_bytes(self.index.to_bytes())
            assert set(copy.rows().tolist()) == set(self.held)
            self.index = index_at(server, dimensions=6, name=self.index.name)

        def teardown(self) -> None:
            self.index.drop()

    run_state_machine_as_test(
        MilvusMachine,
        settings=settings(
            max_examples=4,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


def test_what_was_added_is_found_and_what_was_removed_is_not_at_once(server: Server) -> None:
    index = index_at(server)
    other = index_at(server, name=index.name)
    rows = np.arange(600)
    for turn in range(10):
        index.add(rows[turn : turn + 1], TEMPLATES[turn : turn + 1], model=MODEL)
        assert found(index, TEMPLATES[turn], 1)[0][0] == turn
        # Another process, once it is told.
        other.refresh()
        assert found(other, TEMPLATES[turn], 1)[0][0] == turn
        assert index.remove(rows[turn : turn + 1]) == 1
        assert turn not in [row for row, _ in found(index, TEMPLATES[turn], 5)]
        other.refresh()
        assert turn not in [row for row, _ in found(other, TEMPLATES[turn], 5)]
    assert len(index) == 0
    index.drop()


def test_more_rows_than_one_message_come_back_whole(server: Server) -> None:
    count = 10_000
    templates = unit_vectors(count, 32, seed=3)
    index = index_at(server)
    index.add(np.arange(count), templates, model=MODEL)
    assert len(index) == count
    assert sorted(index.rows().tolist()) == list(range(count))
    held = dict(enumerate(templates))
    assert found(index, TEMPLATES[0], 100) == brute_force(held, TEMPLATES[0], 100)
    several = index.templates(np.array([3, 4, count + 7]))
    assert set(several) == {3, 4}
    np.testing.assert_array_equal(several[4], templates[4])
    assert index.remove(np.arange(0, count, 2)) == count // 2
    assert len(index) == count // 2
    index.drop()


def test_the_server_learns_no_row_id(server: Server) -> None:
    index = index_at(server)
    index.add(np.arange(50), TEMPLATES[:50], model=MODEL)
    seen = index._connection.call(
        "query", index.name, filter="id >= 0", output_fields=["*"], limit=100
    )
    assert {field for one in seen for field in one} == {"id", "vector"}
    assert min(one["id"] for one in seen) > 10_000
    index.drop()


def test_what_cannot_be_is_refused_before_the_server_sees_it(server: Server) -> None:
    index = index_at(server)
    with pytest.raises(ModelMismatch):
        index.add(np.array([1]), TEMPLATES[:1], model="other")
    with pytest.raises(InputError):
        index.add(np.array([1, 1]), TEMPLATES[:2], model=MODEL)
    with pytest.raises(InputError):
        index.search(TEMPLATES[0] * 2, k=1, model=MODEL)
    with pytest.raises(InputError):
        index.search(TEMPLATES[0], k=0, model=MODEL)
    assert len(index) == 0
    index.drop()


def test_the_fastest_kind_that_loses_nobody_is_chosen(server: Server) -> None:
    templates = unit_vectors(3000, 128, seed=5)
    index = index_at(server, dimensions=128)
    index.add(np.arange(3000), templates, model=MODEL)
    probes = drawn(templates, 200, np.random.default_rng(6))
    kinds = [kind for kind in kinds_for(3000) if kind.name in {"FLAT", "IVF_SQ8"}]
    tried = list(try_kinds(index, probes, kinds, k=1000))
    assert [one.kind for one in tried] == kinds
    assert tried[0].recall == 1.0
    chosen = cheapest(tried)
    index.become(chosen)
    assert mate_recall(index, probes, k=1000).recall >= 0.999
    index.drop()


@pytest.mark.timeout(
    900
)  # the server takes a quarter of a minute or more for each index, however small
def test_every_kind_that_looks_at_so_many_rows_answers_as_many_as_a_search_asks_for(
    server: Server,
) -> None:
    templates = unit_vectors(4000, 128, seed=7)
    index = index_at(server, dimensions=128)
    index.add(np.arange(4000), templates, model=MODEL)
    index.settle()
    kinds = [one for one in kinds_for(4000) if {"ef", "reorder_k"} & set(one.search)]
    assert {one.name for one in kinds} == {"SCANN", "HNSW"}
    for kind in reversed(kinds):
        index.become(kind)
        hits = index.search(templates[0], k=1000, model=MODEL)
        assert hits[0].row == 0
        assert len(hits) == 1000
    index.drop()


def test_a_collection_that_is_gone_is_told_in_words(server: Server) -> None:
    index = index_at(server)
    index.drop()
    with pytest.raises(IndexUnavailable, match="not there in Milvus"):
        index.search(TEMPLATES[0], k=1, model=MODEL)


def test_a_wrong_token_is_told_in_words(server: Server) -> None:
    place = Place(uri=server.uri, token="root:wrong-secret", timeout=5)
    with pytest.raises(IndexUnavailable, match="refuses the token") as told:
        Connection(place).call("list_collections")
    assert "wrong-secret" not in repr(place) + str(told.value)
