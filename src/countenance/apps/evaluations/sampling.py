"""Labelled photos on their way into an evaluation: whose each is, and in which groups that person is.

Groups are what the steward says of people in a file; nothing here looks at a face to tell one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from countenance.apps.galleries.intake import Item, Layout, plan, shown
from countenance.apps.galleries.items import fault_of
from countenance.errors import InputError

Read = Callable[[Path], bytes]
Groups = Mapping[str, str]
"""What somebody is labelled with: the name of a column, and its value for them."""

FILE, SUBJECT = "file", "subject"
MOST_COLUMNS = 10
LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One photo of a sample.

    Attributes:
        label: what people know it by: its path under the folder.
        subject: whose photo it is.
        read: returns its bytes; an ImageRejected from it counts as a photo without a face.
        groups: what the steward labelled that person with.
    """

    label: str
    subject: str
    read: Callable[[], bytes]
    groups: Groups = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a path holds: photos, and what was turned away by its name alone, with the reason."""

    photos: Sequence[Labelled]
    turned_away: Sequence[tuple[str, str]]


def listed(
    path: Path, *, read: Read, groups: Mapping[str, Groups] | None = None, flat: bool = False
) -> Listed:
    """Return the photos of a folder with a sub-folder for each subject, or of a CSV file.

    The file's columns are `file` (relative to it), `subject`, and any others, which are groups.

    Args:
        path: the folder, or the file.
        read: reads a photo.
        groups: of subjects, from `groups_of`; these come before what the CSV file says.
        flat: take a folder without sub-folders too, each photo of which is of another person.

    Raises:
        InputError: nothing can be evaluated from here; says why.
    """
    given = groups or {}
    photos, turned_away = [], []
    items = _rows(path) if path.suffix.lower() == ".csv" else _folder(path, flat=flat)
    for subject, item, said in items:
        if isinstance(item, str):
            turned_away.append((subject, item))
        else:
            of = {**said, **given.get(subject, {})}
            photos.append(
                Labelled(
                    label=item.label, subject=subject, read=partial(read, item.path), groups=of
                )
            )
    if not photos:
        raise InputError(f"There is no labelled photo in {shown(path)}.")
    return Listed(photos=photos, turned_away=turned_away)


def groups_of(path: Path) -> dict[str, Groups]:
    """Return the groups of subjects from a CSV file: the first column names a subject, others are groups.

    Raises:
        InputError: it cannot be read, or names a subject twice.
    """
    head, rows = _table(path)
    columns = _group_columns(head[1:], path)
    found: dict[str, Groups] = {}
    for number, row in rows:
        if not row[0]:
            raise InputError(f"{shown(path)}, line {number}: the subject is missing.")
        if row[0] in found:
            raise InputError(f"{shown(path)}, line {number}: this subject stands there twice.")
        found[shown(row[0])] = _values(columns, row[1:])
    return found


_Row = tuple[str, Item | str, Groups]


def _folder(path: Path, *, flat: bool) -> Iterator[_Row]:
    for item in plan(path, layout=Layout.AUTO if flat else Layout.FOLDERS):
        if isinstance(item, Item):
            yield item.subject or item.label, item, {}
        else:
            yield item.label, item.reason, {}


def _rows(path: Path) -> Iterator[_Row]:
    head, rows = _table(path)
    names = [name.lower() for name in head]
    if FILE not in names or SUBJECT not in names:
        raise InputError(
            f"The first line of {shown(path)} must name the columns “file” and “subject”; all others are groups."
        )
    file, subject = names.index(FILE), names.index(SUBJECT)
    others = [i for i in range(len(head)) if i not in {file, subject}]
    columns = _group_columns([head[i] for i in others], path)
    for number, row in rows:
        label = shown(PurePosixPath(row[file])) if row[file] else f"line {number}"
        fault = "The file or the subject is missing." if not row[file] or not row[subject] else None
        fault = fault or fault_of(path.parent / row[file], path.parent)
        if fault:
            yield label, fault, {}
            continue
        item = Item(path=path.parent / row[file], label=label, subject=shown(row[subject]))
        yield shown(row[subject]), item, _values(columns, [row[i] for i in others])


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the head line, and each other row with its line number."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="strict")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{shown(path)} cannot be read as UTF-8 text.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [
            (reader.line_num, [one.strip() for one in row])
            for row in reader
            if any(one.strip() for one in row)
        ]
    except csv.Error:
        raise InputError(f"{shown(path)} is not proper CSV.") from None
    if len(rows) < 2:  # noqa: PLR2004 # a head line, and something under it
        raise InputError(f"{shown(path)} has no row under its head line.")
    head = rows[0][1]
    for number, row in rows[1:]:
        if len(row) != len(head):
            raise InputError(f"{shown(path)}, line {number}: {len(row)} fields, not {len(head)}.")
    return head, rows[1:]


def _group_columns(names: Sequence[str], path: Path) -> list[str]:
    columns = [shown(name) for name in names]
    if len(columns) > MOST_COLUMNS or len({*columns, ""}) != len(columns) + 1:
        raise InputError(
            f"The columns of {shown(path)} need names that differ, and at most {MOST_COLUMNS} are groups."
        )
    return columns


def _values(columns: Sequence[str], values: Sequence[str]) -> Groups:
    pairs = zip(columns, (shown(value)[:LONGEST] for value in values), strict=True)
    return {name: value for name, value in pairs if value}
