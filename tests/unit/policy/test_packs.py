"""Policy packs: each table holds for the real policy."""

import pytest
from unit.policy import table_packs, table_results, table_terms
from unit.policy.loading import real


@pytest.mark.parametrize(
    "table",
    [*table_packs.TABLES, *table_terms.TABLES, *table_results.TABLES],
    ids=lambda table: table.__name__,
)
def test_packs(table):
    table(real())
