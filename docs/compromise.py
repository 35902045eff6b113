"""The page of what a compromise of each part surrenders, from the result of a breach drill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from countenance.drill.paper import control, said_of, statement

RESULT = Path(__file__).resolve().parent / "reference" / "breach_drill.json"


def compromise_page() -> str:
    """Return the page; every row is what the drill of `breach_drill.json` found."""
    document = json.loads(RESULT.read_text(encoding="utf-8"))
    report = document["report"]
    lines = [
        "# What a compromise of each part surrenders",
        "",
        "<!-- Written by docs/generate.py from breach_drill.json, which `countenance drill breach --out` wrote. -->",
        "",
        f"{statement(report)} {control(report)}",
        "",
        (
            f"This is the drill of {report['at'][:10]}, version {report['version']}; its signed report is "
            "[breach_drill.json](breach_drill.json). Play it yourself: [how to run the breach drill](../how-to/breach-drill.md). "
            "What the drill does not play, such as the memory of an unsealed machine, is in "
            "[what is protected](../explanation/security.md)."
        ),
        "",
        "| thief | findings | bytes searched | tries |",
        "|---|---:|---:|---:|",
        *(
            f"| {_cell(one['name'])} | {one['findings']} | {one['bytes_searched']:,} | {one['tries']:,} |"
            for one in report["thieves"]
        ),
        "",
    ]
    for one in report["thieves"]:
        lines += _thief(one)
    return "\n".join(lines)


def _thief(one: dict[str, Any]) -> list[str]:
    rows = [f"| {label.lower()} | {_cell(text)} |" for label, text in said_of(one)]
    name = one["name"][0].upper() + one["name"][1:]
    return [f"## {name}", "", "| | |", "|---|---|", *rows, ""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
