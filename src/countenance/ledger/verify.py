"""Check an exported ledger offline, in one pass and constant memory.

An export is checked against its own header, and against what its reader kept from earlier: a
receipt or a head. Without the latter a ledger whose end was cut, or that was written anew from the
start, still verifies. Signed checkpoints and their witnesses (`ledger/checkpoint.py`, later) will
bring such a head with every export: they only have to be turned into a `Head` and passed as
`expect`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID

from countenance.errors import InputError, LedgerBroken
from countenance.ledger.entry import Entry, canonical_json, verify_commitment
from countenance.ledger.export import FORMAT, VERSION
from countenance.ledger.merkle import HASH_SIZE, Frontier
from countenance.ledger.receipt import Head, Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_HEADER_FIELDS: Final = {"deployment", "format", "root", "size", "version"}
_ENTRY_FIELDS: Final = (
    {"entry", "index"},
    {"entry", "index", "erased"},
    {"entry", "index", "salt", "body"},
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a verified ledger holds.

    Attributes:
        deployment: the deployment that the export names.
        size: how many entries there are.
        root: the root hash over them.
        actions: how often each action occurs.
        first: the time of the first entry.
        last: the time of the last entry.
        bodies_shown: how many entries were shown with their body, which is verified too.
        erased: how many bodies are said to have been erased.
    """

    deployment: UUID
    size: int
    root: bytes
    actions: dict[str, int]
    first: datetime | None
    last: datetime | None
    bodies_shown: int
    erased: int


def verify_export(lines: Iterable[str | bytes], *, expect: Receipt | Head | None = None) -> Report:
    """Check every line of an export and return what it holds.

    Args:
        lines: the lines of the export, with or without their line ends.
        expect: what was kept from earlier; the export must continue that ledger unchanged.

    Raises:
        LedgerBroken: something is wrong; the sentence says what, and `facts["index"]` at which
            entry, if that can be told.
        BadProof: the receipt that was expected does not hold by itself.
    """
    if isinstance(expect, Receipt):
        expect.verify()
    reader = iter(lines)
    deployment, head = _read_header(next(reader, b""))
    if expect is not None and expect.size > head.size:
        _broken(None, f"it has {head.size} entries, and had {expect.size} earlier")
    check = _Check(expect)
    check.compare()
    for line in reader:
        if check.frontier.size == head.size:
            _broken(head.size, "it is more than the header counts")
        check.line(line)
    if check.frontier.size < head.size:
        _broken(check.frontier.size, f"it is missing, and the header counts {head.size} entries")
    if check.frontier.root() != head.root:
        _broken(None, "its entries do not give the root that its header names")
    return Report(
        deployment=deployment,
        size=head.size,
        root=head.root,
        actions=dict(sorted(check.actions.items())),
        first=check.first,
        last=check.last,
        bodies_shown=check.bodies_shown,
        erased=check.erased,
    )


class _Check:
    """What is known of an export up to the line that was read last."""

    def __init__(self, expect: Receipt | Head | None) -> None:
        self.expect = expect
        self.frontier = Frontier()
        self.actions: Counter[str] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.bodies_shown = 0
        self.erased = 0

    def line(self, line: str | bytes) -> None:
        """Check the next line and take it in."""
        index = self.frontier.size
        fields = _read_line(line, index)
        if set(fields) not in _ENTRY_FIELDS:
            _broken(index, "its line has other fields than it should")
        # A boolean would compare equal to 0 or 1.
        if type(fields["index"]) is not int or fields["index"] != index:
            _broken(index, f"the line in its place is numbered {fields['index']}")
        try:
            entry = Entry.parse(fields["entry"].encode())
        except (LedgerBroken, AttributeError):
            _broken(index, "it is not an entry in its canonical form")
        self._body(index, entry, fields)
        if self.last is not None and entry.at < self.last:
            _broken(index, "it is earlier than the entry before it")
        self.first = self.first or entry.at
        self.last = entry.at
        self.actions[entry.action.value] += 1
        leaf = entry.leaf()
        self._receipt(index, leaf)
        self.frontier.append(leaf)
        self.compare()

    def compare(self) -> None:
        """Compare with what was kept, once as many entries are read as there were then."""
        if self.expect is None or self.expect.size != self.frontier.size:
            return
        if self.expect.root != self.frontier.root():
            _broken(None, f"its first {self.frontier.size} entries are not those of earlier")

    def _receipt(self, index: int, leaf: bytes) -> None:
        """Compare an entry with the one of the receipt that was kept, if it is that one."""
        if not isinstance(self.expect, Receipt) or self.expect.index != index:
            return
        if self.expect.leaf != leaf:
            _broken(index, "it is not the one of the receipt")

    def _body(self, index: int, entry: Entry, fields: dict[str, Any]) -> None:
        """Check the body of an entry that is shown with it, and count the erased ones."""
        if "body" in fields:
            try:
                verify_commitment(entry.commitment, fields["body"].encode(), _bytes(fields["salt"]))
            except (LedgerBroken, AttributeError, TypeError, ValueError):
                _broken(index, "its body is not the one that was recorded")
            self.bodies_shown += 1
        if "erased" in fields:
            if fields["erased"] is not True:
                _broken(index, "its line has other fields than it should")
            self.erased += 1


def _read_header(line: str | bytes) -> tuple[UUID, Head]:
    """Return the deployment and the head that an export claims."""
    fields = _read_line(line, None)
    if set(fields) != _HEADER_FIELDS or fields["format"] != FORMAT:
        _broken(None, "its first line is not the header of an export")
    if type(fields["version"]) is not int or fields["version"] != VERSION:
        _broken(None, "its format is of an unknown version")
    try:
        deployment = UUID(fields["deployment"])
        root = _bytes(fields["root"])
    except (AttributeError, TypeError, ValueError):
        _broken(None, "its header is wrong")
    size = fields["size"]
    if type(size) is not int or size < 0 or len(root) != HASH_SIZE:
        _broken(None, "its header is wrong")
    if str(deployment) != fields["deployment"]:
        _broken(None, "its header is wrong")
    return deployment, Head(size=size, root=root)


def _read_line(line: str | bytes, index: int | None) -> dict[str, Any]:
    """Return the fields of one line, which must be canonical JSON."""
    try:
        data = line.encode() if isinstance(line, str) else line
        data = data.removesuffix(b"\n").removesuffix(b"\r")
        fields = json.loads(data)
    except (ValueError, RecursionError):
        _broken(index, "its line is not JSON")
    try:
        canonical = canonical_json(fields)
    except InputError:
        canonical = b""
    # Also refuses doubled names, which readers understand differently.
    if not isinstance(fields, dict) or canonical != data:
        _broken(index, "its line is not canonical JSON")
    return fields


def _bytes(value: str) -> bytes:
    """Return bytes from their digits, which have one spelling only."""
    data = bytes.fromhex(value)
    if data.hex() != value:
        raise ValueError
    return data


def _broken(index: int | None, problem: str) -> NoReturn:
    """Raise the one error of this module, naming the entry if it can be told."""
    subject = "The ledger does not verify" if index is None else f"Entry {index} does not verify"
    raise LedgerBroken(f"{subject}: {problem}.", index=index)
