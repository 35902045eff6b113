"""Roles, deeds, tokens, proofs and certificates: each table holds for the real policy."""

import pytest
from unit.policy.loading import real
from unit.policy.table_people import TABLES

from countenance import policy


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_people(table):
    table(real())


def test_what_needs_a_proof_is_in_no_token_that_lives_for_months():
    proved = {rule.scope for rule in policy.DEEDS.values() if rule.step_up}
    assert proved <= policy.POWERFUL | {None}
