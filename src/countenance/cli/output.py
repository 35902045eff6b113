"""What a command says: the result on standard output, everything else on standard error.

With `--json` the result is one JSON object; without, it is made for people. Names come from files and
forms, so they are shown as text only, never read as Rich's markup.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from countenance.errors import Unavailable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2

_state = {"json": False}


def use_json(wanted: bool) -> None:  # the one switch of this module
    """Choose the form of this command's result."""
    _state["json"] = wanted


def as_json() -> bool:
    """Say whether the result is to be JSON."""
    return _state["json"]


@cache
def _console(stream: str) -> Console:
    from rich.console import Console  # slow to import, not needed with --json

    return Console(stderr=stream == "err", highlight=False, markup=False, soft_wrap=True)


def console() -> Console:
    """Return the console that messages and progress go to: standard error."""
    return _console("err")


def say(*lines: str) -> None:
    """Tell people something beside the result, as far as it can be told."""
    try:
        for line in lines:
            sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        raise
    except OSError:
        forget_reader(STANDARD_ERROR)  # a full disk, say: the exit code still tells how it ended


def result(value: Mapping[str, Any], *shown: RenderableType) -> None:
    """Print a command's result: the object with `--json`, otherwise what is shown to people.

    Raises:
        Unavailable: it cannot be written where it was asked to go, such as to a disk that is full.
    """
    if as_json():
        answer(value)
        return
    with _writing():
        for part in shown:
            if isinstance(part, str):
                sys.stdout.write(printable(part) + "\n")
            else:
                _console("out").print(part)


def answer(value: Mapping[str, Any]) -> None:
    """Print one JSON object.

    Raises:
        Unavailable: it cannot be written where it was asked to go.
    """
    with _writing():
        sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def finish() -> None:
    """Wait until all that was printed is written, also by others than this module.

    Raises:
        Unavailable: it cannot be written where it was asked to go.
    """
    with _writing():
        pass


@contextmanager
def _writing() -> Iterator[None]:
    """Write to standard output, and say it in plain words where that fails."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_reader(STANDARD_OUTPUT)
        why = os.strerror(error.errno or 0)
        raise Unavailable(
            f"What was done is done, but what there is to say of it could not be written: {why}.",
            errno=error.errno,
        ) from error


def forget_reader(stream: int) -> None:
    """Write nowhere from now on: nobody reads this stream, and each attempt would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> RenderableType:
    """Return a table for people; columns whose name starts with `#` hold numbers."""
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        made.add_column(
            column.removeprefix("#"),
            justify="right" if column.startswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    return made


def printable(text: str) -> str:
    """Return text without control characters, which could fake or hide output on a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
