"""The doctor's comparison of rows with the ledger: of a large ledger only if it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from countenance.cli import output

if TYPE_CHECKING:
    from countenance.apps.records.compared import Compared, Notify
    from countenance.tools import Tools

MOST_UNASKED: Final = 100_000
"""Of more entries rows are compared only with `--rows`, because that takes longer than anybody waits for the rest."""
ENTRIES_PER_MINUTE: Final = 400_000
"""So many on a busy core, if every second one wrote a column that gives power: 20 µs of work for each, and 70 for the row."""
MOST_NAMED: Final = 5


def compared(tools: Tools, *, asked: bool) -> Compared | None:
    """Compare the rows with the ledger and show how far it is; None if there are too many to do it unasked."""
    from countenance.apps.records.compared import compare_rows
    from countenance.apps.records.queries import head

    if head().size > MOST_UNASKED and not asked:
        return None
    with _progress() as notify:
        return compare_rows(tools.keyring, notify=notify)


def left_out() -> str:
    """Say that nothing was compared, and about how long it would take."""
    from countenance.apps.records.queries import head

    size = head().size
    minutes = math.ceil(size / ENTRIES_PER_MINUTE)
    return f"not compared with the ledger's {size} entries, which takes about {minutes} minute{'s' if minutes != 1 else ''}"


def differing(found: Compared) -> str:
    """Say what differs, naming the first few."""
    listed = [f"{one.row}: {one.problem}" for one in found.differences[:MOST_NAMED]]
    return f"{len(found.differences)} are not as the ledger last recorded: {'; '.join(listed)}"


@contextmanager
def _progress() -> Iterator[Notify]:
    from rich import progress  # slow to import

    console = output.console()
    columns = (progress.TextColumn("rows"), progress.BarColumn(), progress.TimeRemainingColumn())
    hidden = output.as_json() or not console.is_terminal
    with progress.Progress(*columns, console=console, disable=hidden, transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
