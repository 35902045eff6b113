"""Homes that live as long as a demo or a drill: made in the temporary folder, removed with its database."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from countenance.errors import CountenanceError

if TYPE_CHECKING:
    from countenance.config import Config

PREFIX = "countenance-demo-"
LOCK = "demo.lock"


@contextmanager
def home() -> Iterator[Config]:
    """Make a throw-away home, start its database and Django, and remove everything at the end.

    What was left behind by an earlier one that was killed is removed first.

    Raises:
        DatabaseUnavailable: the database cannot be started.
    """
    from countenance import config
    from countenance.config import DatabaseSettings
    from countenance.web import wiring

    with folder() as made:
        # Never the real deployment: neither its folder, nor its database, nor its passphrase.
        mine = {"home": made, "database": DatabaseSettings(), "passphrase": None}
        settings = config.current().model_copy(update=mine)
        try:
            settings = wiring.start(settings)
            wiring.migrate()
            yield settings
        finally:
            wiring.stop()


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder for a home, or with homes in it, and remove it with their databases at the end."""
    sweep()
    made = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield made
    finally:
        remove(made)
        os.close(lock)


def sweep() -> int:
    """Remove what was left by demos and drills that were killed, and return how many that were."""
    swept = 0
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_abandoned(left):
            remove(left)
            swept += 1
    return swept


def remove(folder: Path) -> None:
    """Stop the databases of a throw-away folder and delete everything."""
    from countenance.web.postgres import LocalPostgres

    for home in list(folder.glob("*/home")) or [folder]:
        # It may never have been made; the folder goes all the same.
        with contextlib.suppress(CountenanceError):
            LocalPostgres(home).destroy()
    shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Say whether this is a demo's home of ours whose demo does not run any more."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return False
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
