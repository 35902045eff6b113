"""Following the keys: taking in what another process rotated, and saying which keys this one works with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from django.db import Error as DatabaseErrors
from django.db import connection

from countenance.apps.records import presence
from countenance.apps.records.keys import load_keys
from countenance.errors import CountenanceError, KeyUnavailable
from countenance.sealing import keyfile
from countenance.sealing.keyring import Keyring

EVERY: Final = 0.5
"""Seconds between two looks at the stored keys."""
KEPT: Final = 60.0
"""So long destroyed keys stay in memory: what was read a moment ago may still be under them."""

log = structlog.get_logger()


class Follower:
    """A thread with a database session of its own, which holds the lock of the generation (`presence`).

    A killed process loses its session, and with it the lock, so it holds up no rotation.
    """

    def __init__(
        self,
        keyring: Keyring,
        path: Path,
        *,
        lost: Callable[[Keyring], None],
        ended: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            keyring: the whole keyring of this process.
            path: the key file.
            lost: called when the root key was rotated and cannot be followed without the unseal factor.
            ended: called if the thread ends although nobody stopped it; what was sealed from then on could be lost.
        """
        self._keyring, self._path, self._lost, self._ended = keyring, path, lost, ended
        self._held: dict[int, int] = {}
        self._ready, self._stopping = threading.Event(), threading.Event()
        self._gone_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def start_holding(self) -> None:
        """Start, and return when the lock is held: keys that are read from then on are waited for."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Stop and let go of the lock; may be called from the thread itself."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._try()
                except CountenanceError as error:
                    log.warning("keys.not_followed", code=error.code)
                except Exception as error:  # noqa: BLE001 # held locks keep the old keys; whatever it is may pass
                    log.warning("keys.not_followed", error=type(error).__name__)
                finally:
                    self._ready.set()
                self._stopping.wait(EVERY)
        finally:
            if not self._stopping.is_set():
                log.error("keys.follower_ended")
                self._ended()
            connection.close()

    def _try(self) -> None:
        try:
            self._follow()
        except DatabaseErrors:
            # The session is gone, and with it the locks: they are taken anew on the next one.
            self._held.clear()
            connection.close()

    def _follow(self) -> None:
        """Take in what is new, then hold the lock of it; the order is what `presence.settle` rests on."""
        self._follow_root()
        number = presence.generation()
        if number != self._held.get(presence.KEYS):
            # Held before it is read, and the older one let go of after.
            presence.hold(presence.KEYS, number)
            stored = load_keys()
            self._keyring.take_in(stored)
            self._move(presence.KEYS, number)
        self._forget()

    def _follow_root(self) -> None:
        epoch, _ = keyfile.root_epoch(self._path)
        chest = self._keyring.chest
        if epoch not in chest.roots:
            try:
                made = keyfile.followed(self._path, chest.roots, self._keyring.deployment)
                chest.take_in((), made)
            except KeyUnavailable:
                self._lost(self._keyring)
                if self._stopping.is_set():
                    return
        if epoch != self._held.get(presence.ROOT):
            presence.hold(presence.ROOT, epoch)
            self._move(presence.ROOT, epoch)

    def _move(self, space: int, number: int) -> None:
        """Let go of the lock of the generation before; the present one is held already."""
        before = self._held.get(space)
        self._held[space] = number
        if before is not None:
            presence.release(space, before)

    def _forget(self) -> None:
        """Let go of destroyed keys, a while after they were."""
        chest = self._keyring.chest
        stored = load_keys() if self._has_more_than_stored() else None
        if stored is None:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = time.monotonic()
        elif time.monotonic() - self._gone_since > KEPT:
            chest.keep_only(stored, root=keyfile.oldest_root(self._path))
            self._gone_since = None

    def _has_more_than_stored(self) -> bool:
        """Say whether a key is held here that is not stored any more."""
        chest = self._keyring.chest
        held = sum(len(epochs) for epochs in chest.records.values())
        return held > presence.stored() or min(chest.roots) < keyfile.oldest_root(self._path)
