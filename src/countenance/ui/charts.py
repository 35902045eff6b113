"""Numbers as charts: SVG marks with their geometry as attributes, and the same numbers as rows of a table.

A chart is a value without a style: `ui/chart.html` writes its marks with classes for the page, and
`as_svg` writes them in greys for paper. Lines differ by dashes and sides, never by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from countenance.ui.marks import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Mark,
    Position,
    across,
    as_xml,
    bar,
    count,
    dot,
    drawn_across,
    drawn_frame,
    one_in,
    path,
    rate,
    shortened,
    similarity,
    stroke,
    text,
    upward,
)

Row = tuple[str, ...]

TOLD = 24
"""A table of a curve has about so many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing and its table.

    Attributes:
        width: of the drawing, in its own units, like `height`.
        height: see `width`.
        caption: what it shows, in a sentence or two; printed below it and above the table.
        label: what can be seen in it, for those who do not see it.
        marks: in the order in which they are drawn.
        columns: the heads of the table.
        rows: the numbers that are drawn, in words.
    """

    width: int
    height: int
    caption: str
    label: str
    marks: tuple[Mark, ...]
    columns: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points from left to right; `low` and `high` are the ends of their band, empty for none.

    Where `continued` is set, points from there on are drawn dashed: they were not measured.
    """

    points: Sequence[Position]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    continued: float = math.inf


def line(
    series: Series,
    *,
    x: Axis,
    y: Axis,
    caption: str,
    label: str,
    columns: Row,
    rows: Iterable[Row],
    limit: tuple[float, str] | None = None,
    dots: Sequence[Position] = (),
) -> Chart:
    """Draw one line, with its band, a level that is not to be passed, and single points.

    Args:
        series: the line.
        x: the axis across.
        y: the axis upward.
        caption: see `Chart`, like `label`, `columns` and `rows`.
        label: see `caption`.
        columns: see `caption`.
        rows: see `caption`.
        limit: a level of `y`, and its name.
        dots: points that stand out, as what was measured beside what was expected.
    """
    marks = [*drawn_frame(x, y)]
    spots = [(x.at(a), y.at(b)) for a, b in series.points]
    if len(series.low):
        upper = [(x.at(a), y.at(b)) for (a, _), b in zip(series.points, series.high, strict=True)]
        lower = [(x.at(a), y.at(b)) for (a, _), b in zip(series.points, series.low, strict=True)]
        marks.append(path([*upper, *reversed(lower)], "band", closed=True))
    measured = sum(a <= series.continued for a, _ in series.points)
    if measured:
        marks.append(path(spots[:measured], "line"))
    if measured < len(spots):
        marks.append(path(spots[max(0, measured - 1) :], "line continued"))
    if limit is not None:
        level = y.at(limit[0])
        marks.append(stroke(LEFT, level, WIDTH - RIGHT, level, "limit"))
        marks.append(text(WIDTH - RIGHT, level - 5, limit[1], anchor="end"))
    marks += [dot(x.at(a), y.at(b)) for a, b in dots]
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        caption=caption,
        label=label,
        marks=tuple(marks),
        columns=columns,
        rows=tuple(rows),
    )


def det(
    points: Sequence[tuple[float, float, float]],
    *,
    caption: str,
    band: Sequence[tuple[float, float]] = (),
    chosen: tuple[float, float] | None = None,
    least: float = 1e-4,
) -> Chart:
    """Draw the detection error tradeoff, both rates on log axes; rates of 0 lie at the axes.

    Args:
        points: threshold, FPIR and FNIR, by rising threshold.
        caption: see `Chart`.
        band: the ends of the interval of each FNIR; empty for none.
        chosen: FPIR and FNIR of the setting in use, drawn as a dot.
        least: the lowest rate on the axes; lower ones lie at their end.
    """
    ordered = list(points)
    x = across(
        "FPIR: searches for strangers that return somebody", least, 1, log=True, words=one_in
    )
    y = upward("FNIR: searches that miss", least, 1, log=True, words=one_in)
    ends = ""
    if ordered:
        (_, fpir, fnir), (_, last_fpir, last_fnir) = ordered[0], ordered[-1]
        ends = (
            f" From FPIR {rate(fpir)} and FNIR {rate(fnir)} at similarity {similarity(ordered[0][0])}"
            f" to FPIR {rate(last_fpir)} and FNIR {rate(last_fnir)} at {similarity(ordered[-1][0])}."
        )
    return line(
        Series(
            points=[(fpir, fnir) for _, fpir, fnir in ordered],
            low=[low for low, _ in band],
            high=[high for _, high in band],
        ),
        x=x,
        y=y,
        caption=caption,
        label=f"A falling line: the fewer strangers are returned, the more mates are missed.{ends}",
        columns=("Threshold", "FPIR", "FNIR"),
        rows=[(similarity(t), rate(fpir), rate(fnir)) for t, fpir, fnir in _telling(ordered)],
        dots=[] if chosen is None else [chosen],
    )


def histogram_pair(
    edges: Sequence[float],
    mated: Sequence[int],
    non_mated: Sequence[int],
    *,
    caption: str,
    threshold: float | None = None,
    candidate: float | None = None,
) -> Chart:
    """Draw how similar mates and best non-mates are: mates upward, non-mates downward from one axis.

    Args:
        edges: of the bars, one more than there are bars.
        mated: mated searches in each.
        non_mated: non-mated searches in each, by their most similar other subject.
        caption: see `Chart`.
        threshold: drawn as a dashed line.
        candidate: the similarity of one candidate, drawn as a stroke.
    """
    if not edges:
        edges, mated, non_mated = (0.0, 1.0), (0,), (0,)
    x = across("Similarity", edges[0], edges[-1])
    room = (HEIGHT - TOP - BOTTOM) / 2
    middle = TOP + room
    marks = [text(0, TOP + 12, "Mates"), text(0, HEIGHT - BOTTOM - 4, "Non-mates")]
    for counts, kind, up in ((mated, "bar mated", True), (non_mated, "bar non-mated", False)):
        total = max(1, *counts)
        for (low, high), number in zip(pairwise(edges), counts, strict=True):
            tall = number / total * (room - 6)
            left, right = x.at(low), x.at(high)
            if number:
                marks.append(
                    bar(left, middle - tall if up else middle, right - left - 0.5, tall, kind)
                )
    marks.append(stroke(LEFT, middle, WIDTH - RIGHT, middle, "axis"))
    marks += drawn_across(x)
    for value, kind in ((threshold, "limit"), (candidate, "candidate")):
        if value is not None:
            marks.append(stroke(x.at(value), TOP, x.at(value), HEIGHT - BOTTOM, kind))
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        caption=caption,
        label=_histogram_label(edges, mated, non_mated, threshold, candidate),
        marks=tuple(marks),
        columns=("Similarity from", "to", "Mates", "Non-mates"),
        rows=tuple(
            (similarity(low), similarity(high), count(a), count(b))
            for (low, high), a, b in zip(pairwise(edges), mated, non_mated, strict=True)
            if a or b
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A rate with its interval; `told` says why there is none."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    told: str = ""


def intervals(
    rows: Sequence[tuple[str, Sequence[Interval]]], *, panels: Sequence[str], caption: str
) -> Chart:
    """Draw small multiples: a row for each group and a panel for each rate, each a dot on its interval.

    Args:
        rows: the name of each group, and its rate in each panel.
        panels: their names; all start at 0 and each ends at its own highest interval.
        caption: see `Chart`.
    """
    step, head, names = 26, 34, 152
    height = head + step * max(1, len(rows)) + 34
    wide = (WIDTH - names - RIGHT) / max(1, len(panels))
    marks = [text(0, head + step * n + 17, shortened(name)) for n, (name, _) in enumerate(rows)]
    for place, panel in enumerate(panels):
        start, end = names + place * wide + 6, names + (place + 1) * wide - 20
        highest = max((one[place].high for _, one in rows if not one[place].told), default=0)
        x = Axis(title=panel, low=0, high=highest or 1, start=start, end=end)
        marks.append(text(start, 14, panel, kind="strong"))
        marks.append(stroke(start, height - 30, end, height - 30, "axis"))
        marks.append(text(start, height - 12, "0"))
        marks.append(text(end, height - 12, rate(x.high), anchor="end"))
        for number, (_, values) in enumerate(rows):
            marks += _interval(values[place], x, head + step * number + 13)
    table = tuple(
        (
            name,
            *(
                one.told or f"{rate(one.value)} ({rate(one.low)} to {rate(one.high)})"
                for one in values
            ),
        )
        for name, values in rows
    )
    said = ". ".join(
        ", ".join((name, *(f"{p} {v}" for p, v in zip(panels, told, strict=True))))
        for name, *told in table
    )
    return Chart(
        width=WIDTH,
        height=height,
        caption=caption,
        label=f"{said}." if said else "No groups.",
        marks=tuple(marks),
        columns=("Group", *panels),
        rows=table,
    )


def as_svg(chart: Chart) -> bytes:
    """Return the drawing as a file of its own, in greys, for paper."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {chart.width} {chart.height}">'
    return "".join([head, *(as_xml(mark) for mark in chart.marks), "</svg>"]).encode()


def _interval(told: Interval, x: Axis, y: float) -> list[Mark]:
    if told.told:
        return [text(x.start, y + 4, told.told)]
    return [stroke(x.at(told.low), y, x.at(told.high), y, "whisker"), dot(x.at(told.value), y)]


def _telling(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return evenly chosen points, both ends among them, so that a table can be read."""
    if len(points) <= TOLD:
        return list(points)
    step = (len(points) - 1) / (TOLD - 1)
    return [points[round(n * step)] for n in range(TOLD)]


def _histogram_label(
    edges: Sequence[float],
    mated: Sequence[int],
    non_mated: Sequence[int],
    threshold: float | None,
    candidate: float | None,
) -> str:
    said = []
    for name, counts in (("Mates", mated), ("Non-mates", non_mated)):
        used = [n for n, one in enumerate(counts) if one]
        if not used:
            said.append(f"{name}: none.")
            continue
        peak = max(used, key=lambda n: counts[n])
        said.append(
            f"{name}: {count(sum(counts))} between {similarity(edges[used[0]])} and "
            f"{similarity(edges[used[-1] + 1])}, most from {similarity(edges[peak])}."
        )
    said += [
        f"{name} {similarity(value)}."
        for name, value in (("Threshold", threshold), ("The candidate:", candidate))
        if value is not None
    ]
    return " ".join(said)
