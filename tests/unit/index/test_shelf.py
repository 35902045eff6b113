from __future__ import annotations

import secrets
from uuid import UUID, uuid4

import numpy as np
import pytest
from unit.index.drawn import MODEL, unit_vectors

from countenance.errors import IndexUnavailable, InputError, ModelMismatch
from countenance.index import FlatIndex, Rotation, Shelf

TEMPLATES = unit_vectors(300, 32, seed=1)


def shelf_of(*sizes: int, rotated: bool = True) -> tuple[Shelf, list[UUID]]:
    """Return a shelf whose galleries hold the templates 0 to size, each with its own rotation."""
    shelf, galleries = Shelf(), [uuid4() for _ in sizes]
    for gallery, size in zip(galleries, sizes, strict=True):
        rotation = Rotation.generate(32, secrets.token_bytes) if rotated else None
        shelf.put(gallery, FlatIndex(32, model=MODEL), version=0, rotation=rotation)
        shelf.add(gallery, np.arange(size), TEMPLATES[:size], model=MODEL, version=1)
    return shelf, galleries


def test_exactly_the_allowed_galleries_are_searched() -> None:
    shelf, (one, two, three) = shelf_of(100, 100, 100)
    found = shelf.search(TEMPLATES[5], galleries=[one, three], k=3, model=MODEL)
    assert {gallery for gallery, _ in found[:2]} == {one, three}
    assert {hit.row for _, hit in found[:2]} == {5}
    every = shelf.search(TEMPLATES[5], galleries=[one, three], k=1000, model=MODEL)
    assert len(every) == 200
    assert two not in {gallery for gallery, _ in every}


def test_no_gallery_gives_no_candidates() -> None:
    shelf, _ = shelf_of(10)
    assert shelf.search(TEMPLATES[0], galleries=[], k=3, model=MODEL) == []


def test_a_gallery_named_twice_is_searched_once() -> None:
    shelf, (one,) = shelf_of(10)
    assert len(shelf.search(TEMPLATES[0], galleries=[one, one], k=50, model=MODEL)) == 10


def test_candidates_of_all_galleries_are_ranked_together() -> None:
    shelf, galleries = shelf_of(50, 120, 7)
    found = shelf.search(unit_vectors(1, 32, seed=9)[0], galleries=galleries, k=40, model=MODEL)
    similarities = [hit.similarity for _, hit in found]
    assert len(found) == 40
    assert similarities == sorted(similarities, reverse=True)
    expected = np.sort(
        np.concatenate([TEMPLATES[:size] @ unit_vectors(1, 32, seed=9)[0] for size in (50, 120, 7)])
    )[::-1][:40]
    assert np.abs(expected - similarities).max() < 1e-5


def test_equal_similarities_come_in_the_order_of_galleries_given() -> None:
    shelf, (one, two) = shelf_of(20, 20, rotated=False)
    for order in ([one, two], [two, one]):
        found = shelf.search(TEMPLATES[3], galleries=order, k=2, model=MODEL)
        assert [gallery for gallery, _ in found] == order


def test_what_is_in_memory_is_rotated() -> None:
    shelf, (one,) = shelf_of(100)
    index = shelf.get(one).index
    straight = index.search(TEMPLATES[5], k=1, model=MODEL)
    assert straight[0].similarity < 0.95


def test_a_missing_gallery_is_an_error_and_never_left_out() -> None:
    shelf, (one,) = shelf_of(10)
    with pytest.raises(IndexUnavailable):
        shelf.search(TEMPLATES[0], galleries=[one, uuid4()], k=3, model=MODEL)
    with pytest.raises(IndexUnavailable):
        shelf.get(uuid4())
    with pytest.raises(IndexUnavailable):
        shelf.remove(uuid4(), np.array([1]), version=2)


def test_a_dropped_gallery_is_gone() -> None:
    shelf, (one, two) = shelf_of(10, 10)
    assert shelf.drop(one)
    assert not shelf.drop(one)
    assert shelf.galleries() == [two]
    with pytest.raises(IndexUnavailable):
        shelf.search(TEMPLATES[0], galleries=[one], k=3, model=MODEL)
    shelf.clear()
    assert shelf.galleries() == []


def test_another_model_is_refused() -> None:
    shelf, (one,) = shelf_of(10)
    with pytest.raises(ModelMismatch):
        shelf.search(TEMPLATES[0], galleries=[one], k=3, model="other")


def test_a_wrong_probe_is_refused() -> None:
    shelf, (one,) = shelf_of(10)
    for probe in (TEMPLATES[0][:31], TEMPLATES[0] * np.nan, TEMPLATES[0] * 2):
        with pytest.raises(InputError):
            shelf.search(probe, galleries=[one], k=3, model=MODEL)


def test_a_change_notes_the_version_it_leads_to() -> None:
    shelf, (one,) = shelf_of(10)
    assert shelf.version(one) == 1
    assert shelf.remove(one, np.array([3, 4, 99]), version=2) == 2
    assert shelf.version(one) == 2
    assert shelf.version(uuid4()) is None
    found = shelf.search(TEMPLATES[3], galleries=[one], k=50, model=MODEL)
    assert {hit.row for _, hit in found} == {0, 1, 2, 5, 6, 7, 8, 9}


def test_a_version_never_goes_back() -> None:
    shelf, (one,) = shelf_of(10)
    shelf.remove(one, np.array([1]), version=7)
    shelf.remove(one, np.array([2]), version=5)
    assert shelf.version(one) == 7


def test_memory_is_told_for_each_gallery() -> None:
    shelf, (small, large) = shelf_of(10, 300)
    memory = shelf.memory()
    assert set(memory) == {small, large}
    assert memory[large] >= 300 * (32 * 4 + 8)
    assert memory[small] < memory[large]


def test_the_mean_of_a_group_of_rows_is_as_similar_as_plain_arithmetic_says() -> None:
    shelf, gallery = Shelf(), uuid4()
    templates = unit_vectors(6, 32, seed=4)
    index = FlatIndex(32, model=MODEL)
    rotation = Rotation.generate(32, secrets.token_bytes)
    shelf.put(gallery, index, version=0, rotation=rotation)
    shelf.add(gallery, np.arange(6), templates, model=MODEL, version=1)
    probe = unit_vectors(1, 32, seed=5)[0]
    mean = templates[[1, 4]].sum(axis=0)
    found = shelf.similarities(probe, gallery=gallery, groups=[[1, 4], [2, 99], [99], []])
    assert found[0] == pytest.approx(float(mean @ probe / np.linalg.norm(mean)), abs=1e-5)
    assert found[1] == pytest.approx(float(templates[2] @ probe), abs=1e-5)
    assert found[2:] == pytest.approx([-1, -1], abs=1e-5)
