"""Locks of a database session, and reading as of one moment.

Such locks vanish with their process, so a killed one holds nothing back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction


@contextmanager
def session_lock(row: UUID, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a row, by its id, for a block; yield whether it is held.

    Args:
        row: the id of what is worked on.
        wait: wait for whoever holds it; otherwise go on at once without it.
    """
    number = int.from_bytes(row.bytes[:8], "big", signed=True)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_lock(%s)", [number])
            held = True
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
            held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


@contextmanager
def as_of_one_moment() -> Iterator[None]:
    """Read everything in a block as it stood when the block began, and write nothing.

    Inside a transaction that runs already, as tests have one, that one goes on.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
