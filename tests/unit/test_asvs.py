"""Every requirement of the OWASP ASVS 5.0.0 is disposed of, and the evidence that is named exists."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DISPOSED = ROOT / "docs" / "reference" / "asvs.json"
SECTIONS = {
    1: (2, 10, 12, 3, 3),
    2: (3, 3, 5, 2),
    3: (1, 3, 5, 8, 8, 1, 5),
    4: (5, 5, 2, 4),
    5: (1, 6, 3, 3),
    6: (3, 12, 8, 6, 8, 4, 2, 4),
    7: (3, 4, 2, 5, 3, 2),
    8: (4, 4, 3, 2),
    9: (3, 4),
    10: (2, 3, 5, 16, 5, 2, 3),
    11: (4, 5, 5, 4, 2, 2, 2),
    12: (5, 2, 5),
    13: (4, 6, 4, 7),
    14: (2, 8, 3),
    15: (5, 5, 7, 4),
    16: (1, 5, 4, 3, 4),
    17: (2, 8, 2),
}
"""How many requirements each section of each chapter has."""
DISPOSITIONS = {"met", "partly", "not met", "not applicable"}
RUN = ("tests/unit", "tests/property", "tests/integration", "tests/threats", "tests/fuzz")
"""What `make test` runs; `make browser` runs the rest."""
FEWEST_TESTED = 150
OF_A_MACHINE = {"shared_data", "portraits"}
"""Fixtures without which a test is skipped."""


@cache
def requirements():
    return json.loads(DISPOSED.read_text(encoding="utf-8"))["requirements"]


@cache
def functions(file: str):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}


def fault_of(test: str) -> str:
    """Return why a test id is no evidence; empty if it is."""
    file, _, name = test.partition("::")
    if not file.startswith((*RUN, "tests/browser/")) or not (ROOT / file).is_file():
        return "there is no such file that is run"
    if not name.startswith("test_") or name not in functions(file):
        return "there is no such test"
    test_function = functions(file)[name]
    marks = " ".join(ast.unparse(one) for one in test_function.decorator_list)
    if "skip" in marks or "xfail" in marks:
        return "it is skipped, or expected to fail"
    taken = {one.arg for one in test_function.args.args}
    if taken & OF_A_MACHINE or "pytest.skip" in ast.unparse(test_function):
        return "it is skipped on most machines"
    return ""


def test_every_requirement_is_disposed_of_once_and_in_order():
    ids = [one["id"] for one in requirements()]
    assert ids == [
        f"V{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert len(ids) == 345


def test_each_says_its_level_a_disposition_and_what_is_missing():
    for one in requirements():
        assert set(one) == {"id", "level", "about", "disposition", "tests", "where", "why"}
        assert one["level"] in {1, 2, 3}
        assert one["disposition"] in DISPOSITIONS
        assert 3 <= len(one["about"]) <= 80, one["id"]
        assert one["why"] or one["disposition"] == "met", one["id"]
        assert one["tests"] or one["where"] or one["why"], one["id"]
        assert not one["about"].startswith("Verify"), one["id"]


def test_every_test_that_is_named_is_there_and_is_run():
    faults = {
        f"{one['id']} {test}": fault
        for one in requirements()
        for test in one["tests"]
        if (fault := fault_of(test))
    }
    assert faults == {}


def test_every_place_that_is_named_is_there():
    for one in requirements():
        for place in one["where"]:
            assert (ROOT / place).exists(), f"{one['id']}: {place}"


def test_enough_are_met_with_a_test_that_every_change_runs():
    tested = [
        one["id"]
        for one in requirements()
        if one["disposition"] == "met" and any(test.startswith(RUN) for test in one["tests"])
    ]
    assert len(tested) >= FEWEST_TESTED


@pytest.mark.parametrize(
    "test",
    [
        "tests/unit/test_nothing.py::test_x",
        "tests/unit/test_asvs.py::test_that_there_is_not",
        "tests/unit/test_asvs.py::fault_of",
        "tests/bench/test_index.py::test_x",
        "tests/unit/faces/test_recognition.py::test_everyone_is_found_first_by_another_photo",
    ],
)
def test_what_is_no_evidence_is_seen(test):
    assert fault_of(test)
