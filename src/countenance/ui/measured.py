"""The charts of an evaluation, for its page and its printed report alike."""

from __future__ import annotations

import math

import numpy as np

from countenance.evaluation.growth import Expected, expect, is_predicted
from countenance.evaluation.intervals import Rate
from countenance.evaluation.report import Evaluation, Setting
from countenance.ui.charts import Chart, Interval, Series, det, histogram_pair, intervals, line
from countenance.ui.marks import across, count, one_in, rate, similarity, upward

SIZES, TIMES = 25, 1000
"""The growth chart has so many sizes, up to so many times the evaluated gallery's."""


def charts_of(evaluation: Evaluation, *, setting: Setting | None = None) -> list[tuple[str, Chart]]:
    """Return all charts that this evaluation has numbers for, each under its heading.

    Args:
        evaluation: what was measured.
        setting: the one in use, or that is proposed; the threshold that the charts show.
    """
    shown = setting or (evaluation.settings[1] if evaluation.settings else None)
    threshold = None if shown is None else shown.threshold
    made = [("Mates and strangers", distribution(evaluation, threshold=threshold))]
    if evaluation.mated_searches and evaluation.non_mated_searches:
        made.append(("What each threshold costs", tradeoff(evaluation, setting=shown)))
    if shown is not None:
        made.append(("As the gallery grows", growth(evaluation, shown)))
    if evaluation.ranks:
        made.append(("On a list of fixed length", by_rank(evaluation)))
    if evaluation.rejected:
        made.append(("When poor photos are turned away", by_quality(evaluation)))
    for wanted, chart in zip(evaluation.settings, by_group(evaluation), strict=False):
        made.append((f"By group, at an FPIR of {one_in(wanted.wanted_fpir)}", chart))
    return made


def distribution(
    evaluation: Evaluation, *, threshold: float | None = None, candidate: float | None = None
) -> Chart:
    """Return how similar mates and the most similar others were, with one candidate among them."""
    said = "How similar a probe was to another photo of the same person (above) and to the most similar "
    said += f"other person among {count(evaluation.others)} (below)."
    if threshold is not None:
        said += " The dashed line is the threshold."
    if candidate is not None:
        said += " The thick stroke is this candidate."
    drawn = evaluation.histogram
    return histogram_pair(
        drawn.edges,
        drawn.mated,
        drawn.non_mated,
        caption=said,
        threshold=threshold,
        candidate=candidate,
    )


def tradeoff(evaluation: Evaluation, *, setting: Setting | None = None) -> Chart:
    """Return the DET curve, with the setting in use as a dot if it is one of the evaluated size."""
    told = [
        (at.threshold, at.fpir, at.fnir)
        for at in evaluation.measured
        if at.fpir is not None and at.fnir is not None
    ]
    chosen = None
    if setting is not None and setting.fnir is not None and setting.subjects == evaluation.others:
        chosen = (setting.fpir.value, setting.fnir.value)
    least = 10.0 ** math.floor(
        math.log10(0.9 / max(evaluation.non_mated_searches, evaluation.mated_searches, 2))
    )
    said = f"What each threshold costs, in a gallery of {count(evaluation.others)}: further left fewer "
    said += "strangers are returned, further up more people are missed. The shaded band is the 95 % interval "
    said += "of the FNIR."
    return det(
        [(threshold, fpir.value, fnir.value) for threshold, fpir, fnir in told],
        caption=said,
        band=[(fnir.low, fnir.high) for _, _, fnir in told],
        chosen=chosen,
        least=least,
    )


def growth(evaluation: Evaluation, setting: Setting) -> Chart:
    """Return the FPIR of one threshold as the gallery grows, its band, and what was measured."""
    model = evaluation.growth
    sizes = np.unique(
        np.geomspace(max(1, evaluation.others // 100), evaluation.others * TIMES, SIZES).astype(int)
    ).tolist()
    told = (
        []
        if model is None
        else [expect(model, evaluation.drawn, setting.threshold, n) for n in sizes]
    )
    y_low = 10.0 ** math.floor(
        math.log10(max(1e-6, min((one.value for one in told), default=1e-6)))
    )
    how = [how_known(one, evaluation.others) for one in told]
    known = [n for n, one in zip(sizes, how, strict=False) if one == "measured"]
    said = f"FPIR at threshold {similarity(setting.threshold)} as the gallery grows. The shaded band is the "
    said += f"95 % interval; dashed: not measured, but predicted from what was, among {count(evaluation.others)}."
    return line(
        Series(
            points=[(n, max(one.value, y_low)) for n, one in zip(sizes, told, strict=True)],
            low=[max(one.low, y_low) for one in told],
            high=[max(one.high, y_low) for one in told],
            continued=max(known, default=-math.inf),
        ),
        x=across("Subjects in the gallery", sizes[0], sizes[-1], log=True),
        y=upward("FPIR", y_low, 1, log=True, words=one_in),
        caption=said,
        label=f"A rising line, from FPIR {rate(told[0].value)} at {count(sizes[0])} subjects to "
        f"{rate(told[-1].value)} at {count(sizes[-1])}."
        if told
        else "Nothing was measured.",
        columns=("Subjects", "FPIR", "Interval", "How"),
        rows=[
            (
                count(one.subjects),
                rate(one.value),
                f"{rate(one.low)} to {rate(one.high)}",
                word,
            )
            for one, word in zip(told, how, strict=True)
        ],
        limit=(setting.wanted_fpir, f"wanted: {one_in(setting.wanted_fpir)}"),
    )


def how_known(one: Expected, others: int) -> str:
    """Return how an FPIR is known: measured among so many others, predicted for more, or extrapolated."""
    if one.extrapolated:
        return "extrapolated"
    return "predicted" if is_predicted(one.subjects, others) else "measured"


def by_group(evaluation: Evaluation) -> list[Chart]:
    """Return both rates of each group, for each setting that groups were measured at."""
    made = []
    for number, setting in enumerate(evaluation.settings if evaluation.groups else ()):
        rows = []
        for group in evaluation.groups:
            at = group.at[number]
            rows.append((group.group, [_interval(one) for one in (at.fnir, at.fpir)]))
        said = f"By the groups that the steward labelled, at the threshold for an FPIR of {one_in(setting.wanted_fpir)}: "
        said += "each dot is a measured rate, each line its 95 % interval. Lines that overlap may differ by chance alone."
        made.append(intervals(rows, panels=("FNIR", "FPIR"), caption=said))
    return made


def by_rank(evaluation: Evaluation) -> Chart:
    """Return FNIR by rank: how often the person is not among the first so many."""
    told = [(one.rank, one.fnir) for one in evaluation.ranks]
    return line(
        Series(
            points=[(n, one.value) for n, one in told],
            low=[one.low for _, one in told],
            high=[one.high for _, one in told],
        ),
        x=across("Length of the list", 1, max(2, told[-1][0]), log=True),
        y=upward("FNIR", 0, max(0.01, *(one.high for _, one in told))),
        caption="How often the person is in the gallery, and not among the first so many of the list. No "
        "threshold. The shaded band is the 95 % interval.",
        label=f"FNIR {rate(told[0][1].value)} in the first place, {rate(told[-1][1].value)} among the first {told[-1][0]}.",
        columns=("Length of the list", "FNIR", "Interval"),
        rows=[(str(n), rate(one.value), _ends(one)) for n, one in told],
    )


def by_quality(evaluation: Evaluation) -> Chart:
    """Return FNIR when the probes of lowest quality are turned away."""
    told = evaluation.rejected
    return line(
        Series(
            points=[(one.share, one.fnir.value) for one in told],
            low=[one.fnir.low for one in told],
            high=[one.fnir.high for one in told],
        ),
        x=across("Share of the probes turned away", 0, max(0.1, told[-1].share)),
        y=upward("FNIR", 0, max(0.01, *(one.fnir.high for one in told))),
        caption="FNIR when the probes of lowest quality are turned away. Where our figure of quality "
        "matters, it falls. The shaded band is the 95 % interval.",
        label=f"FNIR {rate(told[0].fnir.value)} of all probes, {rate(told[-1].fnir.value)} with a share of "
        f"{rate(told[-1].share)} turned away.",
        columns=("Turned away", "Lowest quality kept", "FNIR", "Interval"),
        rows=[
            (rate(one.share), f"{one.quality:.2f}", rate(one.fnir.value), _ends(one.fnir))
            for one in told
        ],
    )


def _interval(one: Rate | None) -> Interval:
    if one is None:
        return Interval(told="not measured")
    return Interval(value=one.value, low=one.low, high=one.high)


def _ends(one: Rate) -> str:
    return f"{rate(one.low)} to {rate(one.high)}"
