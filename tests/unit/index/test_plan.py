from __future__ import annotations

import numpy as np
import pytest
from unit.index.drawn import MODEL, unit_vectors

from countenance.errors import IndexUnavailable
from countenance.index import plan
from countenance.index.plan import Tier, planned

GIB = 2**30


@pytest.mark.parametrize(
    ("templates", "dimensions", "memory", "tier", "fits"),
    [
        (0, 128, GIB, Tier.EXACT, True),
        (10_000, 128, GIB, Tier.EXACT, True),
        (262_144, 128, GIB, Tier.EXACT, True),
        (262_145, 128, GIB, Tier.QUANTISED, True),
        (65_537, 512, GIB, Tier.QUANTISED, True),
        (200_000, 128, 100_000_000, Tier.QUANTISED, True),
        (200_000, 128, 10_000_000, Tier.QUANTISED, False),
        (10_000_000, 128, 12 * GIB, Tier.QUANTISED, True),
        (10_000_000, 128, 2 * GIB, Tier.QUANTISED, False),
        (100_000_000, 128, 12 * GIB, Tier.QUANTISED, False),
        (100_000_000, 128, 32 * GIB, Tier.QUANTISED, True),
        (100_000_000, 128, None, Tier.QUANTISED, True),
    ],
)
def test_the_tier_follows_from_size_and_memory(
    templates: int, dimensions: int, memory: int | None, tier: Tier, fits: bool
) -> None:
    made = planned(templates, dimensions, memory=memory)
    assert (made.tier, made.fits) == (tier, fits)


def test_more_recall_than_was_measured_is_promised_by_exact_search_only() -> None:
    assert planned(10_000_000, 128, recall=1).tier is Tier.EXACT
    assert planned(10_000_000, 128, recall=0.999).tier is Tier.QUANTISED


def test_exact_search_that_is_wanted_and_does_not_fit_is_planned_and_said_not_to_fit() -> None:
    made = planned(10_000_000, 128, memory=4 * GIB, recall=1)
    assert (made.tier, made.fits, made.machine) == (Tier.EXACT, False, 16 * GIB)
    assert not made.moves_from(Tier.QUANTISED)
    assert planned(10_000_000, 128, memory=8 * GIB, recall=1).moves_from(Tier.QUANTISED)


def test_a_gallery_leaves_the_exact_tier_also_if_neither_fits() -> None:
    made = planned(10_000_000, 128, memory=GIB, now=Tier.EXACT)
    assert (made.fits, made.moves_from(Tier.EXACT), made.moves_from(Tier.QUANTISED)) == (
        False,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("templates", "machine"),
    [(10**6, 2), (10**7, 8), (10**8, 64), (10**9, 1024), (3 * 10**9, 2048), (10**11, None)],
)
def test_the_machine_that_would_hold_it_is_named(templates: int, machine: int | None) -> None:
    made = planned(templates, 128)
    assert made.machine == (None if machine is None else machine * GIB)


def test_a_gallery_near_the_border_stays_what_it_is() -> None:
    for size in (140_000, 200_000, 262_000):
        assert planned(size, 128, now=Tier.EXACT).tier is Tier.EXACT
        assert planned(size, 128, now=Tier.QUANTISED).tier is Tier.QUANTISED
    assert planned(131_000, 128, now=Tier.QUANTISED).tier is Tier.EXACT
    assert planned(300_000, 128, now=Tier.EXACT).tier is Tier.QUANTISED


@pytest.mark.parametrize(
    ("templates", "dimensions", "measured"),
    [(10**6, 128, 2.75), (10**7, 128, 41.95), (10**6, 512, 7.99)],
)
def test_the_estimates_come_near_what_performance_says(
    templates: int, dimensions: int, measured: float
) -> None:
    assert planned(templates, dimensions).cpu_ms == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize("tier", Tier)
def test_an_index_of_each_tier_comes_back_from_its_bytes_with_the_memory_that_was_planned(
    tier: Tier,
) -> None:
    index = plan.empty(tier, 128, model=MODEL)
    index.add(np.arange(70_000), unit_vectors(70_000, 128, seed=1), model=MODEL)
    back = plan.opened(index.to_bytes())
    assert plan.tier_of(back) is tier
    assert len(back) == 70_000
    expected = plan._plan(tier, 70_000, 128, None).memory
    # The arrays of the exact index and of what has no code yet are doubled, not extended.
    assert expected * 0.95 < index.nbytes < expected * 2.1


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    for data in (b"", b"CNTNINDX", bytes(100)):
        with pytest.raises(IndexUnavailable):
            plan.opened(data)
