"""The bundled PostgreSQL: made, started and stopped with the processes that use one home folder.

Only a unix socket, only this operating-system user (and root), one role without superuser rights;
the superuser exists inside the cluster but cannot log in. Several processes may use one home: each
holds a shared lock, and who leaves last stops the server. Locks vanish with their process, so a
killed one leaves nothing stale. No value ever reaches the server's log.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from countenance.errors import Conflict, DatabaseUnavailable
from countenance.web import postgres_user
from countenance.web.postgres_server import Server
from countenance.web.postgres_user import Account


class LocalPostgres:
    """A PostgreSQL of our own in a home folder."""

    def __init__(self, home: Path) -> None:
        """Name the home folder; nothing is made or started yet."""
        self.home = home.absolute()
        self._use: int | None = None
        self._server: Server | None = None
        self._owner = 0
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        """Start the server for a block."""
        self.ensure_running()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the server; the last one stops it."""
        self.release()

    def ensure_running(self) -> str:
        """Return the URL of a running server; make and start it first where needed.

        May be called again at any time, for instance after the server was killed.

        Raises:
            DatabaseUnavailable: it cannot be made or started; the end of its log is in the text.
        """
        with self._guard, self._start_lock():
            if self._use is None or self._owner != os.getpid():
                self._use = _open_lock(self.home / "database.lock")
                self._owner = os.getpid()
                fcntl.flock(self._use, fcntl.LOCK_SH)
                atexit.register(self.release)
            try:
                self._server = server = Server(*self._find_place())
                server.make()
                server.start()
            except BaseException:
                self._leave()
                raise
            return server.url

    def release(self) -> None:
        """Stop using the server; it is stopped if nobody else uses it."""
        atexit.unregister(self.release)
        # A forked child has inherited the object, not the use.
        if self._use is None or self._owner != os.getpid():
            return
        if not self.home.exists():
            # PostgreSQL ends by itself when its folder is removed.
            self._leave()
            return
        with self._guard, self._start_lock():
            if self._server is not None and self._alone():
                self._server.stop()
            self._leave()

    def destroy(self) -> None:
        """Stop the server and remove its data, wherever they are.

        Raises:
            Conflict: another process uses it.
        """
        self.release()
        if not self.home.exists():
            return
        with self._guard, self._start_lock():
            self._use = _open_lock(self.home / "database.lock")
            try:
                if not self._alone():
                    message = "Another process uses this database."
                    raise Conflict(message)
                server = Server(*self._find_place())
                server.stop()
                server.remove()
                for name in ("database.json", "database.lock"):
                    (self.home / name).unlink(missing_ok=True)
            finally:
                self._leave()
        (self.home / "database.start.lock").unlink(missing_ok=True)

    def _leave(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _alone(self) -> bool:
        """Return whether nobody else uses the database; only asked under the start lock."""
        if self._use is None:
            return False
        try:
            fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        """Let only one process at a time make, start or stop the server of this home."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _open_lock(self.home / "database.start.lock")
        except OSError as error:
            message = f"The home folder {self.home} cannot be used: {error.strerror}."
            raise DatabaseUnavailable(message) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _find_place(self) -> tuple[Path, Account]:
        """Return where the database is or is to be, and as whom it runs."""
        note = self.home / "database.json"
        place = self.home / "database"
        if note.exists():
            place = Path(json.loads(note.read_text(encoding="utf-8"))["place"])
            return place, postgres_user.account_for(place)
        account = postgres_user.account_for(place)
        if place.exists() or not account.is_other or self._let_pass(account):
            return place, account
        place = postgres_user.own_folder(postgres_user.SYSTEM_FOLDER) / secrets.token_hex(6)
        # The note comes first: without it nobody would ever find the data again.
        _write_whole(note, json.dumps({"place": str(place), "home": str(self.home)}) + "\n")
        return place, account

    def _let_pass(self, account: Account) -> bool:
        """Let the server's user pass through the home folder, if that is all that is missing."""
        if account.can_enter(self.home):
            return True
        found = self.home.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return False
        if not account.can_enter(self.home.parent):
            return False
        os.chown(self.home, -1, account.gid)
        self.home.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXGRP)
        return account.can_enter(self.home)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    passing = path.with_name(f"{path.name}.new")
    with passing.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    passing.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
