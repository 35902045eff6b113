"""Shares and counts in words: 3 in 1,000, never a percentage."""

from __future__ import annotations

DENOMINATORS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
CLOSE = 0.1
"""A share is said with the smallest denominator that comes this close to it."""


def share(value: float) -> str:
    """Return a share in words: "3 in 1,000"."""
    if value <= 0:
        return "none"
    if value >= 1:
        return "all"
    for of in DENOMINATORS:
        many = round(value * of)
        if 0 < many < of and abs(many / of - value) <= CLOSE * value:
            return f"{many:,} in {of:,}"
    of = DENOMINATORS[-1]
    return f"fewer than 1 in {of:,}" if value < 1 / of else f"more than {of - 1:,} in {of:,}"


def about(value: float) -> str:
    """Return a share as it stands before what it is a share of: "about 3 in 1,000", "almost none of the"."""
    if value <= 0:
        return "almost none of the"
    if value >= 1:
        return "almost all"
    said = share(value)
    return said if said.startswith(("fewer", "more")) else f"about {said}"


def between(low: float, high: float) -> str:
    """Return an interval in words: "between 2 in 1,000 and 5 in 1,000"."""
    return f"between {share(low)} and {share(high)}"


def within(value: float, low: float, high: float) -> str:
    """Return a share with its interval, all counted out of as many: "6 in 100 (4 to 9)"."""
    for of in DENOMINATORS:
        close = all(abs(round(one * of) / of - one) <= CLOSE * one for one in (value, low, high))
        apart = all(one == value or round(one * of) != round(value * of) for one in (low, high))
        if close and apart:
            break
    return f"{round(value * of):,} in {of:,} ({round(low * of):,} to {round(high * of):,})"


def counted(number: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{number:,}"


def rounded(number: float) -> str:
    """Return a number of times with two digits that count: 1.4, 37, 1,200."""
    if number < 10:  # noqa: PLR2004 # below it a decimal counts
        return f"{number:.1f}".removesuffix(".0")
    digits = len(str(int(number)))
    return f"{int(round(number, 2 - digits)):,}"
