"""What a selftest counts, and what it says of that: pure, and little of any one person.

Two things keep a count from answering whether somebody is enrolled. Each person counts once, however many
photos or labels they come with. And what is told is not the count itself: a number is drawn and added. So
neither twenty copies of one photo, nor two runs that differ in one person, nor people put beside them who are
known to be enrolled, say more than `BLUR` lets them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from countenance.apps.evaluations.measuring import Templates
from countenance.apps.evaluations.points import Point
from countenance.evaluation.intervals import wilson

ALIKE = 0.40
"""Of people whose templates are at least this similar only one is searched for: they may be one person.

Lower, and of many strangers most would be left out: the more there are, the more pairs are alike by chance.
"""

BLUR = 0.5
"""One person who is returned or not makes no told count more than exp(0.5), 1.65 times, as likely or unlikely.

That is what the two-sided geometric distribution gives (Ghosh, Roughgarden, Sundararajan, STOC 2009).
"""

MARGIN = 6
"""In 19 of 20 runs or more the told count differs by at most so many from the true one; `BLUR` makes it so."""

AS_PREDICTED, MORE, FEWER, UNPREDICTED = "as predicted", "more", "fewer", "not predicted"
VERDICTS = {
    AS_PREDICTED: "About as many as the evaluation predicts.",
    MORE: "More than the evaluation predicts. Evaluate the gallery again, and set its operating point anew.",
    FEWER: "Fewer than the evaluation predicts.",
    UNPREDICTED: "Nothing was predicted: the threshold was set by hand, and not measured.",
}


def different(found: Templates) -> Templates:
    """Return one template of each person, without those who look like another one.

    Rows are in a drawn order, so it is a drawn photo of each, and a drawn one of people who are alike.
    """
    faces = np.flatnonzero(np.isfinite(found.vectors).all(axis=1))
    _, first = np.unique(found.people[faces], return_index=True)
    kept: list[int] = []
    for row in np.sort(faces[first]).tolist():
        if not kept or (found.vectors[kept] @ found.vectors[row]).max() < ALIKE:
            kept.append(row)
    return Templates(
        vectors=found.vectors[kept], people=found.people[kept], photo=found.photo[kept]
    )


def blurred(returned: int, *, of: int, seed: bytes) -> int:
    """Return a count with a drawn number added, never below none or above all.

    Args:
        returned: the count, which nobody is told.
        of: how many people were searched for.
        seed: fresh from the deployment's randomness, and kept nowhere.
    """
    draw = np.random.default_rng(list(seed))
    up, down = draw.geometric(1 - np.exp(-BLUR), size=2).tolist()
    return int(min(of, max(0, returned + up - down)))


def told(returned: int, *, of: int, point: Point | None) -> dict[str, Any]:
    """Return what a selftest says of its blurred count: the share with its interval, and the verdict."""
    low, _ = wilson(max(0, returned - MARGIN), of)
    _, high = wilson(min(of, returned + MARGIN), of)
    verdict = UNPREDICTED if point is None else _verdict(low, high, point)
    return {
        "searches": of,
        "returned": returned,
        "share": [repr(one) for one in (returned / of, float(low), float(high))],
        "verdict": verdict,
        "said": VERDICTS[verdict],
    }


def in_words(said: dict[str, Any]) -> Sequence[str]:
    """Return the sentences that tell a selftest's count and how exact it is."""
    return (
        f"About {said['returned']:,} of {said['searches']:,} searches returned somebody who is not searched for.",
        f"The count is blurred, by at most {MARGIN} in 19 of 20 selftests: none says whether one person is enrolled.",
    )


def packed(found: Templates) -> bytes:
    """Return templates as bytes, to be kept sealed."""
    target = io.BytesIO()
    np.savez(target, vectors=found.vectors, people=found.people, photo=found.photo)
    return target.getvalue()


def unpacked(data: bytes) -> Templates:
    """Return what `packed` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        return Templates(vectors=kept["vectors"], people=kept["people"], photo=kept["photo"])


def _verdict(low: float, high: float, point: Point) -> str:
    if low > point.fpir.high:
        return MORE
    return FEWER if high < point.fpir.low else AS_PREDICTED
