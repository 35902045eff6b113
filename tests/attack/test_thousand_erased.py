"""The long form of `tests/integration/test_backup_of_erased.py`, with a thousand people."""

import os

import pytest
from erased import STAYING, Erased

PEOPLE = int(os.environ.get("ERASED_PEOPLE", "1000"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_of_a_thousand_erased_people_none_is_recovered_and_the_others_are_found_as_before():
    made = Erased(PEOPLE)
    try:
        made.live()
        made.restored()
        assert len(made.control["people"]) >= 0.99 * PEOPLE
        assert made.control["templates"] >= 0.99 * PEOPLE
        for found in (made.recovered_live, made.recovered):
            assert found["opened"] > 20
            assert (found["people"], found["templates"]) == ([], 0)
            assert (found["left"], found["dumped"]) == (0, 0)
        assert made.replay["repeated"]["subject.removed"] == PEOPLE
        assert made.after == made.later
        assert all(made.later[name][0] in made.before[name] for name in STAYING)
        print(made.control | {"people": len(made.control["people"])}, made.recovered)
    finally:
        made.close()
