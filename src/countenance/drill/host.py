"""The process that holds a drill's home open and forks each command: see `home`.

The control takes the cipher out here, in this process and those that it forks. It is given a folder in
which nothing is yet and makes a home there, so no deployment that exists can ever be worked on without its cipher;
and it is reached by a fork of the drill alone: no command, setting or variable leads here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from countenance import config
from countenance.drill import tasks
from countenance.errors import Unavailable
from countenance.sealing import envelope
from countenance.testing import FakeEngine
from countenance.web import wiring

Run = Callable[[list[str]], int]
BROKEN = 99
STANDARD_ERROR = 2
_HELD_BACK = (signal.SIGINT, signal.SIGTERM)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


class NoCipher:
    """What takes the cipher's place to see that the search for planted secrets finds them."""

    def __init__(self, key: bytes) -> None:
        """Forget the key."""

    def encrypt(self, nonce: bytes, plaintext: bytes, bound: bytes) -> bytes:  # noqa: ARG002 # as AESGCM's
        """Leave everything in clear."""
        return plaintext + bytes(envelope.TAG_SIZE)

    def decrypt(self, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:  # noqa: ARG002 # as AESGCM's
        """Return what was left in clear."""
        return ciphertext[: -envelope.TAG_SIZE]


def begin(folder: Path, environment: Mapping[str, str], run: Run, *, sealed: bool) -> Host:
    """Fork the process that holds the home of a new folder.

    Args:
        folder: where the home is made; nothing may be in it yet.
        environment: what the processes read, instead of all variables of this one that are Countenance's.
        run: runs one command line and returns its exit code.
        sealed: False for the control, which works without the cipher.

    Raises:
        Unavailable: something is in the folder already.
    """
    if any(folder.iterdir()):
        raise Unavailable("A drill begins in an empty folder only.")
    (orders, ours), (theirs, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _keep_only(orders, answers)
        _hold(os.fdopen(orders), os.fdopen(answers, "w"), folder, environment, run, sealed=sealed)
    os.close(orders)
    os.close(answers)
    return Host(child, os.fdopen(ours, "w"), os.fdopen(theirs))


def _keep_only(*kept: int) -> None:
    """Close what was open in the drill, such as the ends of another host's pipes."""
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 # numbers, not paths
        if number > STANDARD_ERROR and number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)


class Host:
    """The forking process, as the drill talks to it: one command at a time."""

    def __init__(self, pid: int, orders: IO[str], answers: IO[str]) -> None:
        """Take the process and both ends of the conversation."""
        self.pid, self._orders, self._answers = pid, orders, answers
        self._ending = threading.Lock()

    def order(self, **order: object) -> int:
        """Have a command started, and return its process id."""
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return int(self._listen()["pid"])

    def ended(self) -> int:
        """Wait for the end of the command, and return its exit code."""
        return int(self._listen()["code"])

    def _listen(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise Unavailable("The drill's own process has ended.")
        return dict(json.loads(line))

    def stop(self) -> None:
        """End what runs there, or was just ordered and is in nobody's hands yet, and let it end, the database last."""
        with self._ending:
            if self._orders.closed:
                return
            os.kill(self.pid, signal.SIGTERM)
            self._orders.close()
            os.waitpid(self.pid, 0)
            self._answers.close()


class Running:
    """The command that a host has forked; ended with the host, in whatever moment that is told to stop."""

    def __init__(self) -> None:
        """Begin with none."""
        self.child, self.stopped = 0, False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = True
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)

    def fork(self) -> int | None:
        """Fork; return 0 in the command, its process id in the host, and None if that was told to stop.

        What is sent meanwhile waits: for the host until it knows whom to end, and for the command until it
        no longer ignores what its host ignores, and calls `listen`.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        self.child = 0 if self.stopped else os.fork()
        if self.child == 0 and not self.stopped:
            return 0
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
        return self.child or None

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        return os.waitstatus_to_exitcode(status)

    @staticmethod
    def listen() -> None:
        """Let the command be interrupted from now on."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)


def _hold(
    orders: IO[str],
    answers: IO[str],
    folder: Path,
    environment: Mapping[str, str],
    run: Run,
    *,
    sealed: bool,
) -> None:
    """Be that process, and end with it."""
    code = BROKEN
    try:
        # Ctrl-C is the drill's own to answer; it ends what runs here.
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        running = Running()
        _say_to(folder / "host.err", folder / "host.err")
        for name in [name for name in os.environ if name.startswith("COUNTENANCE")]:
            del os.environ[name]
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        os.environ.update(environment)
        if not sealed:
            envelope.AESGCM = NoCipher  # type: ignore[assignment,attr-defined] # of the same shape
        # What Python remembers of the program's own source is no trace of what was done here.
        sys.dont_write_bytecode = True
        wiring.use_engine(lambda _: FakeEngine())
        _answer_each(orders, answers, run, running)
        code = 0
    except BaseException:  # noqa: BLE001 # its end is told by its code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _answer_each(orders: IO[str], answers: IO[str], run: Run, running: Running) -> None:
    """Fork a command for each order; the database is held open from the first one on."""
    started = False
    for line in orders:
        if not started:
            config.install(config.Config.load())
            wiring.start()
            started = True
        order = json.loads(line)
        child = running.fork()
        if child is None:
            break
        if child == 0:
            _become(order, run)
        answers.write(json.dumps({"pid": child}) + "\n")
        answers.flush()
        answers.write(json.dumps({"code": running.ended()}) + "\n")
        answers.flush()
    if started:
        wiring.stop()


def _become(order: Mapping[str, Any], run: Run) -> None:
    """Be a command, and end."""
    code = BROKEN
    try:
        Running.listen()
        os.setsid()
        for name, value in order["environment"].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        # As a process that has just been started, it finds the database by itself.
        config.install(config.Config.load())
        _say_to(Path(order["out"]), Path(order["err"]))
        if order["writes"]:
            _note_writes(order["writes"])
        name, *arguments = order["command"]
        is_task = name.startswith("@")
        code = tasks.run(name[1:], arguments) if is_task else run([name, *arguments])
    except BaseException:  # noqa: BLE001 # whoever ordered it shows it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say_to(out: Path, err: Path) -> None:
    """Read nothing, and say everything into files."""
    for number, name in ((0, Path(os.devnull)), (1, out), (2, err)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(name, flags, 0o600), number)


def _note_writes(path: str) -> None:
    """Note each file that Python opens for writing, and each temporary file."""
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] and arguments[2] & WRITING:
            os.write(notes, f"{arguments[0]}\n".encode())
        elif event.startswith("tempfile."):
            os.write(notes, f"{event}: {arguments[0]}\n".encode())

    sys.addaudithook(hook)
