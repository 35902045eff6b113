"""kill -9 of the searching process, and of the database, at each point of the search order, many times.

A process serves the web app or carries out a command; what stops it stands in `crash_hooks`. After the
kills of each point the program is started again, and everything that clients were given is compared with
the ledger, the rows and the notes of which searches asked an index (`crashes.World.check`).

`KILLS` says how often at each point (100), `DATABASE_KILLS` how often the database dies there (5).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from crash_hooks import ANSWERING, POINTS
from crashes import World, crash, world

KILLS = int(os.environ.get("KILLS", "100"))
DATABASE_KILLS = int(os.environ.get("DATABASE_KILLS", "5"))
SEED = int(os.environ.get("SEED", "20261123"))


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with world(SEED) as one:
        yield one


def _tell(capsys: Any, point: str, began: float, found: dict[str, int]) -> None:
    with capsys.disabled():
        print(f"\nseed {SEED}: {point}, {time.monotonic() - began:.0f} s; so far {found}")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_a_point_gives_nothing_away_and_loses_nothing(
    made: World, point: str, capsys: Any
) -> None:
    began, before = time.monotonic(), made.kills[point]
    _tell(capsys, point, began, crash(made, point, KILLS))
    assert made.kills[point] == before + KILLS


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", [one for one in POINTS if one != ANSWERING])
def test_the_database_killed_at_a_point_gives_nothing_away_and_loses_nothing(
    made: World, point: str, capsys: Any
) -> None:
    began = time.monotonic()
    found = crash(made, point, DATABASE_KILLS, database=True)
    _tell(capsys, f"the database killed {point}", began, found)
