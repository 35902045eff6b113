"""Any bytes are a value of each parser, or an error that it says it raises: the short form of fuzzing.

`make attack` drives the same targets by coverage, for five minutes each (`run_atheris.py`).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.seeds import found, seeds
from fuzz.targets import TARGETS, fuzz_entry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.ledger.entry import Entry

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
SLOW = {"photo", "bundle", "evaluation"}
"""Targets of which one run takes milliseconds."""
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x5B, 0x7B)
PIECES = (
    b"null",
    b"-1",
    b"1e999",
    b"9" * 5000,
    b"[" * 200,
    b'{"a":' * 200,
    b"\xff" * 8,
    b"\x00" * 8,
)


def mutated(data: bytes, seed: int) -> bytes:
    """Return bytes that somebody changed in some places: flipped, cut, doubled, put in."""
    chance, changed = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        kind = chance.randrange(5)
        if kind == 0 and place < len(changed):
            changed[place] = chance.choice(INTERESTING)
        elif kind == 1 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del changed[place : place + chance.randint(1, 64)]
        elif kind == 3:
            changed[place:place] = changed[place : place + chance.randint(1, 64)]
        else:
            changed[place:place] = chance.choice(PIECES)
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_a_value_or_an_error_of_ours(name: str) -> None:
    target, beginnings = TARGETS[name], seeds(name)
    fewer = 5 if name in SLOW else 1

    @given(
        data=st.binary(max_size=300)
        | st.builds(mutated, st.sampled_from(beginnings), st.integers(0, 2**32))
    )
    @settings(
        max_examples=max(1, EXAMPLES // fewer),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def try_out(data: bytes) -> None:
        target(data)

    try_out()


@pytest.mark.parametrize("name", TARGETS)
def test_each_parser_takes_what_it_is_for(name: str) -> None:
    made = seeds(name)[len(found(name)) :]
    assert any(TARGETS[name](data) for data in made)
    for data in found(name):
        TARGETS[name](data)


def test_a_parser_that_lets_anything_through_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(data: bytes) -> Entry:
        raise KeyError(data)

    monkeypatch.setattr(Entry, "parse", careless)
    with pytest.raises(KeyError):
        fuzz_entry(b"{}")


@pytest.mark.skipif("FUZZ_SECONDS" not in os.environ, reason="`make attack` sets FUZZ_SECONDS")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TARGETS)
def test_minutes_of_fuzzing_by_coverage_find_nothing(name: str) -> None:
    runner = Path(__file__).with_name("run_atheris.py")
    ran = subprocess.run(
        [sys.executable, str(runner), name, os.environ["FUZZ_SECONDS"]],
        capture_output=True,
        text=True,
        check=False,
    )
    print(ran.stdout[-300:])
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
