"""One cluster of the bundled PostgreSQL: how it is made, started, stopped and removed.

Only `LocalPostgres` calls this, under the lock that lets one process at a time do so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shlex
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from countenance.errors import DatabaseUnavailable
from countenance.web import postgres_user
from countenance.web.postgres_user import Account

ROLE: Final = "countenance"
"""The role and the database of the product; the role is no superuser."""

_SUPERUSER = "postgres"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
_START_SECONDS = 120
_LOG_TAIL = 2000
_LOG_LIMIT = 4 * 1024 * 1024
_ORPHANS_SECONDS = 60
_PRIVATE = 0o700

# Given on each start, so that an older cluster gets them too. Messages of level error are not
# logged and details are left out, because both quote values ("invalid input syntax for ...").
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_lock_waits": "off",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Server:
    """One cluster and its postmaster; all calls come under the home's start lock."""

    def __init__(self, place: Path, account: Account) -> None:
        """Name the folder for everything of the cluster, and whom it runs as."""
        self.place = place
        self.account = account
        self.cluster = place / "cluster"
        self.log = place / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Return where a running server has its socket, or where the next one will have it."""
        with contextlib.suppress(FileNotFoundError, IndexError):
            noted = (self.cluster / "postmaster.pid").read_text().splitlines()[4].strip()
            if noted and self._has_postmaster():
                return Path(noted)
        return _socket_folder(self.place)

    @property
    def url(self) -> str:
        """Return the address, in the form that libpq and Django understand."""
        # The port is said, so that a PGPORT that is set for another server does not lead astray.
        folder = quote(str(self.socket_folder), safe="")
        return f"postgresql://{ROLE}@/{ROLE}?host={folder}&port=5432"

    def make(self) -> None:
        """Make the cluster under a passing name, complete with role and database, then name it."""
        self._private_folder(self.place)
        self._private_folder(self.socket_folder)
        self.bin = postgres_user.binaries_for(self.account)
        for leftover in self.place.glob("cluster.new-*"):
            # A killed start may have left an initdb that still writes; the next start clears the rest.
            shutil.rmtree(leftover, ignore_errors=True)
        if self.cluster.exists():
            self._check_version()
            return
        passing = self.place / f"cluster.new-{secrets.token_hex(4)}"
        self._ask(
            *(self.bin / "initdb", "-D", passing, "-U", _SUPERUSER, "-E", "UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums"),
            *("--auth-local=peer", "--auth-host=reject"),
        )
        self._write(passing / "pg_hba.conf", f"local all {ROLE} peer map=countenance\n")
        self._write(passing / "pg_ident.conf", self._identities())
        # Without a server: no moment at which anybody could log in as the superuser.
        single = (
            self.bin / "postgres",
            "--single",
            "-j",
            "-D",
            passing,
            "-c",
            "log_min_messages=log",
        )
        self._ask(
            *(*single, "postgres"),
            text=(
                f"create role {ROLE} login nosuperuser nocreaterole noreplication createdb;\n\n"
                f"create database {ROLE} owner {ROLE};\n\n"
                f"revoke all on database {ROLE} from public;\n\n"
            ),
        )
        passing.rename(self.cluster)
        _sync_folder(self.place)

    def start(self) -> None:
        """Start the server unless it runs; wait until it answers, however long it recovers."""
        deadline = time.monotonic() + _START_SECONDS
        if self._answers():
            return
        if not self._has_postmaster():
            self._wait_for_orphans()
            self._forget_stranger()
            self._trim_log()
            self._launch()
        while not self._answers():
            if time.monotonic() > deadline or not self._has_postmaster():
                raise self._failure("The bundled PostgreSQL does not answer.")
            time.sleep(0.1)

    def _launch(self) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        began = self.log.stat().st_size if self.log.exists() else 0
        ended = self.account.run(
            *(self.bin / "pg_ctl", "-D", self.cluster, "-l", self.log, "-w"),
            *("-t", str(_START_SECONDS), "-o", options, "start"),
            timeout=_START_SECONDS + 30,
        )
        if ended.returncode != 0:
            raise self._failure("The bundled PostgreSQL does not start.", began)

    def stop(self) -> None:
        """Stop the server if it runs; what is committed is on disk already."""
        if not self.cluster.exists() or not self._has_postmaster():
            return
        self.bin = postgres_user.binaries_for(self.account)
        for mode in ("fast", "immediate"):
            command = (
                self.bin / "pg_ctl",
                "-D",
                self.cluster,
                "-m",
                mode,
                "-w",
                "-t",
                "60",
                "stop",
            )
            if self.account.run(*command, timeout=90).returncode == 0:
                return

    def remove(self) -> None:
        """Remove all that the server has kept."""
        for folder in (self.place, self.socket_folder):
            if folder.exists():
                shutil.rmtree(folder)

    def _answers(self) -> bool:
        if not (self.socket_folder / _SOCKET_NAME).exists():
            return False
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _postmaster(self) -> int | None:
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            return int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
        return None

    def _has_postmaster(self) -> bool:
        pid = self._postmaster()
        return pid is not None and self._works_here(pid)

    def _works_here(self, pid: int) -> bool:
        """Return whether this process has the cluster as its folder, as all of a server's have."""
        try:
            return self.cluster.samefile(f"/proc/{pid}/cwd")
        except OSError:
            return False

    def _wait_for_orphans(self) -> None:
        """Wait until the children of a killed postmaster have noticed it and left."""
        deadline = time.monotonic() + _ORPHANS_SECONDS
        processes = Path("/proc")
        while any(self._works_here(int(p.name)) for p in processes.iterdir() if p.name.isdecimal()):
            if time.monotonic() > deadline:
                message = "Processes of a server that was killed still run; a new one cannot start."
                raise DatabaseUnavailable(message)
            time.sleep(0.1)

    def _forget_stranger(self) -> None:
        """Drop the note of a postmaster whose process number is another program's, or a dead one's.

        PostgreSQL would take it for its predecessor and refuse to start: after the machine was
        switched off, or in a container in which nobody buries the dead.
        """
        pid = self._postmaster()
        if pid is not None and Path(f"/proc/{pid}").exists():
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            for name in (f"{_SOCKET_NAME}.lock", _SOCKET_NAME):
                (self.socket_folder / name).unlink(missing_ok=True)

    def _check_version(self) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        said = self.account.run(self.bin / "postgres", "--version", listen=True).stdout.split()[-1]
        if said.split(".")[0] != made_by:
            message = f"This database was made by PostgreSQL {made_by}; installed is {said}."
            raise DatabaseUnavailable(message)

    def _identities(self) -> str:
        own = _user_name()
        return "".join(f'countenance "{name}" {ROLE}\n' for name in dict.fromkeys(("root", own)))

    def _private_folder(self, folder: Path) -> None:
        """Make sure that the folder is the server's user's own and closed to others."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=_PRIVATE, parents=True)
        found = folder.lstat()
        if found.st_uid == os.geteuid() != self.account.uid:
            os.chown(folder, self.account.uid, self.account.gid)
            found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == _PRIVATE
        if not private or found.st_uid != self.account.uid:
            message = f"{folder} is not a private folder of {self.account.name}."
            raise DatabaseUnavailable(message)

    def _ask(self, *command: str | Path, text: str = "") -> None:
        ended = self.account.run(*command, text=text, timeout=300, listen=True)
        if ended.returncode != 0 or "ERROR:" in ended.stdout:
            message = f"The database could not be made: {ended.stdout[-_LOG_TAIL:].strip()}"
            raise DatabaseUnavailable(message)

    def _write(self, path: Path, text: str) -> None:
        # As the folder's own user, so that no link in it can lead root's hand astray.
        self._ask("/bin/sh", "-c", 'cat > "$0" && sync "$0"', path, text=text)

    def _trim_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.unlink()

    def _log_tail(self, began: int = 0) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(max(began, self.log.stat().st_size - _LOG_TAIL))
                return log.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _failure(self, sentence: str, began: int = 0) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"{sentence} Its log ends: {self._log_tail(began) or '(empty)'}")


def _socket_folder(place: Path) -> Path:
    """Return where the socket goes: with the data, or where its path is short enough."""
    beside = place / "socket"
    if len(os.fsencode(beside / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
        return beside
    name = f"countenance-{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"
    if os.geteuid() == 0:
        return Path("/run") / name
    passing = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(passing) / name


def _user_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
