"""What stops a forked process of a test, or the database under it, at a named point of a search.

Nothing of the product knows of it: a process of `forked` that is started with `CRASH_AT` in its
environment replaces functions of its own copy of the program, and dies by its own kill -9 there.
"""

import io
import os
import random
import re
import signal
import threading
import time
from functools import partial, wraps
from pathlib import Path

import psutil

BEFORE_INTENT = "before the intent"
IN_INTENT = "in the intent's transaction"
COMMITTING_INTENT = "while the intent is committed"
AFTER_INTENT = "after the intent's commit"
EMBEDDING = "while the probe is embedded"
BEFORE_INDEX = "before the index is asked"
IN_INDEX = "while the index is asked"
AFTER_INDEX = "after the index answered"
IN_OUTCOME = "in the outcome's transaction"
COMMITTING_OUTCOME = "while the outcome is committed"
AFTER_OUTCOME = "after the outcome's commit"
ANSWERING = "while the response is written"
LOOKING = "while the look at candidates is recorded"
RESTARTING = "while a restart closes an open intent"

PAGE = re.compile(rb"/searches/[0-9a-f-]{36}/")
RUN = re.compile(rb"/probes/[0-9a-f-]{36}/search/")


class Stop:
    """Kills this process; or the database, once, after which the process goes on without one."""

    def __init__(self, database=None):
        self.database, self.done = database, False

    def __call__(self):
        if self.database is None:
            os.kill(os.getpid(), signal.SIGKILL)
        elif not self.done:
            self.done = True
            fell(self.database)


def fell(database):
    """Kill the main process of a database and all its others, as if the power had gone."""
    pid = int((Path(database) / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    main = psutil.Process(pid)
    every = [main, *main.children(recursive=True)]
    for one in every:
        one.kill()
    psutil.wait_procs(every, timeout=10)


def arm(command):
    """Do as the environment says: `CRASH_AT` a point, `CRASH_DATABASE` its folder if that is to die."""
    point = os.environ["CRASH_AT"]
    chance = random.Random(os.environ["CRASH_SEED"])
    stop = Stop(os.environ.get("CRASH_DATABASE"))
    note_searches(os.environ["CRASH_NOTES"])
    allow_many()
    serving = command[0] == "serve"
    if point == ANSWERING and not serving:
        tear_output(stop, chance)
    elif point:
        HOOKS[point](stop, chance)


def allow_many():
    """Let one person search more often than on one day and in one case: there are up to a hundred kills at each point."""
    from countenance.apps.searches import grounds
    from countenance.policy.packs.rules import Daily

    often = 1_000_000
    Daily.refuses = lambda _rule, _ask: ""
    grounds.Quotas = partial(grounds.Quotas, person_a_day=often, case=often, agency_a_day=often)


def note_searches(path):
    """Write down the id of each search for which an index is asked, before it is."""
    from countenance.apps.searches import services
    from countenance.index.shelf import Shelf

    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    now = threading.local()
    find, ask = services.find_candidates, Shelf.search

    @wraps(find)
    def find_candidates(search, *given, **named):
        now.search = search.pk
        return find(search, *given, **named)

    @wraps(ask)
    def search(shelf, *given, **named):
        os.write(notes, f"{getattr(now, 'search', 'not a search')}\n".encode())
        return ask(shelf, *given, **named)

    services.find_candidates, Shelf.search = find_candidates, search


def before(owner, name, stop):
    real = getattr(owner, name)

    @wraps(real)
    def stopped(*given, **named):
        stop()
        return real(*given, **named)

    setattr(owner, name, stopped)


def after(owner, name, stop):
    real = getattr(owner, name)

    @wraps(real)
    def stopped(*given, **named):
        value = real(*given, **named)
        stop()
        return value

    setattr(owner, name, stopped)


def on_entry(action, do):
    """Do something once an entry of this action stands in the running transaction."""
    from countenance.apps.records import services

    append = services.append

    @wraps(append)
    def appended(actor, record, **named):
        receipt = append(actor, record, **named)
        if record.action == action:
            do()
        return receipt

    services.append = appended


def in_commit(action, stop, chance):
    """Stop once the commit of such an entry is on its way, and nobody knows whether it arrives."""
    from django.db import OperationalError
    from django.db.backends.base.base import BaseDatabaseWrapper

    armed, commit = threading.local(), BaseDatabaseWrapper._commit

    def on_its_way(connection):
        if not getattr(armed, "now", False):
            return commit(connection)
        armed.now = False
        server = connection.connection.pgconn
        server.send_query(b"COMMIT")
        server.flush()
        time.sleep(chance.uniform(0, 0.003))
        stop()
        raise OperationalError("the connection was lost")

    BaseDatabaseWrapper._commit = on_its_way
    on_entry(action, lambda: setattr(armed, "now", True))


def _service(name, when=before):
    def hook(stop, chance):
        from countenance.apps.searches import services

        when(services, name, stop)

    return hook


def _entry(action):
    return lambda stop, chance: on_entry(action, stop)


def _commit(action):
    return lambda stop, chance: in_commit(action, stop, chance)


def _embedding(stop, chance):
    from countenance.testing import FakeEngine

    analyse = FakeEngine.analyse

    def stopped(engine, data, **wishes):
        if wishes.get("only") is not None:
            stop()
        return analyse(engine, data, **wishes)

    FakeEngine.analyse = stopped


def _before_index(stop, chance):
    from countenance.index.shelf import Shelf

    before(Shelf, "search", stop)


def _in_index(stop, chance):
    from countenance.index import flat

    chance.choice([before, after])(flat, "_most_similar", stop)


def _answering(stop, chance):
    """Stop in the middle of the redirect to the search's page, or in the middle of that page."""
    from cheroot.server import HTTPRequest

    write, send_headers, redirect = (
        HTTPRequest.write,
        HTTPRequest.send_headers,
        chance.random() < 0.5,
    )

    def torn(request, chunk):
        if request.method == b"GET" and PAGE.fullmatch(request.path):
            write(request, chunk[: chance.randrange(len(chunk) + 1)])
            request.conn.wfile.flush()
            stop()
        return write(request, chunk)

    def headers(request):
        send_headers(request)
        if redirect and request.method == b"POST" and RUN.fullmatch(request.path):
            request.conn.wfile.flush()
            stop()

    HTTPRequest.write, HTTPRequest.send_headers = torn, headers


class TornOutput(io.RawIOBase):
    """A standard output of which only the first part is written."""

    def __init__(self, stop, chance):
        super().__init__()
        self.stop, self.chance = stop, chance

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        os.write(1, data[: self.chance.randrange(len(data) + 1)])
        self.stop()
        return len(data)


def tear_output(stop, chance):
    import sys

    sys.stdout = io.TextIOWrapper(TornOutput(stop, chance), write_through=True)


def _one_of(service, action):
    """Return a hook that stops before a service, in its transaction, in its commit, or after it."""
    hooks = [
        _service(service),
        _entry(action),
        _commit(action),
        _service(service, after),
    ]
    return lambda stop, chance: chance.choice(hooks)(stop, chance)


HOOKS = {
    BEFORE_INTENT: _service("intend_search"),
    IN_INTENT: _entry("search.intended"),
    COMMITTING_INTENT: _commit("search.intended"),
    AFTER_INTENT: _service("_answered"),
    EMBEDDING: _embedding,
    BEFORE_INDEX: _before_index,
    IN_INDEX: _in_index,
    AFTER_INDEX: _service("find_candidates", after),
    IN_OUTCOME: _entry("search.concluded"),
    COMMITTING_OUTCOME: _commit("search.concluded"),
    AFTER_OUTCOME: _service("conclude_search", after),
    ANSWERING: _answering,
    LOOKING: _one_of("view_candidates", "candidates.viewed"),
    RESTARTING: _one_of("abort_search", "search.aborted"),
}
POINTS = tuple(HOOKS)

NOTHING, ABORTED, CONCLUDED = (), ("aborted",), ("concluded",)
LEFT = {
    BEFORE_INTENT: {NOTHING},
    IN_INTENT: {NOTHING},
    COMMITTING_INTENT: {NOTHING, ABORTED},
    AFTER_INTENT: {ABORTED},
    EMBEDDING: {ABORTED},
    BEFORE_INDEX: {ABORTED},
    IN_INDEX: {ABORTED},
    AFTER_INDEX: {ABORTED},
    IN_OUTCOME: {ABORTED},
    COMMITTING_OUTCOME: {ABORTED, CONCLUDED},
    AFTER_OUTCOME: {CONCLUDED},
    ANSWERING: {CONCLUDED},
    RESTARTING: {ABORTED},
}
"""What is there of a search that was stopped at a point, once the program was started again."""
ASKED = frozenset({IN_INDEX, AFTER_INDEX, IN_OUTCOME, COMMITTING_OUTCOME, AFTER_OUTCOME, ANSWERING})
"""At these points the index was asked."""
