"""The search for planted secrets finds each of them in each form, and nothing in noise."""

import random

import numpy as np
import pytest

from countenance.drill.plants import Garden, Scanner, forms


@pytest.fixture
def garden():
    made = Garden(5)
    for _ in range(20):
        made.text("name")
        made.bytes("photo")
    made.given("template", np.random.default_rng(1).standard_normal(128).astype("<f4").tobytes())
    return made


def test_every_form_is_found_at_every_offset(garden):
    scanner, noise = Scanner(garden.plants), random.Random(1).randbytes(1000)
    for number, plant in enumerate(garden.plants):
        for offset, form in enumerate(sorted(forms(plant))):
            assert number in scanner.scan(noise[: 300 + offset % 8] + form + noise)


def test_text_is_found_however_it_was_written(garden):
    scanner = Scanner(garden.plants)
    text = garden.plants[2].value
    for written in (text.upper(), text.casefold(), f"%{text}%"):
        for coding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert scanner.scan(written.encode(coding)) == {2}
    assert scanner.scan(b"bytea \\x" + text.encode().hex().upper().encode()) == {2}


def test_nothing_is_found_in_noise(garden):
    assert Scanner(garden.plants).scan(random.Random(2).randbytes(20_000_000)) == set()
