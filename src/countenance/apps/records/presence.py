"""Which generation of keys each process works with, told by locks that vanish with the process.

The generation is a number that grows with every new epoch of any key. Each process that is unsealed holds a shared lock
of the database on the generation that it has taken in. Whoever rotates keys waits until nobody holds an older one,
and until the transactions that had begun by then have ended: from then on nothing is sealed under an older key.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from countenance.apps.records.models import KeyRow
from countenance.errors import Unavailable

KEYS: Final = 0x434E4B47
ROOT: Final = 0x434E4B52
"""The first halves of the locks' numbers, for keys and for the root key; nothing else uses them."""
LONGEST: Final = 60.0
_PAUSE: Final = 0.05

_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND objid < %s "
    "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    # Also those that have written nothing yet: what they will write may be sealed already. No process of ours is
    # `pg_dump`, which only reads, and what PostgreSQL does by itself seals nothing.
    "AND xact_start < %s AND backend_type = 'client backend' AND application_name <> 'pg_dump'"
)


def generation() -> int:
    """Return the generation of the stored keys."""
    newest = KeyRow.objects.order_by().values("agency", "kind").annotate(newest=Max("epoch"))
    return sum(newest.values_list("newest", flat=True))


def stored() -> int:
    """Return how many keys are stored."""
    return KeyRow.objects.count()


def hold(space: int, number: int) -> None:
    """Hold the lock of a generation in this thread's database session, until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [space, number])


def release(space: int, number: int) -> None:
    """Let go of the lock of a generation."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [space, number])


def settle(*, wait: float = LONGEST, root: int | None = None) -> None:
    """Wait until no process works with keys of before, and no transaction of then runs.

    Args:
        wait: how many seconds at most.
        root: the epoch of the root key that all are to have, instead of the generation of the stored keys.

    Raises:
        Unavailable: that did not come in time; keys of before are not to be destroyed.
    """
    held = [KEYS, generation()] if root is None else [ROOT, root]
    deadline = time.monotonic() + wait
    if not _until(_HELD, held, deadline):
        raise Unavailable(
            "A process that runs here did not take in the new keys in time. Both are kept and nothing is lost; run "
            "the same command again when it answers, or was stopped."
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    if not _until(_RUNNING, [now], deadline):
        raise Unavailable(
            "Something still runs in the database that began before the new keys: a long search or enrolment, or a "
            "session that somebody left open. Both are kept and nothing is lost; run the same command again when "
            "that has ended."
        )


def _until(sql: str, given: Sequence[Any], deadline: float) -> bool:
    """Ask again and again until the answer is 0."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            if not cursor.fetchone()[0]:
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
