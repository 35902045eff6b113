"""The printed report of an evaluation: what its page says, with the same charts in greys."""

from __future__ import annotations

from countenance.apps.evaluations import showing
from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.evaluations.points import numbers_of
from countenance.apps.evaluations.saying import counted
from countenance.ledger.receipt import Receipt
from countenance.reports import EvaluationPaper, Figure, Table
from countenance.reports.words import moment
from countenance.ui.charts import Chart, as_svg
from countenance.ui.measured import charts_of


def paper_of(
    one: Evaluation,
    *,
    agency: str,
    receipt: Receipt,
    point: OperatingPoint | None,
    subjects: int,
) -> EvaluationPaper:
    """Return an evaluation as it is printed.

    Args:
        one: the evaluation.
        agency: whose it is.
        receipt: of the entry that recorded it.
        point: the operating point in force, if it rests on this evaluation.
        subjects: how many people its gallery holds; 0 if it is of no gallery.

    Raises:
        SealBroken: what was measured was changed in the database.
    """
    numbers = numbers_of(one)
    setting = showing.setting_of(numbers, point, subjects)
    gallery = () if one.gallery is None else (("Gallery", one.gallery.name),)
    among = subjects or numbers.others
    return EvaluationPaper(
        title=showing.name_of(one),
        agency=agency,
        at=one.made_at,
        head=(
            ("Agency", agency),
            *gallery,
            ("Kind", showing.KINDS[SampleKind(one.kind)]),
            ("Measured", moment(one.made_at)),
        ),
        statement=showing.headline(one, numbers, point=point, subjects=subjects),
        facts=tuple(showing.facts(one, numbers)),
        settings=_settings(showing.wishes(numbers, among)),
        settings_said=f"What each wanted FPIR means among {counted(among)} people",
        figures=tuple(_figure(*one) for one in charts_of(numbers, setting=setting)),
        receipt=receipt,
        again=showing.again(one),
    )


def _settings(told: list[showing.Expected]) -> Table:
    return Table(
        columns=("Wanted FPIR", "Least similarity", "FPIR", "FNIR"),
        rows=tuple(
            (
                one.name,
                f"{one.threshold:.3f}",
                one.fpir + (f", {one.how}" if one.how else ""),
                one.fnir,
            )
            for one in told
        ),
    )


def _figure(heading: str, chart: Chart) -> Figure:
    return Figure(
        heading=heading,
        caption=chart.caption,
        label=chart.label,
        svg=as_svg(chart),
        table=Table(columns=chart.columns, rows=chart.rows),
    )
