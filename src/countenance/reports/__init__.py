"""What is printed: a lead, the certificate of a destruction, an evaluation, and a breach drill; as PDF, from bytes to bytes.

Nothing is written to a disk on the way. A screen that says the same takes its words from `words`.
"""

from __future__ import annotations

from countenance.reports.drilled import DrillPaper, Robbed
from countenance.reports.evaluated import EvaluationPaper, Figure, Table
from countenance.reports.jpeg import Framed, frame
from countenance.reports.paper import (
    Certificate,
    Compared,
    Examiner,
    LeadFacts,
    LeadPaper,
    Photo,
    Share,
    facts_from_json,
    facts_to_json,
)
from countenance.reports.pdf import Size, certificate_pdf, drill_pdf, evaluation_pdf, lead_pdf
from countenance.reports.words import LeadWords, lead_words

__all__ = [
    "Certificate",
    "Compared",
    "DrillPaper",
    "EvaluationPaper",
    "Examiner",
    "Figure",
    "Framed",
    "LeadFacts",
    "LeadPaper",
    "LeadWords",
    "Photo",
    "Robbed",
    "Share",
    "Size",
    "Table",
    "certificate_pdf",
    "drill_pdf",
    "evaluation_pdf",
    "facts_from_json",
    "facts_to_json",
    "frame",
    "lead_pdf",
    "lead_words",
]
