"""What tests of things at the same moment need: threads that end, and places where somebody stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from django.db import connection

from countenance.testing import FakeEngine

LIMIT = 60.0
"""How long anybody waits before the test has failed, in seconds."""


class Gate:
    """Stops whoever comes by, until it is opened."""

    def __init__(self) -> None:
        """Start closed."""
        self._reached, self._opened = threading.Event(), threading.Event()

    def stop_here(self) -> None:
        """Say that somebody is here, and wait."""
        self._reached.set()
        if not self._opened.wait(LIMIT):
            raise TimeoutError("The gate was never opened.")

    def wait_until_reached(self) -> None:
        """Wait until somebody stands at the gate."""
        if not self._reached.wait(LIMIT):
            raise TimeoutError("Nobody came to the gate.")

    def open(self) -> None:
        """Let everybody through from now on."""
        self._opened.set()


class GatedStore:
    """An object store in which a gate stands before anything is written."""

    def __init__(self, store: Any, gate: Gate) -> None:
        """Put the gate before this store."""
        self._store, self._gate = store, gate

    def __getattr__(self, name: str) -> Any:
        """Do everything else as the store does."""
        return getattr(self._store, name)

    def put(self, id: Any, sealed: bytes) -> None:
        """Stop, then write."""
        self._gate.stop_here()
        self._store.put(id, sealed)

    def put_many(self, items: Any) -> None:
        """Stop if there is something to write, then write."""
        items = list(items)
        if items:
            self._gate.stop_here()
        self._store.put_many(items)


class StoppingEngine(FakeEngine):
    """Stops before it looks for faces."""

    def __init__(self, gate: Gate) -> None:
        """Put the gate before this engine."""
        super().__init__()
        self._gate = gate

    def analyse(self, *args: Any, **kwargs: Any) -> Any:
        """Stop, then look."""
        self._gate.stop_here()
        return super().analyse(*args, **kwargs)


def beside(call: Callable[[], Any]) -> Future[Any]:
    """Start a call in a thread of its own, with a database session of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            answer = call()
        except BaseException as error:  # noqa: BLE001 # the test's own thread raises it
            connection.close()
            future.set_exception(error)
        else:
            connection.close()
            future.set_result(answer)

    threading.Thread(target=run, daemon=True).start()
    return future


def result(future: Future[Any]) -> Any:
    """Return what a call returned, or raise what it raised; its session is closed then."""
    return future.result(LIMIT)


def wait_until_somebody_waits() -> None:
    """Return once a session of this database waits for a lock of another one."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise TimeoutError("Nobody waited for a lock.")


def with_tools(on: Any, **others: Any) -> Any:
    """Return the deployment with some of its tools exchanged."""
    return SimpleNamespace(**{**vars(on), "tools": replace(on.tools, **others)})
