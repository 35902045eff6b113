"""Charts: geometry that fits the numbers, the same numbers in the table, and marks that print in grey."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import labelled
import numpy as np
import pytest

from countenance.evaluation import evaluate, leave_one_out
from countenance.ui import charts
from countenance.ui.charts import Interval, Series, as_svg
from countenance.ui.marks import (
    GREYS,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    across,
    one_in,
    plain,
    rate,
    upward,
)
from countenance.ui.measured import by_group, by_quality, charts_of, distribution, growth


@pytest.fixture(scope="module")
def evaluation():
    templates, labels = labelled.album(200, 4, 32)
    groups = ["north" if one < 150 else "a name that is longer than its place" for one in labels]
    qualities = np.random.default_rng(1).random(len(labels)).tolist()
    trials = leave_one_out(templates, labels, model="m", groups=groups, qualities=qualities)
    return evaluate(trials, seed=1, replicates=100)


def values_of(mark):
    return dict(mark.geometry)


def kinds_of(chart):
    return [mark.kind for mark in chart.marks]


def test_an_axis_lays_values_evenly_or_by_their_logarithm():
    even, log = across("x", 0, 10), across("x", 0.001, 1, log=True)
    assert (even.at(0), even.at(10)) == (LEFT, WIDTH - RIGHT)
    assert even.at(5) == (LEFT + WIDTH - RIGHT) / 2
    assert log.at(0.01) - log.at(0.001) == pytest.approx(log.at(1) - log.at(0.1))
    assert log.at(0) == LEFT  # what is outside lies at the end
    assert [words for _, words in log.ticks()] == ["0.001", "0.01", "0.1", "1"]
    assert [words for _, words in even.ticks()] == ["0", "2", "4", "6", "8", "10"]
    assert [words for _, words in upward("y", -0.2, 0.4).ticks()][:2] == ["−0.2", "0"]


@pytest.mark.parametrize(
    ("share", "words"),
    [(1, "all"), (0.1, "1 in 10"), (0.0001, "1 in 10\N{NARROW NO-BREAK SPACE}000")],
)
def test_a_rate_on_an_axis_is_said_in_whole_numbers(share, words):
    assert one_in(share) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.00312, "0.0031"), (0.253, "0.25"), (0, "0"), (1, "1"), (1.2e-7, "0.00000012")],
)
def test_a_rate_in_a_table_has_two_digits_that_tell(value, words):
    assert rate(value) == words


def test_a_number_has_thin_spaces_and_a_true_minus():
    assert plain(1_204_318) == "1\N{NARROW NO-BREAK SPACE}204\N{NARROW NO-BREAK SPACE}318"
    assert plain(-0.5) == "−0.5"


def test_mates_stand_above_the_axis_and_non_mates_below():
    chart = charts.histogram_pair(
        [0.0, 0.5, 1.0], [0, 4], [8, 2], caption="c", threshold=0.5, candidate=0.75
    )
    bars = [mark for mark in chart.marks if mark.kind.startswith("bar")]
    middle = next(float(values_of(m)["y1"]) for m in chart.marks if m.kind == "axis")
    assert [mark.kind for mark in bars] == ["bar mated", "bar non-mated", "bar non-mated"]
    mates, *others = ({name: float(v) for name, v in mark.geometry} for mark in bars)
    assert mates["y"] + mates["height"] == pytest.approx(middle)
    assert all(one["y"] == middle for one in others)
    assert others[0]["height"] == pytest.approx(4 * others[1]["height"], abs=0.4)
    assert chart.rows == (("0.000", "0.500", "0", "8"), ("0.500", "1.000", "4", "2"))
    assert {"limit", "candidate"} < set(kinds_of(chart))
    assert "Mates: 4" in chart.label
    assert "Threshold 0.500." in chart.label


def test_a_histogram_of_nothing_says_so():
    chart = charts.histogram_pair([], [], [], caption="c")
    assert chart.label == "Mates: none. Non-mates: none."
    assert chart.rows == ()


def test_rates_of_zero_lie_at_the_axes_of_the_tradeoff():
    chart = charts.det([(0.1, 1, 0), (0.9, 0, 1)], caption="c", chosen=(0.01, 0.1))
    drawn = next(mark for mark in chart.marks if mark.kind == "line")
    assert str(LEFT) in values_of(drawn)["d"]
    assert "nan" not in values_of(drawn)["d"]
    assert kinds_of(chart).count("dot") == 1
    assert chart.rows == (("0.100", "1", "0"), ("0.900", "0", "1"))


def test_a_long_curve_has_a_table_that_can_be_read():
    points = [(n / 1000, 1 - n / 1000, n / 1000) for n in range(1000)]
    rows = charts.det(points, caption="c").rows
    assert len(rows) == charts.TOLD
    assert (rows[0][0], rows[-1][0]) == ("0.000", "0.999")


def test_what_was_not_measured_is_dashed_and_joins_what_was():
    series = Series(points=[(1, 0.1), (2, 0.2), (3, 0.3)], continued=2)
    chart = charts.line(
        series,
        x=across("x", 1, 3),
        y=upward("y", 0, 1),
        caption="c",
        label="l",
        columns=("x", "y"),
        rows=[],
        limit=(0.5, "enough"),
    )
    whole, dashed = (m for m in chart.marks if m.kind in {"line", "line continued"})
    assert values_of(whole)["d"].rpartition("L")[2] == values_of(dashed)["d"][1:].partition("L")[0]
    assert "enough" in [mark.words for mark in chart.marks]


def test_a_group_of_few_people_has_words_in_place_of_a_line():
    chart = charts.intervals(
        [
            ("north", [Interval(value=0.1, low=0.05, high=0.2)]),
            ("south", [Interval(told="too few")]),
        ],
        panels=("FNIR",),
        caption="c",
    )
    assert kinds_of(chart).count("whisker") == 1
    assert chart.rows == (("north", "0.10 (0.050 to 0.20)"), ("south", "too few"))
    assert chart.label == "north, FNIR 0.10 (0.050 to 0.20). south, FNIR too few."


def test_every_chart_of_an_evaluation_stays_in_its_frame_and_prints(evaluation):
    made = charts_of(evaluation)
    assert len(made) == 8  # distribution, tradeoff, growth, three by group, rank, quality
    assert len({heading for heading, _ in made}) == 8
    for _, chart in made:
        assert chart.label
        assert chart.caption
        assert all(len(row) == len(chart.columns) for row in chart.rows)
        assert {mark.kind for mark in chart.marks} <= GREYS.keys()
        for mark in chart.marks:
            for name, value in mark.geometry:
                if name in {"x", "x1", "x2", "cx"}:
                    assert -1 <= float(value) <= WIDTH + 1
                if name in {"y", "y1", "y2", "cy"}:
                    assert -1 <= float(value) <= max(HEIGHT, chart.height) + 1
        root = ET.fromstring(as_svg(chart))
        assert root.tag.endswith("svg")
        assert len(root) == len(chart.marks)


def test_a_chart_has_no_style_of_its_own(evaluation):
    assert b"style=" not in b"".join(as_svg(chart) for _, chart in charts_of(evaluation))


def test_words_from_outside_are_text_on_paper():
    chart = charts.intervals([("<b>&", [Interval(told="too few")])], panels=("FNIR",), caption="c")
    assert b"&lt;b&gt;&amp;" in as_svg(chart)


def test_a_name_that_is_too_long_is_cut_in_the_drawing_only(evaluation):
    chart = by_group(evaluation)[0]
    name = "a name that is longer than its place"
    assert name in [row[0] for row in chart.rows]
    assert name not in [mark.words for mark in chart.marks]
    assert any(mark.words.endswith("…") for mark in chart.marks)


def test_the_growth_chart_says_how_far_was_measured(evaluation):
    chart = growth(evaluation, evaluation.settings[0])
    how = {int(row[0].replace("\N{NARROW NO-BREAK SPACE}", "")): row[-1] for row in chart.rows}
    assert set(how.values()) == {"measured", "predicted", "extrapolated"}
    assert {word for n, word in how.items() if n > evaluation.others + 1} == {
        "predicted",
        "extrapolated",
    }
    assert how[evaluation.others] == "measured" if evaluation.others in how else True
    assert "line continued" in kinds_of(chart)
    rising = [float(row[1]) for row in chart.rows]
    assert rising == sorted(rising)


def test_one_candidate_lies_among_the_similarities(evaluation):
    assert "candidate" in kinds_of(distribution(evaluation, candidate=0.61))
    assert "candidate" not in kinds_of(distribution(evaluation))


def test_the_quality_chart_starts_with_all_probes(evaluation):
    assert by_quality(evaluation).rows[0][0] == "0"


def test_an_evaluation_of_little_has_the_charts_it_has_numbers_for():
    few = evaluate(labelled.made(mated=[0.5], best=[0.1]), seed=1)
    assert [len(chart.marks) > 0 for _, chart in charts_of(few)] == [True, True, True]
    nothing = evaluate(labelled.made(), seed=1)
    assert len(charts_of(nothing)) == 1
    assert math.isfinite(float(values_of(charts_of(nothing)[0][1].marks[0])["x"]))
