"""Emptying the database between two tests, in one trip to it.

Django's own way truncates every table, which makes a dozen files anew for each, and writes the content types and
permissions of all models again: for the few dozen rows of a usual test that takes far longer than the test's own
part of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection, transaction

KEPT = frozenset({"django_content_type", "auth_permission"})
"""What the migrations put there and no test changes; nothing of ours reads it."""
MOST_BYTES = 1 << 18
"""A table that has grown beyond this is truncated, so that what was deleted never slows down who reads it."""


@cache
def _tables() -> tuple[str, ...]:
    """Return the tables that Django would empty, quoted; those of the queue are not among them."""
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return tuple(connection.ops.quote_name(name) for name in sorted(set(found) - KEPT))


def empty(_: Any = None) -> None:
    """Delete every row; takes the place of a method of Django's test case.

    It waits for whoever still writes, as truncating does, and no row of theirs stays.
    """
    tables = _tables()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "SELECT max(pg_relation_size(one::regclass)) FROM unnest(%s::text[]) one", [[*tables]]
        )
        if cursor.fetchone()[0] > MOST_BYTES:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        else:
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables))
