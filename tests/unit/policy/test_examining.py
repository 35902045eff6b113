"""Examination, leads and exports: each table holds for the real policy."""

import pytest
from unit.policy.loading import real
from unit.policy.table_examining import TABLES


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_examining(table):
    table(real())
