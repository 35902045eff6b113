"""What the report of an evaluation is made of: sentences, figures and drawings; plain values, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from countenance.ledger.receipt import Receipt
from countenance.reports.paper import Rows

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers under their heads; the first column names each row."""

    columns: Cells
    rows: tuple[Cells, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing as it is printed.

    Attributes:
        heading: above it.
        caption: below it.
        label: what can be seen in it, for those who do not see it.
        svg: the drawing, in greys.
        table: its numbers, printed after all drawings.
    """

    heading: str
    caption: str
    label: str
    svg: bytes
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPaper:
    """All that is printed of an evaluation.

    Attributes:
        title: what was measured.
        agency: whose evaluation it is.
        at: when it was made.
        head: who, what and when, as pairs of label and text.
        statement: what it says, in sentences.
        facts: model, licence, data and settings, as pairs of label and text.
        settings: what each wanted FPIR means, and among how many people; no rows if too little was measured.
        settings_said: the heading of that table.
        figures: the drawings, in order.
        receipt: of the entry that says that it was made.
        again: how it is made again, in a sentence.
    """

    title: str
    agency: str
    at: datetime
    head: Rows
    statement: str
    facts: Rows
    settings: Table
    settings_said: str
    figures: tuple[Figure, ...]
    receipt: Receipt
    again: str
