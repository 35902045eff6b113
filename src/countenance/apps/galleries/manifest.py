"""Read a CSV manifest: one row a photo, with columns path, subject, external id, date and notes.

Strict on purpose: a row that is not understood is a rejection with its line number, never a guess.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath

from countenance.apps.galleries.items import Item, Reject, fault_of, shown
from countenance.errors import ManifestInvalid

COLUMNS = ("path", "subject", "external id", "date", "notes")
LONGEST = {"path": 1000, "subject": 200, "external id": 200, "notes": 2000}


def read_manifest(manifest: Path, *, root: Path) -> Iterator[Item | Reject]:
    """Read a manifest whose paths are relative to `root` and stay below it.

    Raises:
        ManifestInvalid: it cannot be read, has no or a wrong head line, or breaks off as CSV.
    """
    if not manifest.is_file():
        raise ManifestInvalid(f"The manifest {shown(manifest)} is no file that can be read.")
    # A pass over everything first, so that a broken manifest enrols nothing; none of it is kept, because
    # a manifest may name a million photos.
    head: list[str] = []
    for _, fields in _rows(manifest):
        head = head or fields
    if not head:
        raise ManifestInvalid("The manifest is empty.")
    return _items(islice(_rows(manifest), 1, None), _columns(head), root)


def _rows(manifest: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line number, fields) of each row that is not blank."""
    line = 1
    try:
        with manifest.open(encoding="utf-8-sig", errors="strict") as text:
            reader = csv.reader(text, strict=True)
            for row in reader:
                if any(field.strip() for field in row):
                    yield line, [field.strip() for field in row]
                line = reader.line_num + 1
    except OSError:
        raise ManifestInvalid(f"The manifest {shown(manifest)} cannot be read.") from None
    except UnicodeDecodeError:
        raise ManifestInvalid("The manifest is not UTF-8 text. Save it as “CSV UTF-8”.") from None
    except csv.Error as fault:
        raise ManifestInvalid(
            f"The manifest is not proper CSV from line {line} on: {fault}."
        ) from None


def _columns(head: Sequence[str]) -> list[str]:
    """Return the columns' names, in order."""
    names = [" ".join(name.lower().replace("_", " ").split()) for name in head]
    known = ", ".join(COLUMNS)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise ManifestInvalid("The manifest's columns are not separated by commas.")
    if "path" not in names:
        raise ManifestInvalid(
            f"The manifest's first line must name its columns; “path” is needed. Known: {known}."
        )
    if unknown := [name for name in names if name not in COLUMNS]:
        listed = ", ".join(f"“{shown(name)}”" for name in unknown)
        raise ManifestInvalid(
            f"The manifest has columns that are not known: {listed}. Known: {known}."
        )
    if len(set(names)) < len(names):
        raise ManifestInvalid("The manifest names a column twice.")
    return names


def _items(
    rows: Iterable[tuple[int, list[str]]], columns: Sequence[str], root: Path
) -> Iterator[Item | Reject]:
    first_seen: dict[str, int] = {}
    for line, fields in rows:
        if len(fields) != len(columns):
            reason = f"It has {len(fields)} fields instead of {len(columns)}."
            yield Reject(label=f"line {line}", reason=reason)
            continue
        row = dict(zip(columns, fields, strict=True))
        label = shown(PurePosixPath(row["path"])) if row["path"] else f"line {line}"
        if earlier := first_seen.get(row["path"]):
            yield Reject(
                label=label, reason=f"Line {line}: the same path stands in line {earlier}."
            )
            continue
        if row["path"]:
            first_seen[row["path"]] = line
        fault = _fault(row, root)
        yield (
            Reject(label=label, reason=f"Line {line}: {fault}")
            if fault
            else _item(row, label, root)
        )


def _fault(row: dict[str, str], root: Path) -> str | None:  # noqa: PLR0911 # one return a fault
    """Say what is wrong with one row, or None."""
    path = row["path"]
    if not path:
        return "the path is missing."
    for column, longest in LONGEST.items():
        if len(row.get(column, "")) > longest:
            return f"the {column} is longer than {longest} characters."
    if "\0" in path:
        return "the path is not a file name."
    if PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive:
        return "the path must be relative to the manifest's folder."
    if ".." in PurePosixPath(path).parts or ".." in PureWindowsPath(path).parts:
        return "the path leads out of the folder (“..”)."
    if row.get("date") and _date(row["date"]) is None:
        return "the date must be written as YYYY-MM-DD."
    fault = fault_of(root / path, root)
    if fault and "\\" in path:
        return "there is no such file. Write / between folders, not \\."
    return fault


def _item(row: dict[str, str], label: str, root: Path) -> Item:
    return Item(
        path=root / row["path"],
        label=label,
        subject=shown(row["subject"]) if row.get("subject") else None,
        external_id=row.get("external id") or None,
        date=_date(row["date"]) if row.get("date") else None,
        notes=row.get("notes") or None,
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None
