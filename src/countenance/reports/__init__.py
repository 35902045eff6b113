"""What is printed: a lead, and the certificate of a destruction; as PDF, from bytes to bytes.

Nothing is written to a disk on the way. A screen that says the same takes its words from `words`.
"""

from __future__ import annotations

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
from countenance.reports.pdf import Size, certificate_pdf, lead_pdf
from countenance.reports.words import LeadWords, lead_words

__all__ = [
    "Certificate",
    "Compared",
    "Examiner",
    "Framed",
    "LeadFacts",
    "LeadPaper",
    "LeadWords",
    "Photo",
    "Share",
    "Size",
    "certificate_pdf",
    "facts_from_json",
    "facts_to_json",
    "frame",
    "lead_pdf",
    "lead_words",
]
