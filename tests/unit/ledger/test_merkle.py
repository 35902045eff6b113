from __future__ import annotations

import json
from pathlib import Path

import pytest

from countenance.errors import BadProof, InputError
from countenance.ledger import merkle
from countenance.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]


def hashes(path):
    return [bytes.fromhex(node) for node in path]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size):
    assert merkle.root(LEAVES[:size]) == ROOTS[size]
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size, ROOTS[size])


@pytest.mark.parametrize("proof", VECTORS["inclusion"], ids=str)
def test_published_inclusion_proofs(proof):
    index, size, path = proof["index"], proof["size"], hashes(proof["path"])
    assert inclusion_path(LEAVES, index, size) == path
    verify_inclusion(leaf=LEAVES[index], index=index, size=size, path=path, root=ROOTS[size])


@pytest.mark.parametrize("proof", VECTORS["consistency"], ids=str)
def test_published_consistency_proofs(proof):
    old, new, path = proof["old"], proof["new"], hashes(proof["path"])
    assert consistency_path(LEAVES, old, new) == path
    verify_consistency(
        old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new], path=path
    )


def test_a_leaf_is_never_a_node():
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != merkle.node_hash(LEAVES[0], LEAVES[1])


def test_every_wrong_part_of_an_inclusion_proof_is_noticed():
    for size in range(1, 9):
        for index in range(size):
            right = {
                "leaf": LEAVES[index],
                "index": index,
                "size": size,
                "path": inclusion_path(LEAVES, index, size),
                "root": ROOTS[size],
            }
            verify_inclusion(**right)
            wrong = [
                {"leaf": LEAVES[index - 1] if size > 1 else bytes(32)},
                {"index": size},
                {"index": -1},
                {"root": ROOTS[size - 1]},
                {"path": [*right["path"], bytes(32)]},
                *({"index": other} for other in range(size) if other != index),
                *({"path": right["path"][:end]} for end in range(len(right["path"]))),
            ]
            for change in wrong:
                with pytest.raises(BadProof):
                    verify_inclusion(**(right | change))


def test_every_flipped_bit_of_a_proof_is_noticed():
    inclusion = {"leaf": LEAVES[4], "index": 4, "size": 7, "root": ROOTS[7]}
    consistency = {"old_size": 3, "old_root": ROOTS[3], "new_size": 7, "new_root": ROOTS[7]}
    for verify, path, right in (
        (verify_inclusion, inclusion_path(LEAVES, 4, 7), inclusion),
        (verify_consistency, consistency_path(LEAVES, 3, 7), consistency),
    ):
        verify(path=path, **right)
        for number, node in enumerate(path):
            for bit in range(256):
                changed = bytearray(node)
                changed[bit // 8] ^= 1 << bit % 8
                with pytest.raises(BadProof):
                    verify(path=[*path[:number], bytes(changed), *path[number + 1 :]], **right)


def test_every_wrong_part_of_a_consistency_proof_is_noticed():
    for new in range(9):
        for old in range(new + 1):
            right = {
                "old_size": old,
                "old_root": ROOTS[old],
                "new_size": new,
                "new_root": ROOTS[new],
                "path": consistency_path(LEAVES, old, new),
            }
            verify_consistency(**right)
            wrong = [
                {"old_size": new + 1},
                {"old_size": -1},
                {"old_root": bytes(32)},
                {"path": [*right["path"], bytes(32)]},
                *({"path": right["path"][:end]} for end in range(len(right["path"]))),
            ]
            if old:
                # Every tree begins with the empty one, so that only then anything continues it.
                wrong.append({"new_root": bytes(32)})
            for change in wrong:
                with pytest.raises(BadProof):
                    verify_consistency(**(right | change))


def test_a_ledger_that_became_shorter_is_noticed():
    with pytest.raises(BadProof, match="shorter"):
        verify_consistency(old_size=5, old_root=ROOTS[5], new_size=4, new_root=ROOTS[4], path=[])


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (3, 3), (0, 0), (0, 9)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index, size):
    with pytest.raises(InputError):
        inclusion_path(LEAVES, index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 8), (5, 4), (1, 9)])
def test_there_is_no_proof_for_trees_that_are_not_there(old, new):
    with pytest.raises(InputError):
        consistency_path(LEAVES, old, new)


def test_sizes_default_to_all_leaves():
    assert inclusion_path(LEAVES, 2) == inclusion_path(LEAVES, 2, 8)
    assert consistency_path(LEAVES, 2) == consistency_path(LEAVES, 2, 8)


def test_a_frontier_is_stored_in_few_bytes_and_read_back():
    frontier = Frontier()
    assert Frontier.from_bytes(frontier.to_bytes()).root() == EMPTY_ROOT
    for size, leaf in enumerate(LEAVES, start=1):
        frontier.append(leaf)
        stored = frontier.to_bytes()
        assert len(stored) == 8 + 32 * size.bit_count()
        again = Frontier.from_bytes(stored)
        assert (again.size, again.root(), again.peaks) == (size, ROOTS[size], frontier.peaks)


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(9), b"\x00" * 7 + b"\x03" + bytes(32)])
def test_bytes_that_are_no_frontier_are_refused(data):
    with pytest.raises(InputError):
        Frontier.from_bytes(data)
