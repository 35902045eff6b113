"""kill -9 at points of the search order: the short form of `tests/attack/test_crash_points.py`."""

from __future__ import annotations

from typing import Any

import pytest
from crash_hooks import (
    AFTER_OUTCOME,
    COMMITTING_INTENT,
    COMMITTING_OUTCOME,
    IN_INDEX,
    LOOKING,
    RESTARTING,
)
from crashes import world

SEED = 20_261_123
POINTS = (
    COMMITTING_INTENT,
    IN_INDEX,
    COMMITTING_OUTCOME,
    AFTER_OUTCOME,
    LOOKING,
    RESTARTING,
)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_result_is_given_that_is_not_on_the_ledger_wherever_a_search_is_killed(
    capsys: Any,
) -> None:
    with world(SEED) as made:
        for point in POINTS:
            # A server takes its time to start; in the long form it is half of them.
            made.kill(point, web=False)
        found = made.check()
    with capsys.disabled():
        print(f"\nseed {SEED}: killed once at each of {len(POINTS)} points: {found}")
    assert found["kills"] == len(POINTS)
    assert found["concluded"] >= 2
    assert found["aborted"] >= 2
