"""People who are erased after a backup cannot be had again: not from the deployment, its dump, or the restored backup.

The long form, with a thousand people, is `tests/attack/test_thousand_erased.py`.
"""

import pytest
from erased import STAYING, Erased

PEOPLE = 30


@pytest.fixture(scope="module")
def erased():
    made = Erased(PEOPLE)
    try:
        made.live()
        made.restored()
        yield made
    finally:
        made.close()


def test_the_search_finds_everybody_in_the_backup_before_the_erasures_are_repeated(erased):
    assert erased.remembered["people"] == PEOPLE
    assert len(erased.control["people"]) == PEOPLE
    assert erased.control["templates"] == PEOPLE
    assert erased.control["left"] > 3 * PEOPLE
    assert erased.control["dumped"] > 3 * PEOPLE


def test_nobody_is_recovered_from_the_live_deployment_and_its_dump(erased):
    assert erased.erased["erased"] == PEOPLE
    assert nothing(erased.recovered_live)


def test_nobody_is_recovered_from_the_restored_backup(erased):
    assert erased.replay["repeated"]["subject.removed"] == PEOPLE
    assert nothing(erased.recovered)


def nothing(found):
    """Say whether a search that tried something gave nothing back."""
    assert found["opened"] > 20
    assert found["tried"] > 1000
    return (found["people"], found["templates"], found["left"], found["dumped"]) == ([], 0, 0, 0)


def test_whoever_was_not_erased_is_found_as_before(erased):
    assert erased.after == erased.later
    for name in STAYING:
        assert erased.later[name][0] in erased.before[name]
        assert erased.later[name][0][0] == name


def test_a_restored_home_does_nothing_before_the_erasures_are_repeated(erased):
    for refused in (erased.refused, erased.not_served):
        assert refused.code == 75
        assert "restore --erasures" in refused.err.read_text()


def test_a_second_backup_of_the_same_copies_nothing_again(erased):
    # What a killed backup had copied is used.
    assert erased.backup["copied"] <= erased.backup["objects"]
    assert erased.backup["objects"] > PEOPLE
    assert erased.again["copied"] == 0
    assert erased.again["objects"] == erased.backup["objects"]


def test_the_ledger_goes_on_after_the_restore(erased):
    value = erased.other.run("verify-ledger", "--json")
    assert value["actions"]["deployment.restored"] == 1
    assert value["actions"]["subject.removed"] == 2 * PEOPLE


def test_neither_searches_nor_erasures_nor_a_restore_look_like_rows_that_were_put_back(erased):
    begun, live, restored = erased.differing
    assert begun["rows"] == live["rows"] == restored["rows"] == []
    assert live["columns"] > begun["columns"]
    assert restored["columns"] > begun["columns"]
