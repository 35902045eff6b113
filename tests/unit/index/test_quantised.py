from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from bench.synthetic import people
from unit.index.drawn import MODEL, unit_vectors

from countenance.errors import IndexUnavailable, InputError, ModelMismatch
from countenance.index import FlatIndex, QuantisedIndex, codes, quantised, shard
from countenance.index.kept import rounded


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred templates already take every way that a million take."""
    monkeypatch.setattr(quantised, "TRAINED_ON", 300)
    monkeypatch.setattr(quantised, "_TAIL", 100)
    monkeypatch.setattr(quantised, "_RERANKED", 60)
    monkeypatch.setattr(quantised, "_GONE", 4)
    monkeypatch.setattr(quantised, "_WORTH_IT", 16)
    monkeypatch.setattr(shard, "SHARD", 512)


def filled(count: int, dimensions: int = 32) -> QuantisedIndex:
    index = QuantisedIndex(dimensions, model=MODEL)
    index.add(np.arange(count), unit_vectors(count, dimensions, seed=1), model=MODEL)
    return index


@pytest.mark.parametrize(("count", "dimensions"), [(70_000, 128), (20_000, 128), (20_000, 512)])
def test_mates_that_exact_search_ranks_first_come_first(
    monkeypatch: pytest.MonkeyPatch, count: int, dimensions: int
) -> None:
    monkeypatch.setattr(quantised, "TRAINED_ON", min(count, quantised.TRAINED_ON))
    drawn = people(count, dimensions, probes=200)
    index = QuantisedIndex(dimensions, model=MODEL)
    index.add(np.arange(count), drawn.templates, model=MODEL)
    exact = (drawn.probes @ drawn.templates.T).argmax(axis=1)
    mated = exact == drawn.mates
    found = [index.search(probe, k=20, model=MODEL)[0].row for probe in drawn.probes]
    assert len(index._state.shards) == 1
    assert mated.mean() > 0.8
    assert (np.array(found)[mated] == drawn.mates[mated]).mean() >= 0.999


def test_a_long_list_holds_nearly_all_of_what_exact_search_lists() -> None:
    count, k = 66_000, 10_000
    drawn = people(count, 128, probes=3)
    index = QuantisedIndex(128, model=MODEL)
    index.add(np.arange(count), drawn.templates, model=MODEL)
    for probe in drawn.probes:
        exact = np.argsort(-(drawn.templates @ probe))
        rows = np.array([hit.row for hit in index.search(probe, k=k, model=MODEL)])
        assert rows.size == k
        assert np.isin(exact[:k], rows).mean() > 0.98
        assert np.isin(exact[:1000], rows).all()


def test_similarities_are_those_of_the_kept_rows_and_near_the_exact_ones() -> None:
    templates = unit_vectors(2000, 128, seed=1)
    index = QuantisedIndex(128, model=MODEL)
    index.add(np.arange(2000), templates, model=MODEL)
    probe = unit_vectors(1, 128, seed=2)[0]
    kept = rounded(templates)
    assert (rounded(kept) == kept).all()
    for hit in index.search(probe, k=100, model=MODEL):
        assert hit.similarity == pytest.approx(kept[hit.row] @ probe, abs=1e-6)
        assert hit.similarity == pytest.approx(templates[hit.row] @ probe, abs=1e-4)


@pytest.mark.usefixtures("small")
def test_a_template_keeps_its_similarity_when_it_gets_a_code() -> None:
    index = filled(299)
    template = unit_vectors(299, 32, seed=1)[77]
    before = index.search(template, k=1, model=MODEL)
    index.add(np.array([1000]), unit_vectors(1, 32, seed=5), model=MODEL)
    assert len(index._state.shards) == 1
    assert index.search(template, k=1, model=MODEL) == before
    assert before[0].row == 77


@pytest.mark.usefixtures("small")
def test_equal_similarities_come_in_ascending_row_wherever_they_lie() -> None:
    index = filled(1000)
    template = unit_vectors(1, 32, seed=3)
    rows = np.random.default_rng(4).permutation(np.arange(2000, 2050))
    for row in rows:
        index.add(np.array([row]), template, model=MODEL)
        index.add(
            np.arange(3000 + row, 3010 + row), unit_vectors(10, 32, seed=int(row)), model=MODEL
        )
    found = index.search(template[0], k=40, model=MODEL)
    assert [hit.row for hit in found] == list(range(2000, 2040))


@pytest.mark.usefixtures("small")
def test_adding_a_row_again_replaces_its_template_wherever_it_is() -> None:
    index = filled(1000)
    new = unit_vectors(3, 32, seed=8)
    for _ in range(3):
        index.add(np.array([40, 700, 2000]), new, model=MODEL)
        assert len(index) == 1001
        index.add(np.arange(5000, 5100), unit_vectors(100, 32, seed=9), model=MODEL)
        index.remove(np.arange(5000, 5100))
    assert [index.search(one, k=1, model=MODEL)[0].row for one in new] == [40, 700, 2000]
    old = unit_vectors(1000, 32, seed=1)[700]
    assert index.search(old, k=1, model=MODEL)[0].row != 700
    assert np.unique(index.rows()).size == index.rows().size == 1001


@pytest.mark.usefixtures("small")
def test_a_removed_row_is_never_found_again() -> None:
    index = filled(1500)
    templates = unit_vectors(1500, 32, seed=1)
    gone = np.array([0, 7, 511, 512, 900, 1498, 1499])
    assert index.remove(np.append(gone, 12_345)) == 7
    assert index.remove(gone) == 0
    assert len(index) == 1493
    for template in templates[gone]:
        found = index.search(template, k=1500, model=MODEL)
        assert len(found) == 1493
        assert not {hit.row for hit in found} & set(gone.tolist())


@pytest.mark.usefixtures("small")
def test_a_removed_template_stays_in_no_array_and_its_code_neither() -> None:
    index = filled(400)
    held = index._state.shards[0]
    code = held.codes._index.reconstruct(123).copy()
    index.remove(np.array([123]))
    assert held.gone[123]
    assert not held.kept.read(np.array([123])).any()
    assert (held.codes._index.reconstruct(123) != code).mean() > 0.5


@pytest.mark.usefixtures("small")
def test_many_removals_lay_shards_out_anew_and_give_memory_back() -> None:
    index = filled(5000)
    shards, memory = len(index._state.shards), index.nbytes
    rows = np.arange(5000)
    kept = rows[rows % 10 == 3]
    # Less than what compaction waits for by itself; a snapshot holds nobody who is gone.
    for start in range(0, 5000, 50):
        part = rows[start : start + 50]
        index.remove(part[part % 10 != 3])
    data = index.to_bytes()
    assert len(index._state.shards) < shards
    assert index.nbytes < memory / 3
    assert sorted(index.rows().tolist()) == kept.tolist()
    assert sorted(QuantisedIndex.from_bytes(data).rows().tolist()) == kept.tolist()
    template = unit_vectors(5000, 32, seed=1)[2503]
    assert index.search(template, k=1, model=MODEL)[0].row == 2503


@pytest.mark.usefixtures("small")
def test_more_gone_than_wanted_among_the_nearest_hides_nobody() -> None:
    index = QuantisedIndex(32, model=MODEL)
    near = unit_vectors(1, 32, seed=3) + 0.05 * unit_vectors(250, 32, seed=4)
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    index.add(np.arange(250), near, model=MODEL)
    index.add(np.arange(1000, 1250), unit_vectors(250, 32, seed=5), model=MODEL)
    held = index._state.shards[0]
    # As a removal leaves it in the moment before codes are wiped.
    held.gone[:249] = True
    found = held.nearest(near[0], 60)[1]
    assert found.size >= 60
    assert held.ids[found].min() == 249


@pytest.mark.usefixtures("small")
def test_an_index_comes_back_as_it_was_and_can_be_changed() -> None:
    index = filled(1234)
    index.add(np.array([7, 500]), unit_vectors(2, 32, seed=11), model=MODEL)
    index.remove(np.arange(0, 1000, 3))
    back = QuantisedIndex.from_bytes(index.to_bytes())
    assert (back.model, back.dimensions, len(back)) == (MODEL, 32, len(index))
    for probe in unit_vectors(20, 32, seed=12):
        assert back.search(probe, k=30, model=MODEL) == index.search(probe, k=30, model=MODEL)
    back.add(np.arange(2000, 2300), unit_vectors(300, 32, seed=13), model=MODEL)
    assert back.remove(np.arange(2000, 2300)) == 300
    assert sorted(back.rows().tolist()) == sorted(index.rows().tolist())


@pytest.mark.usefixtures("small")
def test_codes_that_another_version_laid_out_otherwise_are_made_anew() -> None:
    index = filled(600)
    data = bytearray(index.to_bytes())
    packed = index._state.shards[-1].codes.packed().tobytes()
    at = bytes(data).index(packed)
    data[at : at + len(packed)] = packed[::-1]
    back = QuantisedIndex.from_bytes(data)
    probe = unit_vectors(1, 32, seed=2)[0]
    assert back.search(probe, k=20, model=MODEL) == index.search(probe, k=20, model=MODEL)


@pytest.mark.usefixtures("small")
def test_a_broken_snapshot_is_refused() -> None:
    data = filled(500).to_bytes()
    for length in [*range(200), *range(200, len(data), 997), len(data) - 1]:
        with pytest.raises(IndexUnavailable):
            QuantisedIndex.from_bytes(data[:length])
    with pytest.raises(IndexUnavailable, match="length"):
        QuantisedIndex.from_bytes(data + b"\0")
    with pytest.raises(IndexUnavailable, match="version"):
        QuantisedIndex.from_bytes(FlatIndex(32, model=MODEL).to_bytes())
    with pytest.raises(IndexUnavailable, match="version"):
        FlatIndex.from_bytes(data)


@pytest.mark.usefixtures("small")
def test_a_row_in_two_shards_of_a_snapshot_is_refused() -> None:
    index = filled(1500)
    index._state.shards[0].ids[0] = 1024
    with pytest.raises(IndexUnavailable, match="content"):
        QuantisedIndex.from_bytes(index.to_bytes())


class Traffic:
    """Threads that search, add, remove and train one index, and note what is wrong about any answer.

    The rows below `FIXED` never change; the others come and go.
    """

    FIXED, MOVING, SECONDS, LEAST = 1500, 600, 2.5, 2

    def __init__(self) -> None:
        self.templates = unit_vectors(self.FIXED + self.MOVING, 32, seed=10)
        self.index = QuantisedIndex(32, model=MODEL)
        self.index.add(np.arange(self.FIXED), self.templates[: self.FIXED], model=MODEL)
        self.wrong: list[str] = []
        self.done = dict.fromkeys((self.write, self.train, self.read), 0)
        self.end = time.monotonic() + self.SECONDS

    def run(self) -> None:
        """Do all of it at the same time, until the end or the first fault."""
        works = [self.write, self.train, self.train, self.read, self.read]
        threads = [threading.Thread(target=self.repeat, args=work) for work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def repeat(self, seed: int, work: Callable[[np.random.Generator], None]) -> None:
        random = np.random.default_rng(seed)
        # On a busy machine it takes longer until each has been done a few times.
        while (
            time.monotonic() < self.end or min(self.done.values()) <= self.LEAST
        ) and not self.wrong:
            try:
                work(random)
            except Exception as fault:
                self.wrong.append(repr(fault))
                raise
            self.done[work] += 1

    def write(self, random: np.random.Generator) -> None:
        rows = self.FIXED + random.choice(self.MOVING, random.integers(1, 300), replace=False)
        self.index.add(rows, self.templates[rows], model=MODEL)
        self.index.add(rows[::2], self.templates[rows[::2]], model=MODEL)
        if self.index.search(self.templates[rows[0]], k=1, model=MODEL)[0].row != rows[0]:
            self.wrong.append("an added row was not found")
        if self.index.remove(rows) != rows.size:
            self.wrong.append("a removal found fewer rows than were there")
        left = self.index.search(self.templates[rows[0]], k=300, model=MODEL)
        if {hit.row for hit in left} & set(rows.tolist()):
            self.wrong.append("a removed row was found")

    def train(self, random: np.random.Generator) -> None:
        self.index.retrain()

    def read(self, random: np.random.Generator) -> None:
        row = int(random.integers(self.FIXED))
        found = self.index.search(self.templates[row], k=15, model=MODEL)
        if found[0].row != row or len({hit.row for hit in found}) != len(found):
            self.wrong.append(f"row {row}: {found[:2]}")
        true = self.templates[[hit.row for hit in found]] @ self.templates[row]
        if np.abs(true - [hit.similarity for hit in found]).max() > 2e-3:
            self.wrong.append(f"row {row}: a similarity that is not of its row")


@pytest.mark.usefixtures("small")
def test_answers_are_true_while_others_search_add_remove_and_train() -> None:
    traffic = Traffic()
    index = traffic.index
    before = index._state.shards[0].codes.centroids
    traffic.run()
    assert traffic.wrong == []
    assert min(traffic.done.values()) > traffic.LEAST
    assert len(index) == traffic.FIXED
    assert sorted(index.rows().tolist()) == list(range(traffic.FIXED))
    index.retrain()
    assert not np.array_equal(before, index._state.shards[0].codes.centroids)


@pytest.mark.usefixtures("small")
def test_the_templates_that_are_kept_can_be_asked_for_by_row() -> None:
    index = filled(1000)
    index.remove(np.array([3, 999]))
    kept = rounded(unit_vectors(1000, 32, seed=1))
    held = index.templates(np.array([3, 4, 700, 998, 999, 5000]))
    assert sorted(held) == [4, 700, 998]
    assert all((held[row] == kept[row]).all() for row in held)


def test_what_is_no_template_of_this_index_is_refused_and_nothing_added() -> None:
    index = filled(5)
    template = unit_vectors(1, 32, seed=1)
    with pytest.raises(ModelMismatch, match="other-model"):
        index.search(template[0], k=1, model="other-model")
    with pytest.raises(ModelMismatch, match="other-model"):
        index.add(np.array([9]), template, model="other-model")
    with pytest.raises(InputError):
        index.add(np.array([9]), template * np.float32(2), model=MODEL)
    with pytest.raises(InputError):
        index.add(np.array([9, 9]), np.repeat(template, 2, axis=0), model=MODEL)
    with pytest.raises(InputError):
        index.search(template[0], k=0, model=MODEL)
    assert len(index) == 5


def test_an_empty_index_has_no_candidates_and_nothing_to_train() -> None:
    index = QuantisedIndex(8, model=MODEL)
    index.retrain()
    assert index.search(unit_vectors(1, 8, seed=1)[0], k=5, model=MODEL) == []
    assert (len(index), index.rows().tolist()) == (0, [])
    assert len(QuantisedIndex.from_bytes(index.to_bytes())) == 0


@pytest.mark.parametrize("dimensions", [6, 7, 128, 256, 512, 514])
def test_every_number_of_a_template_is_in_a_code(dimensions: int) -> None:
    trained = codes.Codes.trained(unit_vectors(800, dimensions, seed=1))
    assert trained.centroids.size == 16 * dimensions
    coded = trained.extended(unit_vectors(100, dimensions, seed=2))
    probe = unit_vectors(100, dimensions, seed=2)[42]
    assert coded.nearest(probe, 5)[1][0] == 42
