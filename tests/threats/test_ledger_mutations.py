"""Whoever changes an exported ledger, also with the ledger's own key: both verifiers notice, and agree.

The changes are drawn anew in each run; the seed is printed, and `LEDGER_SEED` repeats one. `LEDGER_CHANGES`
says how many: `tests/attack` lets it be thousands.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter

import pytest
from ledger_help import LOG_KEY, TRUST, AWitness, Written, ours, theirs
from ledger_mutations import BASE, FAMILIES, SIGNED, SIZE, WHOLE

from countenance.errors import LedgerBroken
from countenance.ledger.checkpoint import Trust
from countenance.ledger.merkle import consistency_path
from countenance.ledger.monitor import continues

CHANGES = int(os.environ.get("LEDGER_CHANGES", "400"))
FORKS = max(30, CHANGES // 20)


def seeded() -> random.Random:
    seed = int(os.environ.get("LEDGER_SEED") or secrets.randbits(32))
    print(f"LEDGER_SEED={seed}")
    return random.Random(seed)


def test_a_ledger_that_nobody_changed_passes_both() -> None:
    for trust in (TRUST, Trust(log=LOG_KEY), Trust(), None):
        for kept in (None, BASE.signed(7), SIGNED):
            assert ours(WHOLE, trust=trust, kept=kept) == ""
            assert theirs(WHOLE, trust=trust, kept=kept) == ""


def test_each_of_many_changes_is_noticed_by_both_verifiers() -> None:
    draw = seeded()
    used: Counter[str] = Counter()
    for number in range(CHANGES):
        family = FAMILIES[number % len(FAMILIES)]
        changed = family(draw)
        where = f"change {number} ({family.__name__})"
        assert changed != WHOLE, f"{where} changed nothing"
        one, other = ours(changed, trust=TRUST), theirs(changed, trust=TRUST)
        assert one, f"our verifier missed {where}"
        assert other, f"the independent verifier missed {where}"
        # Whoever knows no key sees less, and both the same.
        for trust in (Trust(), Trust(log=LOG_KEY)):
            mine, its = ours(changed, trust=trust), theirs(changed, trust=trust)
            assert bool(mine) == bool(its), f"they disagree on {where}: {mine!r}, {its!r}"
        used[family.__name__] += 1
    print(dict(used))
    assert used.keys() == {one.__name__ for one in FAMILIES}


def test_a_ledger_with_two_faces_is_caught_by_one_honest_witness_of_three() -> None:
    """Two of three witnesses sign whatever they are brought; the honest one has seen the first history."""
    draw = seeded()
    caught: Counter[int] = Counter()
    for _ in range(FORKS):
        seen, fork = draw.randint(2, SIZE), draw.randrange(1, SIZE)
        other = Written(draw.randint(2, SIZE + 5), fork=min(fork, seen - 1))
        honest = AWitness(draw.randrange(3))
        assert honest.ask(BASE.request(0, seen)).status == 200
        size = len(other.leaves)
        answers = [honest.ask(other.request(old)).status for old in {0, min(seen, size), size}]
        assert 200 not in answers
        caught.update(answers)
        # Its cosignature is missing, so a reader who asks for all three refuses the other history.
        assert honest.seen[BASE.checkpoint().origin].size == seen
        path = consistency_path(other.leaves, seen) if seen <= size else []
        with pytest.raises(LedgerBroken) as found:
            continues(BASE.checkpoint(seen), other.checkpoint(), path)
        assert found.value.facts["how"] == ("rollback" if size < seen else "fork")
    print(dict(caught))
    assert caught[409]
    assert caught[422]


def test_a_ledger_that_only_grows_is_signed_by_every_witness() -> None:
    for number in range(3):
        witness, before = AWitness(number), 0
        for size in (1, 2, 5, 8, 8, SIZE):
            assert witness.ask(BASE.request(before, size)).status == 200
            before = size
