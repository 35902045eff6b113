from __future__ import annotations

import secrets
from random import Random

import numpy as np
import pytest
from unit.index.drawn import unit_vectors

from countenance.errors import IndexUnavailable, InputError
from countenance.index import Rotation


@pytest.mark.parametrize("dimensions", [1, 2, 3, 128, 512])
def test_similarities_stay_the_same(dimensions: int) -> None:
    templates = unit_vectors(200, dimensions, seed=1)
    rotated = Rotation.generate(dimensions, secrets.token_bytes).apply(templates)
    assert np.abs(rotated @ rotated.T - templates @ templates.T).max() < 1e-5


def test_one_template_is_rotated_as_many_are() -> None:
    templates = unit_vectors(10, 64, seed=2)
    rotation = Rotation.generate(64, secrets.token_bytes)
    assert np.allclose(rotation.apply(templates[3]), rotation.apply(templates)[3], atol=1e-6)


def test_templates_of_two_rotations_cannot_be_linked_by_comparing_them() -> None:
    templates = unit_vectors(2000, 128, seed=3)
    one = Rotation.generate(128, secrets.token_bytes).apply(templates)
    other = Rotation.generate(128, secrets.token_bytes).apply(templates)
    # Evenly drawn directions in 128 dimensions have a mean of 0 and a deviation of 0.088.
    similarities = np.einsum("ij,ij->i", one, other)
    assert abs(similarities.mean()) < 0.1
    assert similarities.max() < 0.5


def test_known_pairs_recover_it_so_it_is_no_encryption() -> None:
    templates = unit_vectors(128, 128, seed=4)
    rotation = Rotation.generate(128, secrets.token_bytes)
    recovered = np.linalg.solve(
        templates.astype(np.float64), rotation.apply(templates).astype(np.float64)
    )
    unknown = unit_vectors(5, 128, seed=5)
    assert np.allclose(unknown @ recovered, rotation.apply(unknown), atol=1e-3)


def test_draws_favour_no_direction() -> None:
    drawn = [Rotation.generate(3, secrets.token_bytes).apply(np.eye(3)[0]) for _ in range(4000)]
    mean = np.mean(drawn, axis=0)
    # Each coordinate has a deviation of 0.577; six deviations of the mean of 4,000 are 0.055.
    assert np.abs(mean).max() < 0.055


def test_the_same_random_bytes_give_the_same_rotation() -> None:
    one = Rotation.generate(16, Random(1).randbytes)
    assert one.to_bytes() == Rotation.generate(16, Random(1).randbytes).to_bytes()
    assert one.to_bytes() != Rotation.generate(16, Random(2).randbytes).to_bytes()


def test_a_rotation_comes_back_as_it_was() -> None:
    rotation = Rotation.generate(32, secrets.token_bytes)
    back = Rotation.from_bytes(rotation.to_bytes())
    templates = unit_vectors(5, 32, seed=6)
    assert (back.apply(templates) == rotation.apply(templates)).all()
    assert back.to_bytes() == rotation.to_bytes()


def test_every_truncation_and_every_changed_header_byte_is_refused() -> None:
    whole = Rotation.generate(2, secrets.token_bytes).to_bytes()
    for length in range(len(whole)):
        with pytest.raises(IndexUnavailable):
            Rotation.from_bytes(whole[:length])
    for at in range(14):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(IndexUnavailable):
            Rotation.from_bytes(changed)
    with pytest.raises(IndexUnavailable):
        Rotation.from_bytes(whole + b"\0")
    with pytest.raises(IndexUnavailable):
        Rotation.from_bytes(whole[:14] + bytes(len(whole) - 14))


@pytest.mark.parametrize(
    "matrix", [np.ones((2, 2)), np.full((2, 2), np.nan), np.eye(3)[:2], np.ones(4), 2 * np.eye(2)]
)
def test_a_matrix_that_is_no_rotation_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(InputError):
        Rotation(matrix)


def test_templates_of_another_length_are_refused() -> None:
    with pytest.raises(InputError):
        Rotation.generate(8, secrets.token_bytes).apply(unit_vectors(1, 9, seed=7))
    with pytest.raises(InputError):
        Rotation.generate(0, secrets.token_bytes)


def test_its_text_form_does_not_show_the_secret() -> None:
    assert repr(Rotation.generate(8, secrets.token_bytes)) == "Rotation(dimensions=8)"
