"""What charts are drawn of: marks with their geometry, axes, and how a number is written beside them.

A mark names its kind, not its look: a page has the kinds as classes, paper has them in greys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 82, 18, 20, 54

MINUS, THIN = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"
LONGEST_NAME: Final = 18
MANY_TICKS: Final = 4
"""Where an axis names more, every second name is left out on a narrow screen, whose words are larger."""

Position = tuple[float, float]
Words = Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One element of the drawing; `kind` is its class, `words` its text if it is one."""

    tag: str
    kind: str
    geometry: tuple[tuple[str, str], ...]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: a range of values laid on a range of drawing units."""

    title: str
    low: float
    high: float
    start: float
    end: float
    log: bool = False
    words: Callable[[float], str] | None = None

    def at(self, value: float) -> float:
        """Return where a value lies; what is outside of the range lies at its end."""
        inside = min(max(value, self.low), self.high)
        low, high, where = (
            (math.log(self.low), math.log(self.high), math.log(inside))
            if self.log
            else (self.low, self.high, inside)
        )
        return self.start + (where - low) / ((high - low) or 1) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the values that are named, and their names: powers of ten, or round steps."""
        said = self.words or plain
        if self.log:
            first, last = (
                math.ceil(math.log10(self.low) - 1e-9),
                math.floor(math.log10(self.high) + 1e-9),
            )
            return [(10.0**n, said(10.0**n)) for n in range(first, last + 1)]
        step = _round_step((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(n * step, said(n * step)) for n in range(first, last + 1)]


def across(
    title: str, low: float, high: float, *, log: bool = False, words: Words | None = None
) -> Axis:
    """Return the axis from left to right."""
    return Axis(
        title=title, low=low, high=high, start=LEFT, end=WIDTH - RIGHT, log=log, words=words
    )


def upward(
    title: str, low: float, high: float, *, log: bool = False, words: Words | None = None
) -> Axis:
    """Return the axis from the bottom to the top."""
    return Axis(
        title=title, low=low, high=high, start=HEIGHT - BOTTOM, end=TOP, log=log, words=words
    )


def drawn_across(axis: Axis) -> list[Mark]:
    """Return the ticks, names and title below a drawing."""
    bottom = HEIGHT - BOTTOM
    marks, ticks = [], axis.ticks()
    for number, (value, words) in enumerate(reversed(ticks)):
        # The last one is always named.
        kind = "words other" if number % 2 and len(ticks) > MANY_TICKS else "words"
        marks.append(stroke(axis.at(value), bottom, axis.at(value), bottom + 5, "axis"))
        marks.append(text(axis.at(value), bottom + 23, words, anchor="middle", kind=kind))
    return [*marks, text(axis.end, HEIGHT - 8, axis.title, anchor="end")]


def drawn_frame(x: Axis, y: Axis) -> list[Mark]:
    """Return both axes, with a thin line at each level that is named."""
    marks = []
    for value, words in y.ticks():
        marks.append(stroke(LEFT, y.at(value), WIDTH - RIGHT, y.at(value), "grid"))
        marks.append(text(LEFT - 8, y.at(value) + 4, words, anchor="end"))
    marks.append(stroke(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "axis"))
    marks.append(stroke(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    return [*marks, text(LEFT + 6, TOP - 6, y.title, kind="strong"), *drawn_across(x)]


def stroke(x1: float, y1: float, x2: float, y2: float, kind: str) -> Mark:
    """Return a straight line."""
    return Mark(tag="line", kind=kind, geometry=_geometry(x1=x1, y1=y1, x2=x2, y2=y2))


def bar(x: float, y: float, width: float, height: float, kind: str) -> Mark:
    """Return a bar; it is seen however small it is."""
    size = {"width": max(0.5, width), "height": max(0.5, height)}
    return Mark(tag="rect", kind=kind, geometry=_geometry(x=x, y=y, **size))


def dot(x: float, y: float) -> Mark:
    """Return a point that stands out."""
    return Mark(tag="circle", kind="dot", geometry=_geometry(cx=x, cy=y, r=4.5))


def path(spots: Sequence[Position], kind: str, *, closed: bool = False) -> Mark:
    """Return a line through these positions, or the area that they enclose."""
    said = "L".join(f"{_short(x)} {_short(y)}" for x, y in spots)
    return Mark(tag="path", kind=kind, geometry=(("d", f"M{said}{'Z' if closed else ''}"),))


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "words") -> Mark:
    """Return words that begin, end or have their middle at x."""
    geometry = (*_geometry(x=x, y=y), ("text-anchor", anchor))
    return Mark(tag="text", kind=kind, geometry=geometry, words=words)


def _geometry(**values: float) -> tuple[tuple[str, str], ...]:
    return tuple((name, _short(value)) for name, value in values.items())


def _short(value: float) -> str:
    return f"{round(value, 1):g}"


def plain(value: float) -> str:
    """Return a number as an axis names it: 0.5, 1 000, −0.2."""
    if value and value == round(value):
        return count(round(value))
    return f"{round(value, 10):g}".replace("-", MINUS)


def one_in(share: float) -> str:
    """Return a share as an axis names it: 1 in 1 000."""
    return "all" if share >= 1 else f"1 in {count(round(1 / share))}"


def rate(value: float) -> str:
    """Return a rate with two digits that tell: 0.0031, 0.25, 0, 1."""
    if value <= 0 or value >= 1:
        return f"{value:g}"
    decimals = max(2, 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f}"


def similarity(value: float) -> str:
    """Return a similarity with three decimals and a true minus sign."""
    return f"{value:.3f}".replace("-", MINUS)


def count(value: int) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{value:,}".replace(",", THIN).replace("-", MINUS)


def shortened(name: str) -> str:
    """Return a name that fits its place; the table has the whole of it."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def _round_step(least: float) -> float:
    """Return the first of 1, 2, 5, 10 ... times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((f * power for f in (1, 2, 5, 10) if f * power >= least * 0.999999), power)


GREYS: Final = {
    "axis": 'stroke="#777" fill="none"',
    "grid": 'stroke="#ddd" fill="none"',
    "band": 'fill="#ddd"',
    "line": 'stroke="#222" stroke-width="1.8" fill="none"',
    "line continued": 'stroke="#222" stroke-width="1.8" stroke-dasharray="6 4" fill="none"',
    "limit": 'stroke="#222" stroke-dasharray="2 3" fill="none"',
    "candidate": 'stroke="#000" stroke-width="3" fill="none"',
    "bar mated": 'fill="#333"',
    "bar non-mated": 'fill="#fff" stroke="#333" stroke-width="0.8"',
    "whisker": 'stroke="#222" stroke-width="1.8" fill="none"',
    "dot": 'fill="#000"',
    "words": 'fill="#333" font-family="Public Sans" font-size="12"',
    "words other": 'fill="#333" font-family="Public Sans" font-size="12"',
    "strong": 'fill="#111" font-family="Public Sans" font-size="12" font-weight="700"',
}
"""How each kind of mark is printed: the page has the same kinds as classes."""


def as_xml(mark: Mark) -> str:
    """Return a mark in greys, for paper."""
    geometry = " ".join(f"{name}={quoteattr(value)}" for name, value in mark.geometry)
    return f"<{mark.tag} {GREYS[mark.kind]} {geometry}>{escape(mark.words)}</{mark.tag}>"
