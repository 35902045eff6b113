"""A program that forks the command line, or a task of `home_tasks`, for each line that it reads.

Every command then is a process of its own, which can be killed, without paying for Python's imports
each time. It holds the home's database open meanwhile; it makes no connection itself.
"""

import json
import os
import signal
import sys
import time
import traceback

import crash_hooks

from countenance import config
from countenance.cli import app
from countenance.cli.main import run
from countenance.testing import FakeEngine
from countenance.web import wiring


class SlowEngine(FakeEngine):
    """The fake engine, about as slow for a photo as the real one for a small one on many cores."""

    def analyse(self, data, **wishes):
        """Take a moment."""
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        return super().analyse(data, **wishes)

    def look_through(self, data, *, notify):
        """Take as long as for twenty photos, and tell how far it is."""
        for step in range(20):
            time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
            notify(step / 20)
        return super().look_through(data, notify=lambda _: None)


def main():
    if "real" not in sys.argv:
        wiring.use_engine(lambda _: SlowEngine())
    wiring.start()
    import home_tasks  # needs Django set up

    app.command()
    answer({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            become(order, home_tasks)
        answer({"pid": child})
        _, status = os.waitpid(child, 0)
        answer({"code": os.waitstatus_to_exitcode(status)})
    wiring.stop()


def become(order, home_tasks):
    """Be that command, and end."""
    code = 99
    try:
        os.setsid()
        # Ctrl-C ends it, also where whatever started the tests ignores that, as a shell does behind an `&`.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # As a process that has just been started, it finds the database by itself.
        config._installed.clear()
        os.environ.update(order["environment"])
        for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
            os.dup2(os.open(name, flags, 0o600), number)
        if "CRASH_AT" in os.environ:
            crash_hooks.arm(order["command"])
        name, *arguments = order["command"]
        if name.startswith("@"):
            code = home_tasks.run(name[1:], arguments)
        else:
            code = run([name, *arguments])
    except BaseException:  # noqa: BLE001 # the test shows it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def answer(value):
    sys.__stdout__.write(json.dumps(value) + "\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    main()
