"""What the benchmarks measured: collected as tables, printed, and on request put into the docs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "performance.md"
FIGURES = DOCUMENT.with_suffix(".json")


@dataclass(frozen=True)
class Table:
    """One table of a section."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table in Markdown, under its title."""
        lines = [f"### {self.title}", ""]
        lines += [f"| {' | '.join(self.columns)} |", "|" + "---|" * len(self.columns)]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines)


@dataclass
class Results:
    """All tables of a run, by section ("index", "enrolment", "search")."""

    packages: dict[str, list[str]] = field(default_factory=dict)
    tables: dict[str, list[Table]] = field(default_factory=dict)
    figures: dict[str, object] = field(default_factory=dict)

    def figure(self, key: str, value: object) -> None:
        """Keep one number for programs, by its name with dots ("index.1m_128.p50_ms")."""
        self.figures[key] = round(value, 4) if isinstance(value, float) else value

    def add(self, section: str, table: Table, *, packages: Sequence[str] = ()) -> None:
        """Add a table; `packages` are those whose versions the section's numbers depend on."""
        self.tables.setdefault(section, []).append(table)
        named = self.packages.setdefault(section, [])
        named += [package for package in packages if package not in named]

    def markdown(self, section: str) -> str:
        """Return the text of a section: where and when, then its tables in order of title."""
        tables = sorted(self.tables[section], key=lambda table: table.title)
        parts = [circumstances(self.packages[section]), *(table.markdown() for table in tables)]
        return "\n\n".join(parts)

    def as_json(self) -> str:
        """Return everything as JSON, for comparing runs."""
        tables = {
            section: [asdict(table) for table in tables] for section, tables in self.tables.items()
        }
        about = {name: circumstances(packages) for name, packages in self.packages.items()}
        whole = {"about": about, "tables": tables, "figures": self.figures}
        return json.dumps(whole, indent=2)


def circumstances(packages: Sequence[str]) -> str:
    """Return one sentence about this machine, this day and these versions."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    today = datetime.now(UTC).date().isoformat()
    return (
        f"Measured on {today}: {_processor()}, {os.cpu_count()} cores, {_memory()} of memory; "
        f"{platform.system()}, Python {platform.python_version()}, {versions}. The machine was "
        "shared with other work, so compare the numbers of one table, not of two."
    )


def write(results: Results, document: Path = DOCUMENT) -> None:
    """Replace the measured sections in the document, each between its two markers.

    Raises:
        ValueError: the document has no place for a section.
    """
    text = document.read_text(encoding="utf-8")
    for section in results.tables:
        start, end = f"<!-- measured: {section} -->", f"<!-- end of measured: {section} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"{document.name} has no markers for the section {section}.")
        before, rest = text.split(start)
        after = rest.split(end)[1]
        text = f"{before}{start}\n\n{results.markdown(section)}\n\n{end}{after}"
    document.write_text(text, encoding="utf-8")


def write_figures(results: Results, document: Path = FIGURES) -> None:
    """Put the numbers of this run into the JSON file; those of what was not measured now stay.

    Numbers that belong together ("index.1m_128") name the day on which they were measured.
    """
    held = json.loads(document.read_text(encoding="utf-8")) if document.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    for key, value in results.figures.items():
        *path, name = key.split(".")
        place = held
        for part in path:
            place = place.setdefault(part, {})
        place[name] = value
        place["measured_on"] = today
    if results.figures:
        held["machine"] = f"{_processor()}, {os.cpu_count()} cores, {_memory()} of memory"
        document.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "an unknown amount"
    return f"{total / 2**30:.0f} GiB"
