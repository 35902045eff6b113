"""Many inclusion paths at once are those that are made one by one."""

from __future__ import annotations

import hashlib

import pytest

from countenance.bundle.proofs import inclusion_paths
from countenance.errors import InputError
from countenance.ledger.merkle import inclusion_path, root, verify_inclusion


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 100])
def test_the_paths_are_those_of_the_tree(size: int) -> None:
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(size)]
    paths = inclusion_paths(leaves, range(size))
    for index, path in paths.items():
        assert path == inclusion_path(leaves, index)
        verify_inclusion(leaf=leaves[index], index=index, size=size, path=path, root=root(leaves))


def test_a_leaf_outside_of_the_tree_has_no_path() -> None:
    for index in (-1, 1):
        with pytest.raises(InputError):
            inclusion_paths([b"x" * 32], [index])
    assert inclusion_paths([], []) == {}
