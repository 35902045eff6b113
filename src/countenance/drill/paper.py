"""The drill's report as a page to print, and as a page of the documentation: both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from countenance.reports import DrillPaper, Robbed, Table, drill_pdf

Report = Mapping[str, Any]


def pdf_of(report: Report, public_key: str) -> bytes:
    """Return a drill's report as PDF (PDF/A-2a, PDF/UA-1).

    Args:
        report: what `breach.Result.to_dict` returned.
        public_key: the key that signed it, in hexadecimal digits.
    """
    thieves = report["thieves"]
    rows = tuple(
        (one["name"], str(one["findings"]), f"{one['bytes_searched']:,}", f"{one['tries']:,}")
        for one in thieves
    )
    at = datetime.fromisoformat(report["at"])
    paper = DrillPaper(
        title="What each thief got",
        at=at,
        head=(
            ("Version", report["version"]),
            ("Begun", at.strftime("%d %b %Y, %H:%M UTC")),
            ("Secrets planted", str(report["planted"])),
            ("Outcome", "passed" if report["passed"] else "FAILED"),
        ),
        statement=statement(report),
        thieves=Table(columns=("Thief", "Findings", "Bytes searched", "Tries"), rows=rows),
        details=tuple(Robbed(name=one["name"], rows=tuple(said_of(one))) for one in thieves),
        control=control(report),
        check=(
            "The report with the signature is the JSON file beside this one. “countenance drill check FILE --key KEY” "
            "checks it on any machine, without a network. The key was made for this drill and is gone."
        ),
        signature=(("Signed with", public_key),),
    )
    return drill_pdf(paper)


def statement(report: Report) -> str:
    """Return what came of a drill, in sentences."""
    thieves = report["thieves"]
    found = sum(one["findings"] for one in thieves)
    return (
        f"{report['planted']} secrets were planted in a deployment that people worked in through its own screens and "
        f"commands. {len(thieves)} thieves looked for them; together they found {found}. What they could count and "
        "change is said below."
    )


def control(report: Report) -> str:
    """Return what the control shows, in a sentence."""
    said = report["control"]
    return (
        f"The same deployment without its cipher, searched in the same way: {said['found']} of the {said['planted']} "
        "secrets that it stores were found."
    )


def said_of(thief: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a thief in words, as pairs of label and text."""
    found = sorted({f"{one['what']} ({one['where']})" for one in thief["found"]})
    noticed = [f"{what}: {how}" for what, how in sorted(thief["noticed"].items())]
    rows = [
        ("Held", thief["holds"]),
        ("Could read", "; ".join(found) or "nothing that was planted"),
        ("Could count", "; ".join(thief["could_count"]) or "nothing"),
        ("Could change", "; ".join(thief["could_change"]) or "nothing"),
    ]
    return [*rows, *([("Tried in vain", "; ".join(noticed))] if noticed else [])]
