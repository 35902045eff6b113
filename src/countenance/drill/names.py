"""What an operator knows to be in a deployment, one value a line, to be looked for in its home."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

from countenance.drill.plants import ANCHOR, Plant
from countenance.errors import InputError, NotFound

STANDARD_INPUT = Path("-")
LARGEST = 4 * 1024 * 1024
"""Bytes of a list at most."""
MOST = 20_000
"""Values of a list at most: each is looked for in some thirty forms, which take about 20 KiB."""
LONGEST = 500
"""Characters of a value at most."""


def read(file: Path, *, folders: tuple[Path, ...]) -> list[Plant]:
    """Return the values of a list; each is called by the number of its line, never by what it says.

    Args:
        file: UTF-8 text with one value a line; `-` for standard input.
        folders: what is searched: a list that lies there would be found itself.

    Raises:
        NotFound: the file cannot be read.
        InputError: it lies in one of the folders, or is not such a list.
    """
    if file == STANDARD_INPUT:
        return values_of(sys.stdin.buffer.read(LARGEST + 1))
    if any(file.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise InputError("The list of --names lies in what is searched. Keep it elsewhere.")
    try:
        with file.open("rb") as opened:
            return values_of(opened.read(LARGEST + 1))
    except OSError:
        raise NotFound(f"{file} cannot be read.") from None


def values_of(data: bytes) -> list[Plant]:
    """Return the values that some bytes list; blank lines and the blanks around a value are left out.

    Raises:
        InputError: they are no UTF-8 text or too many, or a line is too short to be told from chance, or too long.
    """
    if len(data) > LARGEST:
        raise InputError(f"The list of --names is larger than {LARGEST // 1024**2} MiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("The list of --names is no UTF-8 text.") from None
    plants = [
        Plant(f"the value of line {number}", _checked(value, number))
        for number, line in enumerate(text.split("\n"), start=1)
        if (value := line.strip())
    ]
    if not plants:
        raise InputError("The list of --names holds no value: write one on each line.")
    if len(plants) > MOST:
        raise InputError(f"The list of --names holds more than {MOST:,} values.")
    return plants


def _checked(value: str, number: int) -> str:
    """Return a value that can be looked for; what an error says of it is its line."""
    if any(unicodedata.category(one) == "Cc" for one in value):
        raise InputError(f"Line {number} of --names holds a control character: it is no text.")
    # A form of fewer bytes is not looked for, and Latin-1 has one for each character.
    if len(unicodedata.normalize("NFKC", value)) < ANCHOR:
        raise InputError(
            f"Line {number} of --names has fewer than {ANCHOR} characters, which may stand anywhere by chance. "
            "Give the whole name."
        )
    if len(value) > LONGEST:
        raise InputError(f"Line {number} of --names has more than {LONGEST} characters.")
    return value
