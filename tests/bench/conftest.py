"""Options and fixtures of the benchmarks: `pytest tests/bench [--write-report] [--results FILE]`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.home import Deployment, deployment
from bench.report import Results, write, write_figures

RESULTS = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks")
    group.addoption(
        "--write-report",
        action="store_true",
        help="put what was measured into docs/reference/performance.md and performance.json",
    )
    group.addoption("--results", type=Path, help="write what was measured to this file as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> Results:
    """Return where benchmarks put their tables; they are printed at the end of the run."""
    return pytestconfig.stash[RESULTS]


@pytest.fixture(scope="session")
def home() -> Iterator[Deployment]:
    """Return a throw-away home, with its own database and the real engine, for the whole run."""
    with deployment() as made:
        yield made


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    measured = config.stash[RESULTS]
    for section in measured.tables:
        terminalreporter.section(f"measured: {section}")
        terminalreporter.write_line(measured.markdown(section))
    if path := config.getoption("--results"):
        path.write_text(measured.as_json(), encoding="utf-8")
    if config.getoption("--write-report"):
        if exitstatus != 0:
            terminalreporter.write_line("The report is not written: a benchmark failed.", red=True)
            return
        write(measured)
        write_figures(measured)
