from __future__ import annotations

import os
from pathlib import Path

import pytest

from countenance.index.room import GIB, left_of, machine_for, machine_memory, memory_for_indexes

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("own", "limit", "expected"),
    [
        ("0::/", "memory.max", 1_000_000),
        ("0::/pods/mine", "pods/mine/memory.max", 1_000_000),
        ("0::/pods/mine", "pods/memory.max", 1_000_000),
        ("0::/pods/mine", "memory.max", 1_000_000),
        ("0::/pods/mine", "other/memory.max", PHYSICAL),
        ("0::/../../elsewhere", "memory.max", 1_000_000),
        ("4:memory:/docker/1\n0::/", "memory/docker/1/memory.limit_in_bytes", 1_000_000),
        ("4:cpu,memory:/docker/1\n0::/", "memory/memory.limit_in_bytes", 1_000_000),
        ("4:cpu:/docker/1", "cpu/memory.limit_in_bytes", PHYSICAL),
    ],
)
def test_the_limit_of_a_container_counts_wherever_around_it_is_set(
    tmp_path: Path, own: str, limit: str, expected: int
) -> None:
    file = tmp_path / "groups" / limit
    file.parent.mkdir(parents=True)
    file.write_text("1000000\n")
    (tmp_path / "own").write_text(own)
    assert machine_memory(tmp_path / "groups", tmp_path / "own") == expected


@pytest.mark.parametrize("said", ["max", "", "-1", "0", "many", str(PHYSICAL * 8)])
def test_no_limit_is_the_machines_memory(tmp_path: Path, said: str) -> None:
    (tmp_path / "memory.max").write_text(said)
    (tmp_path / "own").write_text("0::/")
    assert machine_memory(tmp_path, tmp_path / "own") == PHYSICAL
    assert machine_memory(tmp_path, tmp_path / "nothing") == PHYSICAL


def test_indexes_may_take_half_of_what_all_else_leaves() -> None:
    assert left_of(24 * GIB, 2) == (23 * GIB - 600_000_000) // 2
    assert left_of(GIB, 2) == 0
    assert 0 <= memory_for_indexes() < PHYSICAL / 2


def test_the_smallest_machine_is_named_that_is_large_enough() -> None:
    assert machine_for(0) == 2 * GIB
    assert machine_for(2 * GIB) == 8 * GIB
    assert machine_for(10**15) is None
