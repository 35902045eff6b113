"""An evaluation on paper: what it says, that its drawings stay drawings, and that any name can be printed."""

import io
from datetime import UTC, datetime

import papers
import pypdf
import pytest

from countenance.reports import EvaluationPaper, Figure, Size, Table, evaluation_pdf
from countenance.ui.charts import Interval, Series, as_svg, intervals, line
from countenance.ui.marks import across, upward


def figure(heading, chart):
    table = Table(columns=chart.columns, rows=chart.rows)
    return Figure(
        heading=heading,
        caption=chart.caption,
        label=chart.label,
        svg=as_svg(chart),
        table=table,
    )


def curve():
    return line(
        Series(points=[(n, n / 100) for n in range(100)]),
        x=across("Share", 0, 100),
        y=upward("FNIR", 0, 1),
        caption="A curve of a hundred points.",
        label="It rises.",
        columns=("Share", "FNIR"),
        rows=[("0.5", "0.25")],
    )


def groups(name):
    rows = [(name, [Interval(value=0.1, low=0.05, high=0.2)]), ("Few", [Interval(told="too few")])]
    return intervals(rows, panels=("FNIR",), caption="By group.")


def paper(name="Camera: studio"):
    return EvaluationPaper(
        title="How often searches err",
        agency="Marion County",
        at=datetime(2026, 11, 23, 9, tzinfo=UTC),
        head=(("Agency", "Marion County"), ("Measured", "23 Nov 2026, 09:00 UTC")),
        statement="About 3 in 1,000 searches for people who are not in this gallery return somebody.",
        facts=(("Model", "sface.640.p1"), ("Licence of its weights", "Apache-2.0")),
        settings=Table(
            columns=("Wanted FPIR", "Least similarity", "FPIR", "FNIR"),
            rows=(("1 in 100", "0.501", "10 in 1,000 (7 to 13)", "6 in 100 (4 to 9)"),),
        ),
        settings_said="What each wanted FPIR means among 40 people",
        figures=(figure("A curve", curve()), figure("By group", groups(name))),
        receipt=papers.paper().receipt,
        again="“countenance evaluations check” makes them again.",
    )


def text_of(made):
    pages = pypdf.PdfReader(io.BytesIO(made)).pages
    return "".join("".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("size", list(Size))
def test_everything_is_on_the_paper_and_the_numbers_of_each_drawing(size):
    text = text_of(evaluation_pdf(paper(), size=size))
    for said in (
        "About 3 in 1,000 searches for people who are not in this gallery return somebody.",
        "sface.640.p1",
        "Apache-2.0",
        "6 in 100 (4 to 9)",
        "A curve of a hundred points.",
        "Camera: studio",
        "too few",
        "0.25",
        "countenance evaluations check",
        papers.paper().receipt.code,
    ):
        assert "".join(said.split()) in text.replace("\N{ZERO WIDTH SPACE}", ""), said


def test_the_same_paper_gives_the_same_bytes_as_an_archive_takes_them():
    first, second = evaluation_pdf(paper()), evaluation_pdf(paper())
    assert first == second
    metadata = pypdf.PdfReader(io.BytesIO(first)).xmp_metadata
    assert metadata is not None
    written = metadata.stream.get_data().decode()
    assert "pdfaid:part>2<" in written
    assert "pdfuaid:part>1<" in written


def test_a_long_line_is_drawn_and_not_broken_like_a_long_word():
    from countenance.reports import pdf

    svg = as_svg(curve()).decode()
    assert pdf._drawable(svg) == svg


@pytest.mark.parametrize("name", ["張: 小", "\u202eright to left", "a" * 60, "<b>&"])
def test_any_name_of_a_group_can_be_printed(name):
    assert evaluation_pdf(paper(name)).startswith(b"%PDF-")
