"""What a deployment of a size needs: machines, memory, time and money, from what was measured and what is assumed.

Pure arithmetic. `docs/reference/cost-model.md` is made of it, with each figure marked; `countenance doctor --plan`
says by it how many machines a gallery needs that fits on none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from countenance.index.plan import planned
from countenance.index.room import GIB, GIB_A_CORE, machine_for

SIZES: Final = (10**6, 10**7, 10**8, 10**9, 3 * 10**9)
_NAMED: Final = {10**6: "1m", 10**7: "10m", 10**8: "100m"}
_SECONDS_A_DAY: Final = 86_400
_HOURS_A_MONTH: Final = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What was not measured. Nobody's price list: put in your own; all are in `NOTES` with their reason.

    Attributes:
        replicas: how many times everything that searches is there.
        growth: how much larger than now memory and disks are bought.
        gib_a_core: memory of a machine for each of its cores.
        gib_hour: money for a GiB of a machine's memory an hour, its cores included.
        gb_month: money for a GB of disk a month, its copies included.
        node_gib: memory of one machine of several.
        node_share: how much of that vectors may take in Milvus.
        together: how much of a core is left of each when all scan memory at once.
        most_ms: a search is to take no longer than this.
        busy: how much of the time searches run.
        photo_kb: a photo as it is stored.
        row_kb: its rows, template and crop in the database, sealed.
        photos_per_core_second: used where enrolment has no figure in `performance.json`.
    """

    replicas: int = 2
    growth: float = 0.25
    gib_a_core: int = GIB_A_CORE
    gib_hour: float = 0.008
    gb_month: float = 0.05
    node_gib: int = 64
    node_share: float = 0.7
    together: float = 0.5
    most_ms: float = 1000.0
    busy: float = 0.2
    photo_kb: float = 150.0
    row_kb: float = 25.0
    photos_per_core_second: float = 16.6


NOTES: Final = {
    "replicas": ("copies of what searches", "assumed: one may fail"),
    "growth": ("bought beyond the present size, share", "assumed"),
    "gib_a_core": (
        "GiB of memory for each core",
        "assumed: what is rented as “memory-optimised”, 2025",
    ),
    "gib_hour": (
        "USD for a GiB of memory an hour, with its core",
        "assumed: about 0.5 for 64 GiB and 8 cores, the order of public lists in 2025, not checked against one",
    ),
    "gb_month": (
        "USD for a GB of disk a month",
        "assumed: object storage and SSD mixed, the order of 2025",
    ),
    "node_gib": ("GiB of one machine of several", "assumed"),
    "node_share": (
        "share of it for vectors in Milvus",
        "assumed: the rest is Milvus, growing segments and system",
    ),
    "together": (
        "of a core, when all scan memory at once",
        "assumed: memory bandwidth does not grow with the cores; two cores together read 1.9 times as fast as one",
    ),
    "most_ms": ("ms that a search may take", "assumed; the index is one part of a search"),
    "busy": ("share of the time in which searches run", "assumed"),
    "photo_kb": (
        "kB of a photo as it is stored",
        "assumed: a portrait of one megapixel; 8 megapixels take 3,000",
    ),
    "row_kb": ("kB of its rows, template and crop", "assumed: the crop is most of it"),
    "photos_per_core_second": (
        "photos enrolled a second and core",
        "measured 2026-11-22: 33.3 photos/s on two cores (performance.md); a newer figure of performance.json comes first",
    ),
}
"""What each assumption is, with its unit, and where it is from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured, for templates of one length.

    Attributes:
        dimensions: that length.
        cpu_ms: CPU time of a search, by the number of templates.
        bytes_each: memory of a template in the quantised tier, at the largest size.
        restart_s: seconds to open a million from their snapshot; None if that was not measured.
        photos_per_core_second: of enrolment; None if that was not measured.
    """

    dimensions: int
    cpu_ms: Mapping[int, float]
    bytes_each: float
    restart_s: float | None
    photos_per_core_second: float | None

    @property
    def largest(self) -> int:
        """Return how many templates the largest measured index held."""
        return max(self.cpu_ms)

    @classmethod
    def of(cls, performance: Mapping[str, Any], dimensions: int = 128) -> Figures:
        """Return the figures of `performance.json`; what it calls estimated is left out.

        Raises:
            ValueError: it has no measured search of this length.
        """
        index = performance["index"]
        found = {
            size: index[key]
            for size, name in _NAMED.items()
            if (key := f"{name}_{dimensions}") in index
            and "cpu_ms" in index[key]
            and not index[key].get("estimated")
        }
        if not found:
            raise ValueError(f"Nothing was measured of templates of {dimensions} numbers.")
        largest = max(found)
        cores = re.search(r"(\d+) cores", performance.get("machine", ""))
        rate = performance.get("enrolment", {}).get("photos_per_s")
        return cls(
            dimensions=dimensions,
            cpu_ms={size: float(one["cpu_ms"]) for size, one in found.items()},
            bytes_each=float(found[largest]["memory_mb"]) * 1e6 / largest,
            restart_s=found.get(10**6, {}).get("restart_s"),
            photos_per_core_second=float(rate) / int(cores[1]) if rate and cores else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to search so many templates.

    Attributes:
        machines: how many there are of one copy; 0 if there is no such way.
        gib: memory of each.
        index_bytes: of the index, in all machines of a copy.
        cpu_ms: CPU time of a search, all machines together.
        measured: whether that CPU time was, at this very size.
        search_ms: how long it takes when nothing else runs.
        per_second: searches a second, all copies together.
        month: money a month, all copies together.
        per_million: money for a million searches, when the machines are as busy as assumed.
    """

    machines: int
    gib: int
    index_bytes: float
    cpu_ms: float
    measured: bool
    search_ms: float
    per_second: float
    month: float
    per_million: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What so many templates need, besides what searches them.

    Attributes:
        templates: how many.
        one: the quantised tier on one machine; None if no usual machine has the memory.
        several: Milvus, every vector compared, on as many machines as it takes.
        restart_s: seconds until one machine has opened its snapshot; None if that was not measured.
        core_days: of one core, to enrol all.
        disk_gb: photos and database, one copy of each.
        disk_month: money for that a month.
    """

    templates: int
    one: Way | None
    several: Way
    restart_s: float | None
    core_days: float
    disk_gb: float
    disk_month: float


def costs(templates: int, figures: Figures, assumed: Assumed | None = None) -> Costs:
    """Return what so many templates need; one photo has one of them.

    CPU time is that which was measured at this size, else in proportion to the largest size that was. All else
    is in proportion, too: what a machine with many cores, or many machines, do was not measured.
    """
    given = assumed or Assumed()
    rate = figures.photos_per_core_second or given.photos_per_core_second
    disk_gb = templates * (given.photo_kb + given.row_kb) * 1e3 / 1e9
    restart = figures.restart_s
    return Costs(
        templates=templates,
        one=_on_one(templates, figures, given),
        several=_on_several(templates, figures.dimensions, given),
        restart_s=None if restart is None else restart * templates / 10**6,
        core_days=templates / rate / _SECONDS_A_DAY,
        disk_gb=disk_gb,
        disk_month=disk_gb * (1 + given.growth) * given.gb_month,
    )


def nodes_for(templates: int, dimensions: int, assumed: Assumed | None = None) -> int:
    """Return how many machines of the assumed size Milvus needs for so many templates, of one copy."""
    return _on_several(templates, dimensions, assumed or Assumed()).machines


def _on_one(templates: int, figures: Figures, given: Assumed) -> Way | None:
    needed = templates * figures.bytes_each
    machine = machine_for(ceil(needed * (1 + given.growth)))
    if machine is None:
        return None
    measured = templates in figures.cpu_ms
    each = figures.cpu_ms[figures.largest] / figures.largest
    cpu_ms = figures.cpu_ms[templates] if measured else templates * each
    return _way(1, machine // GIB, needed, cpu_ms, given, measured=measured)


def _on_several(templates: int, dimensions: int, given: Assumed) -> Way:
    needed = 4.0 * dimensions * templates
    # Its own scan was not measured at any size that tells: taken to cost what ours of the same numbers does.
    cpu_ms = planned(templates, dimensions, recall=1).cpu_ms
    for_memory = needed * (1 + given.growth) / (given.node_gib * GIB * given.node_share)
    for_time = cpu_ms / given.most_ms / (_cores(given.node_gib, given) * given.together)
    machines = max(1, ceil(for_memory), ceil(for_time))
    return _way(machines, given.node_gib, needed, cpu_ms, given, measured=False)


def _way(
    machines: int, gib: int, needed: float, cpu_ms: float, given: Assumed, *, measured: bool
) -> Way:
    at_once = max(1.0, machines * _cores(gib, given) * given.together)
    per_second = given.replicas * at_once * 1000 / cpu_ms
    month = given.replicas * machines * gib * given.gib_hour * _HOURS_A_MONTH
    searches = per_second * given.busy * _HOURS_A_MONTH * 3600
    return Way(
        machines=machines,
        gib=gib,
        index_bytes=needed,
        cpu_ms=cpu_ms,
        measured=measured,
        search_ms=cpu_ms / at_once,
        per_second=per_second,
        month=month,
        per_million=month / searches * 10**6,
    )


def _cores(gib: int, given: Assumed) -> int:
    return max(1, gib // given.gib_a_core)
