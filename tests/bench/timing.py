"""Time several ways to do one thing in turns, so that a busy machine is unfair to none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_PAUSE = 0.1  # seconds; threads of OpenBLAS and OpenMP spin for some 30 ms after their last work


@dataclass(frozen=True)
class Timing:
    """Wall time of a call at three percentiles, and CPU time; in ms.

    The 10th percentile is the time of a call that other work on the machine did not disturb.
    """

    p10: float
    p50: float
    p99: float
    cpu: float


def in_turns(
    ways: Mapping[str, Callable[[int], object]], *, rounds: int, calls: int
) -> dict[str, Timing]:
    """Return the timing of each way; it gets the number of its call, from 0.

    Each way is called `calls` times in a row, then the next one, all of it `rounds` times. CPU time
    is of all threads of the process, spinning ones included.
    """
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu = dict.fromkeys(ways, 0.0)
    for way in ways.values():
        way(0)
    for turn in range(rounds):
        for name, way in ways.items():
            time.sleep(_PAUSE)
            cpu_start = time.process_time()
            for call in range(turn * calls, (turn + 1) * calls):
                start = time.perf_counter()
                way(call)
                wall[name].append(time.perf_counter() - start)
            cpu[name] += time.process_time() - cpu_start
    return {
        name: Timing(
            p10=float(np.percentile(times, 10)) * 1e3,
            p50=float(np.percentile(times, 50)) * 1e3,
            p99=float(np.percentile(times, 99)) * 1e3,
            cpu=cpu[name] / len(times) * 1e3,
        )
        for name, times in wall.items()
    }
