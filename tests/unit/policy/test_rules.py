"""Searches, enrolment and casework: each table holds for the real policy."""

import pytest
from unit.policy.loading import real
from unit.policy.table_casework import TABLES as OF_CASEWORK
from unit.policy.table_rules import TABLES


@pytest.mark.parametrize("table", TABLES + OF_CASEWORK, ids=lambda table: table.__name__)
def test_rules(table):
    table(real())
