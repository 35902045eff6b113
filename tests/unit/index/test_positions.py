from __future__ import annotations

import numpy as np

from countenance.index.positions import Positions


def test_a_million_rows_take_less_than_thirty_megabytes() -> None:
    positions = Positions()
    rows = np.arange(1_000_000, dtype=np.int64)
    positions.put(rows, rows)
    assert positions.nbytes < 30 * 2**20
    assert (positions.find(rows) == rows).all()


def test_rows_that_come_and_go_for_ever_do_not_let_it_grow() -> None:
    positions = Positions()
    sizes = set()
    for start in range(0, 200_000, 1000):
        rows = np.arange(start, start + 1000, dtype=np.int64)
        positions.put(rows, rows)
        positions.drop(rows)
        assert (positions.find(rows) == -1).all()
        sizes.add(positions.nbytes)
    assert max(sizes) < 100_000


def test_rows_far_apart_and_side_by_side_are_both_found() -> None:
    for step in (1, 2**20, 2**40, 2**52):
        positions = Positions()
        rows = np.arange(2000, dtype=np.int64) * step
        positions.put(rows, np.arange(2000))
        assert (positions.find(rows) == np.arange(2000)).all()
        between = rows[-1:] + 1
        assert positions.find(between).tolist() == [-1]


def test_a_row_can_be_given_another_position() -> None:
    positions = Positions()
    positions.put(np.array([7, 8]), np.array([1, 2]))
    positions.put(np.array([8, 9]), np.array([5, 6]))
    assert positions.find(np.array([7, 8, 9, 10])).tolist() == [1, 5, 6, -1]
