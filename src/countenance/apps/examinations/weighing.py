"""What the similarities of a recorded examination weigh, by the evaluation that its search was set by.

Only for what is recorded: nothing here is asked for, and nothing of it opened, while anybody examines.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from countenance.apps.evaluations.points import Point, distributions_of, ratios_of
from countenance.apps.evaluations.saying import counted, rounded
from countenance.apps.searches import modes
from countenance.apps.searches.models import Search
from countenance.errors import KeyUnavailable, NotFound
from countenance.ui.charts import Chart, histogram_pair
from countenance.ui.marks import BOTTOM, HEIGHT, TOP, across, stroke, text

LEAST, MOST = -1.0, 1.0
LETTER_ROOM, MOST_LETTERS = 18, 4
"""So wide is a letter with its space, in units of the chart, and so many are written together."""

Lettered = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What similarities weigh.

    Attributes:
        words: of each candidate, in their order.
        reach: how little and how much the evaluation could say of any.
        one_photo: that it was measured with other searches than this one; empty if not.
        chart: the candidates among mates and non-mates.
    """

    words: tuple[str, ...]
    reach: str
    one_photo: str
    chart: Chart


def weigh(search: Search, candidates: Lettered) -> Weighed | None:
    """Return what the similarities of candidates weigh; None if nothing was measured, or it is not here any more.

    Call it within `grants.reading`, and only for an examination that is recorded.

    Args:
        search: whose candidates they are.
        candidates: letter and similarity of each.

    Raises:
        TamperDetected, SealBroken: what was measured was changed in the database.
    """
    point = modes.point_at(search)
    if point is None or not candidates:
        return None
    # Another agency's evaluation closes with its grant.
    with suppress(NotFound, KeyUnavailable):
        *ratios, least, most = ratios_of(point, [*(one for _, one in candidates), LEAST, MOST])
        if least is None or most is None:
            return None
        photos = 1 + len(search.request.get("more", ()))
        return Weighed(
            words=tuple(one.words for one in ratios if one is not None),
            reach=_reach(least.value, most.value),
            one_photo=""
            if photos == 1
            else f"It was measured in searches with one photo each; this one is with {photos}.",
            chart=_chart(point, candidates, threshold=search.request["threshold"]),
        )
    return None


def _reach(least: float | None, most: float | None) -> str:
    told = [_times(one) for one in (least, most) if one is not None]
    if not told:
        return (
            "This evaluation was made among too few people to say anything in a gallery so large."
        )
    return f"This evaluation can say nothing beyond {' and '.join(told)}."


def _times(ratio: float) -> str:
    if ratio >= 1:
        return f"{rounded(ratio)} times as often"
    return f"{rounded(1 / ratio)} times less often"


def _chart(point: Point, candidates: Lettered, *, threshold: float | None) -> Chart:
    """Draw the candidates among the mates and the strangers of the evaluation."""
    spread = distributions_of(point)
    edges = spread.edges or (0.0, 1.0)
    chart = histogram_pair(
        spread.edges,
        spread.mated,
        spread.non_mated,
        caption=(
            f"Upward {counted(point.mated_searches)} searches for people who were there, by the similarity of their "
            f"mate; downward {counted(point.non_mated_searches)} for people who were not, by that of the most similar "
            "stranger. A stroke for each candidate of yours, with its letter."
        ),
        threshold=threshold,
    )
    x = across("Similarity", edges[0], edges[-1])
    marks = [
        stroke(x.at(value), TOP, x.at(value), HEIGHT - BOTTOM, "tick") for _, value in candidates
    ]
    for at, label in _labels(sorted((x.at(value), letter) for letter, value in candidates)):
        marks.append(text(at, TOP - 4, label, anchor="middle", kind="words strong"))
    said = "; ".join(f"{letter} {value:.3f}" for letter, value in candidates)
    return replace(
        chart, marks=(*chart.marks, *marks), label=f"{chart.label} Your candidates: {said}."
    )


def _labels(letters: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return where to write which letters; those that would touch are written together, or counted."""
    groups: list[list[tuple[float, str]]] = []
    for at, letter in letters:
        if groups and at - groups[-1][-1][0] < LETTER_ROOM * min(len(groups[-1]), MOST_LETTERS):
            groups[-1].append((at, letter))
        else:
            groups.append([(at, letter)])
    return [
        (
            sum(at for at, _ in group) / len(group),
            " ".join(letter for _, letter in group)
            if len(group) <= MOST_LETTERS
            else f"{len(group)} of them",
        )
        for group in groups
    ]
