"""What the report of a breach drill is made of: sentences and figures; plain values, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from countenance.reports.evaluated import Table
from countenance.reports.paper import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Robbed:
    """One thief: who, and as pairs of label and text what was held, counted and changed."""

    name: str
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPaper:
    """All that is printed of a breach drill.

    Attributes:
        title: what was done.
        at: when it began.
        head: which version, when and how it ended, as pairs of label and text.
        statement: what came of it, in sentences.
        thieves: each thief with figures.
        details: each thief in words.
        control: what the same search found where nothing is sealed.
        check: how the signed report is checked, in a sentence.
        signature: the key that signed it, as pairs of label and text.
    """

    title: str
    at: datetime
    head: Rows
    statement: str
    thieves: Table
    details: tuple[Robbed, ...]
    control: str
    check: str
    signature: Rows
