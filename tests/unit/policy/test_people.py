"""Roles, deeds, tokens, proofs and certificates: each table holds for the real policy."""

import pytest
from unit.policy.loading import real
from unit.policy.table_people import TABLES


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_people(table):
    table(real())
