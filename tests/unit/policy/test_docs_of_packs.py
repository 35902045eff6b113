"""The page on policy packs equals the data."""

import pytest
from unit.policy.loading import real
from unit.policy.table_docs import TABLES


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_docs(table):
    table(real())
