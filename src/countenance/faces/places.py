"""The places for photo workers: how many there are, and whose turn it is."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING

from countenance.errors import CountenanceError, WorkerUnavailable

if TYPE_CHECKING:
    from countenance.faces.process import WorkerProcess


class Place:
    """Room for one worker, which may not have been started."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self.worker: WorkerProcess | None = None

    def drop(self) -> None:
        """End the worker, if there is one."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None


class Places:
    """The places for workers; handed out in the order in which threads ask."""

    def __init__(self, count: int) -> None:
        """Make so many places, all free."""
        self._lock = threading.Lock()
        self._free = [Place() for _ in range(count)]
        self._waiting: deque[queue.SimpleQueue[Place | None]] = deque()
        self._closed = False

    def take(self) -> Place:
        """Return a place, warm ones first, waiting for one if need be."""
        with self._lock:
            if self._closed:
                raise _closed()
            if self._free:
                warm = [place for place in self._free if place.worker is not None]
                place = (warm or self._free)[-1]
                self._free.remove(place)
                return place
            turn: queue.SimpleQueue[Place | None] = queue.SimpleQueue()
            self._waiting.append(turn)
        handed = turn.get()
        if handed is None:
            raise _closed()
        return handed

    def give(self, place: Place) -> None:
        """Hand the place to the thread that has waited longest, or keep it free."""
        with self._lock:
            if self._closed:
                place.drop()
            elif self._waiting:
                self._waiting.popleft().put(place)
            else:
                self._free.append(place)

    def close(self) -> None:
        """End free workers now and busy ones when they are given back; turn waiters away."""
        with self._lock:
            self._closed = True
            for place in self._free:
                place.drop()
            self._free.clear()
            while self._waiting:
                self._waiting.popleft().put(None)


def _closed() -> CountenanceError:
    return WorkerUnavailable("The engine is closed.")
