"""The page of costs, made of what the benchmarks measured and of what `countenance.index.costs` assumes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from countenance.index.costs import NOTES, SIZES, Assumed, Costs, Figures, Way, costs
from countenance.index.plan import planned

PERFORMANCE = Path(__file__).resolve().parent / "reference" / "performance.json"
CORES = (8, 64, 1024)
"""Enrolment is told for so many."""
MEASURED, EXTRAPOLATED, ASSUMED = "m", "x", "a"


def cost_page(note: str) -> str:
    """Return the page; `note` says who wrote it."""
    performance = json.loads(PERFORMANCE.read_text(encoding="utf-8"))
    figures, assumed = Figures.of(performance), Assumed()
    found = [costs(size, figures, assumed) for size in SIZES]
    return "\n".join(
        [
            "# What galleries of a million to 3 billion templates cost",
            "",
            note,
            "",
            *_introduction(figures),
            *_measured(performance, figures),
            *_assumed(assumed),
            *_one(found, figures, assumed),
            *_several(found, assumed),
            *_enrolment(found, figures, assumed),
            *_money(found, assumed),
            *_not_in_it(),
        ]
    )


def _introduction(figures: Figures) -> list[str]:
    return [
        f"Machines, memory, time and money for templates of {figures.dimensions} numbers, one photo each, computed by",
        "`countenance.index.costs` from the figures of `performance.json` and the assumptions below. Each figure is marked:",
        "",
        f"- **{MEASURED}**: measured at this very size, on the machine that the file names;",
        f"- **{EXTRAPOLATED}**: extrapolated in proportion from the largest size that was measured, {figures.largest:,} templates;",
        f"- **{ASSUMED}**: rests on an assumption as well. All money does.",
        "",
        "Nothing above that size was run, and nothing on machines with many cores or on several: take those figures for their order of",
        "magnitude. To plan a deployment, run `countenance doctor --plan` on its machine, then the benchmarks.",
        "",
    ]


def _measured(performance: dict[str, Any], figures: Figures) -> list[str]:
    return [
        "## What was measured",
        "",
        f"On {performance['machine']}. [Performance](performance.md) has all of it, with limits and peers.",
        "",
        *_table(("what", "at", "figure", "day"), list(_found(performance, figures))),
        "",
        "Of Milvus: 5.4 ms a search (median, the way there and back included) at 20,000 templates and 23 ms at 100,000, every vector",
        "compared (`FLAT`), as one process on that machine beside other work. That is too small to extrapolate from, so below",
        "its scan is taken to cost what ours of the same numbers does.",
        "",
    ]


def _found(performance: dict[str, Any], figures: Figures) -> Iterator[tuple[str, ...]]:
    index, million = performance["index"], "1,000,000 templates"
    for size, ms in sorted(figures.cpu_ms.items()):
        yield "CPU time of a search", f"{size:,} templates", f"{ms:,.2f} ms", _day(index, size)
    size, each = figures.largest, f"{figures.bytes_each:.0f} bytes"
    yield "memory of a template", f"{size:,} templates", each, _day(index, size)
    if (longer := index.get("1m_512")) is not None:
        day = longer.get("measured_on", "")
        each = f"{longer['memory_mb']:.0f} bytes"
        yield "memory of a template of 512 numbers", million, each, day
    if figures.restart_s is not None:
        opened = f"{figures.restart_s:.2f} s"
        yield "snapshot opened, and the first search", million, opened, _day(index, 10**6)
    if figures.photos_per_core_second is not None:
        rate = f"{figures.photos_per_core_second:.1f} photos/s a core"
        day = performance["enrolment"].get("measured_on", "")
        yield "enrolment", "everything, sealing and database included", rate, day
    exact = planned(10**6, figures.dimensions, recall=1).cpu_ms
    yield "exact search, every number compared", million, f"{exact:.1f} ms CPU", "2026-11-22"


def _day(index: dict[str, Any], size: int) -> str:
    key = {10**6: "1m", 10**7: "10m", 10**8: "100m"}[size]
    return str(index[f"{key}_128"].get("measured_on", ""))


def _assumed(assumed: Assumed) -> list[str]:
    values = asdict(assumed)
    rows = [(name, f"{values[name]:g}", NOTES[name][0], NOTES[name][1]) for name in values]
    return [
        "## What is assumed",
        "",
        "Parameters of `countenance.index.costs.Assumed`. Put in your own before you believe a sum.",
        "",
        *_table(("parameter", "value", "what it is", "where it is from"), rows),
        "",
    ]


def _one(found: Sequence[Costs], figures: Figures, assumed: Assumed) -> list[str]:
    rows = []
    for each in found:
        way = each.one
        if way is None:
            rows.append((f"{each.templates:,}", "no usual machine", *[""] * 6))
            continue
        mark = MEASURED if way.measured else EXTRAPOLATED
        restart = "not measured" if each.restart_s is None else _time(each.restart_s)
        rows.append(
            (
                f"{each.templates:,}",
                f"{_gb(way.index_bytes)} {mark}",
                f"{way.gib:,} GiB {ASSUMED}",
                f"{max(1, way.gib // assumed.gib_a_core):,} {ASSUMED}",
                f"{_ms(way.cpu_ms)} {mark}",
                f"{_ms(way.search_ms)} {ASSUMED}",
                f"{way.per_second:,.0f} {ASSUMED}",
                f"{restart} {MEASURED if each.templates == 10**6 else EXTRAPOLATED}",
            )
        )
    heads = (
        "templates",
        "index",
        "machine",
        "its cores",
        "CPU a search",
        "a search takes",
        "searches/s, all copies",
        "opens in, one core",
    )
    return [
        "## One machine: the quantised tier",
        "",
        "Everything is scanned by 4-bit codes, and the nearest are compared again; at least 99.9 % of exact search's mates come first",
        f"(measured up to {figures.largest:,}). The machine is the smallest usual one that holds twice the index, because a snapshot takes as",
        "much again, with its growth and with what workers, database and system need.",
        "",
        *_table(heads, rows),
        "",
        "Memory decides, not time. Beyond a hundred million the snapshot decides as well: it is written and opened as a whole, which at a",
        "billion takes a core a quarter of an hour each time. There several machines are the better way, though each search costs more.",
        "",
    ]


def _several(found: Sequence[Costs], assumed: Assumed) -> list[str]:
    rows = [
        (
            f"{each.templates:,}",
            f"{_gb(each.several.index_bytes)} {EXTRAPOLATED}",
            f"{each.several.machines:,} {ASSUMED}",
            f"{_ms(each.several.cpu_ms)} {EXTRAPOLATED}",
            f"{_ms(each.several.search_ms)} {ASSUMED}",
            f"{each.several.per_second:,.0f} {ASSUMED}",
        )
        for each in found
    ]
    heads = (
        "templates",
        "vectors",
        f"machines of {assumed.node_gib} GiB, a copy",
        "CPU a search",
        "a search takes",
        "searches/s, all copies",
    )
    return [
        "## Several machines: Milvus, every vector compared",
        "",
        "For memory and for time, whichever needs more of them. Milvus's other kinds need fewer; which of them loses no mates is",
        "[measured for each gallery](../how-to/milvus.md) when it is moved, and cannot be said beforehand. Its own etcd, message queue and",
        "object store are not counted.",
        "",
        *_table(heads, rows),
        "",
    ]


def _enrolment(found: Sequence[Costs], figures: Figures, assumed: Assumed) -> list[str]:
    rows = [
        (
            f"{each.templates:,}",
            *(f"{_time(each.core_days * 86_400 / cores)} {EXTRAPOLATED}" for cores in CORES),
            f"{_gb(each.templates * assumed.photo_kb * 1e3)} {ASSUMED}",
            f"{_gb(each.templates * assumed.row_kb * 1e3)} {ASSUMED}",
        )
        for each in found
    ]
    heads = ("templates", *(f"on {cores:,} cores" for cores in CORES), "photos", "database")
    rate = figures.photos_per_core_second or assumed.photos_per_core_second
    return [
        "## Enrolment and disks",
        "",
        f"At {rate:.1f} photos a second and core. Measured on two cores that the database shared; one database for a thousand cores was not tried.",
        "",
        *_table(heads, rows),
        "",
    ]


def _money(found: Sequence[Costs], assumed: Assumed) -> list[str]:
    rows = []
    for each in found:
        for name, way in (("one machine", each.one), ("Milvus", each.several)):
            if way is not None:
                rows.append(_priced(each, name, way, assumed.replicas * way.machines))
    heads = (
        "templates",
        "searched by",
        "machines, all copies",
        "machines a month",
        "disks a month",
        "both a month",
        "a million searches",
    )
    return [
        "## Money",
        "",
        f"USD, all of it {ASSUMED}. A million searches cost their share of the machines when these search {assumed.busy * 100:.0f} % of the time; a deployment that",
        "searches less pays the month all the same.",
        "",
        *_table(heads, rows),
        "",
    ]


def _priced(each: Costs, name: str, way: Way, machines: int) -> tuple[str, ...]:
    return (
        f"{each.templates:,}",
        name,
        f"{machines:,} of {way.gib:,} GiB",
        _usd(way.month),
        _usd(each.disk_month),
        _usd(way.month + each.disk_month),
        _usd(way.per_million),
    )


def _not_in_it() -> list[str]:
    return [
        "## What is not in it",
        "",
        "People: whoever examines candidates costs more than all machines. Network, backups elsewhere, licences of model weights, and the",
        "first enrolment's machines. A search also decodes, detects and embeds its probe, some 80 ms of CPU at any size.",
        "",
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"  # noqa: PLR2004 # where tenths tell nothing


def _ms(value: float) -> str:
    return f"{value:,.1f} ms" if value < 1000 else f"{value / 1000:,.1f} s"  # noqa: PLR2004 # a second


def _time(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:.1f} s"


def _usd(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.2f}"  # noqa: PLR2004 # where cents count
