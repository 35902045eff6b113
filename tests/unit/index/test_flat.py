from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from unit.index.drawn import MODEL, brute_force, unit_vectors

from countenance.errors import InputError, ModelMismatch
from countenance.index import MOST_CANDIDATES, FlatIndex, Hit, flat


def filled(count: int, dimensions: int = 32, *, seed: int = 1) -> FlatIndex:
    index = FlatIndex(dimensions, model=MODEL)
    index.add(np.arange(count), unit_vectors(count, dimensions, seed=seed), model=MODEL)
    return index


def pairs(hits: list[Hit]) -> list[tuple[int, float]]:
    return [(hit.row, hit.similarity) for hit in hits]


def test_an_empty_index_has_no_candidates() -> None:
    index = FlatIndex(8, model=MODEL)
    assert index.search(unit_vectors(1, 8, seed=1)[0], k=5, model=MODEL) == []
    assert len(index) == 0
    assert index.rows().tolist() == []


def test_an_enrolled_template_is_its_own_best_candidate() -> None:
    index = filled(500)
    found = index.search(unit_vectors(500, 32, seed=1)[123], k=1, model=MODEL)
    assert found[0].row == 123
    assert found[0].similarity == pytest.approx(1, abs=1e-6)


def test_more_candidates_than_rows_gives_all_rows() -> None:
    index = filled(3)
    found = index.search(unit_vectors(1, 32, seed=2)[0], k=50, model=MODEL)
    assert sorted(hit.row for hit in found) == [0, 1, 2]
    assert [hit.similarity for hit in found] == sorted(
        (hit.similarity for hit in found), reverse=True
    )


def test_equal_similarities_come_in_ascending_row_wherever_they_lie() -> None:
    template = unit_vectors(1, 32, seed=3)
    others = unit_vectors(999, 32, seed=4)
    rows = np.random.default_rng(5).permutation(1999)
    index = FlatIndex(32, model=MODEL)
    index.add(rows[:999], others, model=MODEL)
    index.add(rows[999:], np.repeat(template, 1000, axis=0), model=MODEL)
    found = index.search(template[0], k=40, model=MODEL)
    assert [hit.row for hit in found] == sorted(rows[999:].tolist())[:40]
    assert len({hit.similarity for hit in found}) == 1


def test_a_split_search_gives_what_an_unsplit_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = unit_vectors(1000, 32, seed=6)
    index = FlatIndex(32, model=MODEL)
    # Repeated templates, so that ties lie on both sides of every edge.
    index.add(np.arange(3000), np.concatenate([templates] * 3), model=MODEL)
    probe = unit_vectors(1, 32, seed=7)[0]
    whole = index.search(probe, k=31, model=MODEL)
    monkeypatch.setattr(flat, "_PART_BYTES", 1000)
    monkeypatch.setattr(flat, "cores", lambda: 7)
    assert index.search(probe, k=31, model=MODEL) == whole
    held = dict(enumerate(np.concatenate([templates] * 3)))
    assert pairs(whole) == brute_force(held, probe, 31)


def test_adding_a_row_again_replaces_its_template() -> None:
    index = filled(100)
    new = unit_vectors(2, 32, seed=8)
    index.add(np.array([40, 200]), new, model=MODEL)
    assert len(index) == 101
    assert index.search(new[0], k=1, model=MODEL)[0].row == 40
    old = unit_vectors(100, 32, seed=1)[40]
    assert index.search(old, k=1, model=MODEL)[0].similarity < 0.99


def test_a_removed_row_is_never_found_again() -> None:
    index = filled(300)
    gone = np.array([0, 7, 150, 298, 299])
    assert index.remove(np.array([0, 7, 150, 298, 299, 12345])) == 5
    assert len(index) == 295
    for template in unit_vectors(300, 32, seed=1)[gone]:
        found = index.search(template, k=300, model=MODEL)
        assert len(found) == 295
        assert not {hit.row for hit in found} & set(gone.tolist())
    assert sorted(index.rows().tolist()) == sorted(set(range(300)) - set(gone.tolist()))
    assert index.remove(gone) == 0


def test_a_removed_template_stays_in_no_array() -> None:
    index = filled(40)
    before = index._state.templates
    secret = unit_vectors(40, 32, seed=1)[3]
    assert (before == secret).all(axis=1).sum() == 1
    index.remove(np.array([3]))
    assert not (index._state.templates == secret).all(axis=1).any()
    index.remove(np.arange(40))
    assert not index._state.templates.any()


def test_a_shrinking_index_gives_its_memory_back_and_wipes_what_it_leaves() -> None:
    index = filled(5000)
    large, before = index.nbytes, index._state.templates
    index.remove(np.arange(10, 5000))
    assert index.nbytes < large / 20
    assert not before.any()
    template = unit_vectors(5000, 32, seed=1)[4]
    assert index.search(template, k=1, model=MODEL)[0].row == 4


def test_everything_can_be_removed_and_added_again() -> None:
    index = filled(200)
    assert index.remove(np.arange(200)) == 200
    assert len(index) == 0
    assert index.search(unit_vectors(1, 32, seed=1)[0], k=3, model=MODEL) == []
    index.add(np.arange(200), unit_vectors(200, 32, seed=1), model=MODEL)
    assert index.search(unit_vectors(200, 32, seed=1)[9], k=1, model=MODEL)[0].row == 9


def test_no_rows_is_a_change_of_nothing() -> None:
    index = filled(5)
    index.add(np.array([], dtype=np.int64), np.empty((0, 32), np.float32), model=MODEL)
    assert index.remove(np.array([], dtype=np.int64)) == 0
    assert len(index) == 5


def test_templates_of_another_model_are_refused_by_name() -> None:
    index = filled(5)
    template = unit_vectors(1, 32, seed=1)
    with pytest.raises(ModelMismatch, match="other-model"):
        index.search(template[0], k=1, model="other-model")
    with pytest.raises(ModelMismatch, match="other-model"):
        index.add(np.array([9]), template, model="other-model")
    assert len(index) == 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    index = filled(5)
    template = unit_vectors(1, 32, seed=1)
    template[0, 3] = value
    with pytest.raises(InputError):
        index.search(template[0], k=1, model=MODEL)
    with pytest.raises(InputError):
        index.add(np.array([9]), template, model=MODEL)
    assert len(index) == 5


@pytest.mark.parametrize("scale", [0, 0.99, 1.01, 112])
def test_vectors_not_of_length_one_are_refused(scale: float) -> None:
    index = filled(5)
    template = unit_vectors(1, 32, seed=1) * np.float32(scale)
    with pytest.raises(InputError, match="length 1"):
        index.search(template[0], k=1, model=MODEL)
    with pytest.raises(InputError, match="length 1"):
        index.add(np.array([9]), template, model=MODEL)


def test_templates_of_another_length_are_refused() -> None:
    index = filled(5)
    with pytest.raises(InputError, match="32"):
        index.search(unit_vectors(1, 31, seed=1)[0], k=1, model=MODEL)
    with pytest.raises(InputError, match="32"):
        index.add(np.array([9]), unit_vectors(1, 64, seed=1), model=MODEL)


def test_one_bad_template_leaves_the_whole_batch_out() -> None:
    index = filled(5)
    templates = unit_vectors(3, 32, seed=9)
    templates[2] *= 2
    with pytest.raises(InputError):
        index.add(np.array([4, 5, 6]), templates, model=MODEL)
    assert sorted(index.rows().tolist()) == [0, 1, 2, 3, 4]
    assert index.search(unit_vectors(5, 32, seed=1)[4], k=1, model=MODEL)[0].row == 4


@pytest.mark.parametrize(
    "rows",
    [
        np.array([1, 1]),
        np.array([-1, 2]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array([1]),
        np.array([1, 2**63], dtype=np.uint64),
    ],
    ids=["twice", "negative", "fractions", "table", "too few", "too large"],
)
def test_row_ids_that_cannot_be_are_refused(rows: np.ndarray) -> None:
    index = FlatIndex(32, model=MODEL)
    with pytest.raises(InputError):
        index.add(rows, unit_vectors(2, 32, seed=1), model=MODEL)
    assert len(index) == 0


@pytest.mark.parametrize("k", [0, -1, MOST_CANDIDATES + 1])
def test_a_number_of_candidates_out_of_bounds_is_refused(k: int) -> None:
    with pytest.raises(InputError):
        filled(5).search(unit_vectors(1, 32, seed=1)[0], k=k, model=MODEL)


@pytest.mark.parametrize("dimensions", [0, -1, 5000])
def test_dimensions_out_of_bounds_are_refused(dimensions: int) -> None:
    with pytest.raises(InputError):
        FlatIndex(dimensions, model=MODEL)


@pytest.mark.parametrize("model", ["", "m" * 201])
def test_a_model_name_out_of_bounds_is_refused(model: str) -> None:
    with pytest.raises(InputError):
        FlatIndex(8, model=model)


def test_row_ids_may_be_as_large_as_the_database_makes_them() -> None:
    index = FlatIndex(32, model=MODEL)
    rows = np.array([0, 2**62, 2**63 - 1], dtype=np.int64)
    index.add(rows, unit_vectors(3, 32, seed=1), model=MODEL)
    assert index.search(unit_vectors(3, 32, seed=1)[2], k=1, model=MODEL)[0].row == 2**63 - 1
    assert index.remove(rows[1:]) == 2


def goes_on(end: float, searches: list[int], wrong: list[str]) -> bool:
    # On a busy machine it takes longer until every reader has had its turns.
    return (time.monotonic() < end or min(searches) <= 20) and not wrong


def test_searches_see_a_true_state_while_others_add_replace_and_remove() -> None:
    """Rows 0 to 199 never change; every answer must be right about them.

    The others come, go and are overwritten all the time, each with templates that belong to its
    row, so a row with another's similarity, a missing one and a torn vector all show.
    """
    dimensions, fixed, moving = 16, 200, 2000
    templates = unit_vectors(fixed + moving, dimensions, seed=10)
    index = FlatIndex(dimensions, model=MODEL)
    index.add(np.arange(fixed + moving), templates, model=MODEL)
    # The fixed rows start at the front, where removals would never move them: put them in between.
    index.remove(np.arange(fixed))
    index.add(np.arange(fixed), templates[:fixed], model=MODEL)
    end = time.monotonic() + 2
    wrong: list[str] = []
    searches = [0, 0, 0]

    def write() -> None:
        random = np.random.default_rng(11)
        while goes_on(end, searches, wrong):
            rows = fixed + random.choice(moving, random.integers(1, moving), replace=False)
            index.remove(rows)
            index.add(rows[::2], templates[rows[::2]], model=MODEL)
            index.add(rows, templates[rows], model=MODEL)

    def read(reader: int) -> None:
        random = np.random.default_rng(20 + reader)
        while goes_on(end, searches, wrong):
            row = int(random.integers(fixed))
            found = index.search(templates[row], k=400, model=MODEL)
            searches[reader] += 1
            if found[0].row != row or len({hit.row for hit in found}) != len(found):
                wrong.append(f"row {row}: {found[:2]}")
            rows = [hit.row for hit in found]
            true = templates[rows].astype(np.float64) @ templates[row]
            if np.abs(true - [hit.similarity for hit in found]).max() > 1e-6:
                wrong.append(f"row {row}: a similarity that is not of its row")
            lowest = found[-1].similarity
            nearer = np.flatnonzero(templates[:fixed] @ templates[row] > lowest + 1e-5)
            if not set(nearer.tolist()) <= set(rows):
                wrong.append(f"row {row}: a row that never changed was missed")

    threads = [threading.Thread(target=write)]
    threads += [threading.Thread(target=read, args=(reader,)) for reader in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(searches) > 20
    assert len(index) == fixed + moving


def test_two_writers_lose_nothing_of_each_other() -> None:
    templates = unit_vectors(4000, 16, seed=12)
    index = FlatIndex(16, model=MODEL)

    def write(start: int) -> None:
        for at in range(start, 4000, 40):
            rows = np.arange(at, at + 20)
            index.add(rows, templates[rows], model=MODEL)
            index.remove(rows[:5])

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = {row for row in range(4000) if row % 20 >= 5}
    assert set(index.rows().tolist()) == kept
    for row in (5, 1999, 3999):
        assert index.search(templates[row], k=1, model=MODEL)[0].row == row


def test_a_search_that_is_overtaken_again_and_again_still_answers() -> None:
    index = filled(100)
    state = index._state
    # As a writer leaves it in the middle of a change: no search may trust what it sees now.
    with index._writing:
        index._state = state._replace(era=state.era + 1)
        answered = threading.Event()

        def search() -> None:
            index.search(unit_vectors(1, 32, seed=2)[0], k=3, model=MODEL)
            answered.set()

        thread = threading.Thread(target=search)
        thread.start()
        assert not answered.wait(0.2)
        index._state = state._replace(era=state.era + 2)
    thread.join(60)
    assert answered.is_set()
