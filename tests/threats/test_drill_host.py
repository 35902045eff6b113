"""The process that holds a drill's home ends whatever it runs, in whatever moment it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from countenance import config
from countenance.drill import host
from countenance.drill.home import Home
from countenance.drill.host import BROKEN, Host
from countenance.errors import Unavailable
from countenance.web import wiring

INTERRUPTED = 7
MOMENTS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)

pytestmark = pytest.mark.timeout(120)


def for_ever(words: list[str]) -> int:
    """Do what `serve` does: end when interrupted, and never else."""
    Path(words[0]).write_text(str(os.getpid()))
    try:
        time.sleep(3600)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@pytest.fixture(autouse=True)
def _without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start", "stop"):
        monkeypatch.setattr(wiring, name, lambda: None)
    monkeypatch.setattr(config, "install", lambda _: None)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """Return what forks a host in a folder of its own."""
    made: list[Host] = []

    def one() -> Host:
        folder = tmp_path / f"{len(made)}"
        folder.mkdir()
        made.append(
            host.begin(folder, {"COUNTENANCE_HOME": str(folder / "home")}, for_ever, sealed=True)
        )
        return made[-1]

    yield one
    for each in made:
        each.stop()


def order(place: Path) -> dict[str, Any]:
    said = str(place.with_suffix(".said"))
    return {"command": [str(place)], "out": said, "err": said, "environment": {}, "writes": ""}


def is_gone(place: Path) -> bool:
    """Say whether the command that wrote its process id there has ended, or was never begun."""
    pid = place.read_text() if place.exists() else ""
    return not pid or not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_just_ordered_ends_with_its_host(
    begin: Callable[[], Host], tmp_path: Path, moment: float
) -> None:
    for number in range(5):
        one, place = begin(), tmp_path / f"pid {number}"
        # As when Ctrl-C comes before the answer: nobody holds the command.
        one._orders.write(json.dumps(order(place)) + "\n")
        one._orders.flush()
        time.sleep(moment)
        one.stop()
        assert is_gone(place)
        one.stop()


def test_what_runs_ends_with_its_host_and_whoever_waits_for_it_is_told(
    begin: Callable[[], Host], tmp_path: Path
) -> None:
    one, place = begin(), tmp_path / "pid"
    pid = one.order(**order(place))
    while not place.exists():
        time.sleep(0.01)
    os.kill(one.pid, signal.SIGTERM)
    assert one.ended() == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises((Unavailable, BrokenPipeError)):
        one.order(**order(place))


def test_an_interruption_is_never_lost_however_early_it_comes(
    begin: Callable[[], Host], tmp_path: Path
) -> None:
    one = begin()
    for number in range(40):
        pid = one.order(**order(tmp_path / f"pid {number}"))
        os.kill(pid, signal.SIGINT)
        assert one.ended() in {INTERRUPTED, BROKEN}


def test_a_command_that_does_not_end_when_interrupted_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(words: list[str]) -> int:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return for_ever(words)

    monkeypatch.setattr("countenance.drill.home.LONGEST_WAIT", 0.5)
    home = Home(tmp_path, deaf, passphrase="an old oak at the river", sealed=True)
    try:
        place = tmp_path / "pid"
        command = home.begin(place)
        while not place.exists():
            time.sleep(0.01)
        assert command.interrupt() == -signal.SIGKILL
    finally:
        home.stop()
