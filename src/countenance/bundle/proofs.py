"""Inclusion paths of many leaves of one tree at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from countenance.errors import InputError
from countenance.ledger.merkle import node_hash


def inclusion_paths(leaves: Sequence[bytes], indexes: Iterable[int]) -> dict[int, list[bytes]]:
    """Return the inclusion path of each of these leaves in the tree of all leaves (RFC 9162, 2.1).

    The tree is built once, level by level, for all of them: a node without a sibling on the right edge is
    carried up as it is. Memory is 64 bytes a leaf and more.

    Raises:
        InputError: there is no leaf of that index.
    """
    paths: dict[int, list[bytes]] = {index: [] for index in indexes}
    if any(not 0 <= index < len(leaves) for index in paths):
        raise InputError("There is no such leaf in the tree.")
    places = {index: index for index in paths}
    level = list(leaves)
    while len(level) > 1:
        for index, place in places.items():
            if place ^ 1 < len(level):
                paths[index].append(level[place ^ 1])
            places[index] = place >> 1
        above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return paths
