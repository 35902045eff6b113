"""What another operating point changes as a table of before and after: for the steward who asks, and whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countenance.apps.approvals.effects import Change, Compared, Line
from countenance.apps.evaluations.changing import facts_in_words
from countenance.apps.evaluations.saying import counted, within

COLUMNS = ("FPIR: return somebody who is not there", "FNIR: do not return who is there")
GONE = "By group nothing can be told: the trials of this evaluation were destroyed."
NO_GROUPS = (
    "Nobody supplied groups for this evaluation, so nothing is known of differences between groups."
)
OF_GROUPS = (
    "Groups are what the steward labelled, at the size that was measured. Intervals that overlap may differ by "
    "chance alone."
)


def compared(payload: Mapping[str, Any], sample: str) -> Compared:
    """Return what the payload of an approval changes.

    Args:
        payload: as `changing.change_of` returns it.
        sample: what was measured, in words.

    Raises:
        KeyError, ValueError, TypeError: it is no payload of this kind.
    """
    before, after = payload["before"], payload["after"]
    lines = [_line("Everybody", payload["subjects"], before, after)]
    for name, group in (after["groups"] or {}).items():
        old = None if before is None or not before["groups"] else before["groups"][name]
        lines.append(_line(name, group["people"], old, group))
    said = GONE if after["groups"] is None else OF_GROUPS if after["groups"] else NO_GROUPS
    return Compared(
        facts=facts_in_words(payload, sample),
        columns=COLUMNS,
        lines=lines,
        said=f"In brackets the 95 % interval. {said}",
    )


def _line(
    name: str, people: int, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> Line:
    unknown = after["fpir"] is None and after["fnir"] is None
    return Line(
        name=name,
        about=f"{counted(people)} people",
        changes=tuple(_change(key, before, after) for key in ("fpir", "fnir")),
        told="Too few people to say" if unknown else "",
    )


def _change(key: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change:
    return Change(asked=_told(after[key]), now="" if before is None else _told(before[key]))


def _told(figures: Any) -> str:
    if figures is None:
        return "not measured"
    value, low, high = (float(one) for one in figures)
    return within(value, low, high)
