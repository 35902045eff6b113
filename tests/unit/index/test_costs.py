from __future__ import annotations

from dataclasses import fields, replace

import pytest

from countenance.index.costs import NOTES, SIZES, Assumed, Figures, costs, nodes_for
from countenance.index.room import GIB

PERFORMANCE = {
    "machine": "A processor, 4 cores, 16 GiB of memory",
    "index": {
        "1m_128": {"cpu_ms": 3.0, "memory_mb": 300.0, "restart_s": 1.5},
        "10m_128": {"cpu_ms": 40.0, "memory_mb": 2970.0},
        "100m_128": {"cpu_ms": 1.0, "memory_mb": 1.0, "estimated": True},
        "1m_512": {"cpu_ms": 8.0, "memory_mb": 1098.0},
    },
    "enrolment": {"photos_per_s": 40.0},
}


@pytest.fixture
def figures() -> Figures:
    return Figures.of(PERFORMANCE)


def test_only_what_was_measured_counts_as_such(figures: Figures) -> None:
    assert figures.cpu_ms == {10**6: 3.0, 10**7: 40.0}
    assert (figures.largest, figures.bytes_each) == (10**7, 297.0)
    assert (figures.restart_s, figures.photos_per_core_second) == (1.5, 10.0)
    assert Figures.of(PERFORMANCE, 512).cpu_ms == {10**6: 8.0}
    with pytest.raises(ValueError, match="256"):
        Figures.of(PERFORMANCE, 256)
    without = Figures.of({"index": PERFORMANCE["index"]})
    assert without.photos_per_core_second is None


def test_time_is_measured_at_measured_sizes_and_in_proportion_to_the_largest_beyond(
    figures: Figures,
) -> None:
    found = {size: costs(size, figures).one for size in SIZES}
    assert found[10**6] is not None
    assert (found[10**6].cpu_ms, found[10**6].measured) == (3.0, True)
    assert found[10**9] is not None
    assert (found[10**9].cpu_ms, found[10**9].measured) == (4000.0, False)


def test_a_machine_holds_its_index_twice_with_growth_and_room_for_the_rest(
    figures: Figures,
) -> None:
    for size in SIZES:
        way = costs(size, figures).one
        assert way is not None
        assert way.gib * GIB > 2 * 1.25 * way.index_bytes
        assert way.index_bytes == size * 297.0
    assert costs(10**11, figures).one is None


def test_several_machines_are_as_many_as_memory_or_time_needs(figures: Figures) -> None:
    given = Assumed(growth=0, node_share=0.5, most_ms=1e9)
    assert nodes_for(10**9, 128, given) == 15  # 512 GB in machines of 34.4 GB
    quick = replace(given, most_ms=100)
    way = costs(10**9, figures, quick).several
    assert way.machines == 96  # 38 s on 8 half cores each
    assert way.search_ms <= 100
    assert nodes_for(10**9, 512, given) == 60


def test_money_follows_from_memory_time_and_how_busy_it_is(figures: Figures) -> None:
    cheap, dear = Assumed(), Assumed(gib_hour=Assumed().gib_hour * 2)
    one, other = costs(10**8, figures, cheap).one, costs(10**8, figures, dear).one
    assert one is not None
    assert other is not None
    assert one.month == pytest.approx(2 * 128 * 0.008 * 730)
    assert other.month == pytest.approx(2 * one.month)
    searches = one.per_second * cheap.busy * 730 * 3600
    assert one.per_million == pytest.approx(one.month / searches * 1e6)


def test_enrolment_and_disks_grow_with_the_photos(figures: Figures) -> None:
    found = costs(864_000, figures)
    assert found.core_days == pytest.approx(1.0)
    assert found.disk_gb == pytest.approx(864_000 * 175e-6)
    assert found.restart_s == pytest.approx(1.5 * 0.864)


def test_every_assumption_says_what_it_is_and_where_it_is_from() -> None:
    assert set(NOTES) == {one.name for one in fields(Assumed)}
    for _, source in NOTES.values():
        assert source.startswith(("assumed", "measured"))
