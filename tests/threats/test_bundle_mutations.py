"""Whoever has a disclosure bundle and not the deployment's key changes it: both verifiers notice.

1,000 single changes are drawn anew in each run; the seed is printed, and `BUNDLE_SEED` repeats one.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from bundle_mutations import BYTES, MEMBERS, mutate
from bundles import PUBLIC, drawn_bundle, independent

from countenance.bundle import verify
from countenance.errors import BundleBroken

CHANGES = 1000


@pytest.fixture(scope="module")
def bundle() -> bytes:
    return drawn_bundle()


def ours(data: bytes, *, key: bytes | None = PUBLIC) -> str:
    """Return what our verifier says is wrong; empty if nothing is."""
    try:
        verify(data, expected_key=key)
    except BundleBroken as broken:
        return broken.detail
    return ""


def theirs(script: Any) -> Callable[..., str]:
    """Return the same of the independent script, in which any error is a refusal."""

    def judge(data: bytes, *, key: bytes | None = PUBLIC) -> str:
        try:
            script.verify(data, None if key is None else key.hex())
        except Exception as error:  # noqa: BLE001 # whatever a broken file leads to
            return f"{type(error).__name__}: {error}"
        return ""

    return judge


def test_a_bundle_that_nobody_changed_passes_both(bundle: bytes) -> None:
    judge = theirs(independent())
    for key in (PUBLIC, None):
        assert ours(bundle, key=key) == ""
        assert judge(bundle, key=key) == ""


def test_each_of_a_thousand_changes_is_noticed_by_both_verifiers(bundle: bytes) -> None:
    seed = int(os.environ.get("BUNDLE_SEED") or secrets.randbits(32))
    print(f"BUNDLE_SEED={seed}")
    draw, judge = random.Random(seed), theirs(independent())
    used: Counter[str] = Counter()
    for number in range(CHANGES):
        name, changed = mutate(draw, bundle)
        assert changed != bundle
        where = f"change {number} ({name}) of BUNDLE_SEED={seed}"
        assert ours(changed), f"our verifier missed {where}"
        assert judge(changed), f"the independent verifier missed {where}"
        if name != "other_key":
            # Only who signed it needs the key to be known from elsewhere.
            assert ours(changed, key=None), f"without the key ours missed {where}"
            assert judge(changed, key=None), f"without the key the other one missed {where}"
        used[name] += 1
    print(dict(used))
    assert used.keys() == {mutator.__name__ for mutator in BYTES + MEMBERS}


def test_signed_with_another_key_it_is_whole_but_not_the_deployments(bundle: bytes) -> None:
    from bundle_mutations import other_key

    changed = other_key(random.Random(1), bundle)
    judge = theirs(independent())
    assert ours(changed, key=None) == judge(changed, key=None) == ""
    assert "another key" in ours(changed)
    assert "another key" in judge(changed)
