"""Check an exported ledger offline, in one pass and constant memory.

An export is checked against its own header, against the checkpoint that it carries, and against what its
reader knows from elsewhere: a receipt, a head or a checkpoint that was kept, and the keys of the ledger and
of its witnesses. Without any of that a ledger whose end was cut, or that was written anew from the start
by whoever has its key, still verifies.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID

from countenance.errors import BadProof, InputError, LedgerBroken
from countenance.ledger.checkpoint import SignedCheckpoint, Trust, origin_of
from countenance.ledger.entry import Entry, canonical_json, verify_commitment
from countenance.ledger.export import FORMAT, VERSION, WITHOUT_CHECKPOINT
from countenance.ledger.head import Head
from countenance.ledger.merkle import HASH_SIZE, Frontier
from countenance.ledger.note import Signed, VerifierKey
from countenance.ledger.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_HEADER_FIELDS: Final = {"deployment", "format", "root", "size", "version"}
_SIGNED_FIELDS: Final = _HEADER_FIELDS | {"checkpoint", "key"}
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
        checkpoint: the signed checkpoint that it carries, which is of exactly these entries.
        witnessed_by: which of the witnesses whose keys the reader knows signed it.
    """

    deployment: UUID
    size: int
    root: bytes
    actions: dict[str, int]
    first: datetime | None
    last: datetime | None
    bodies_shown: int
    erased: int
    checkpoint: SignedCheckpoint | None = None
    witnessed_by: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first line of an export claims."""

    deployment: UUID
    head: Head
    signed: SignedCheckpoint | None = None
    key: VerifierKey | None = None


def verify_export(
    lines: Iterable[str | bytes],
    *,
    expect: Receipt | Head | None = None,
    kept: SignedCheckpoint | None = None,
    trust: Trust | None = None,
) -> Report:
    """Check every line of an export and return what it holds.

    Args:
        lines: the lines of the export, with or without their line ends.
        expect: what was kept from earlier; the export must continue that ledger unchanged.
        kept: a checkpoint that was kept from earlier, likewise; it has to verify itself.
        trust: the keys that the reader knows; of an export that carries no checkpoint, `kept` is judged by
            them.

    Raises:
        LedgerBroken: something is wrong; the sentence says what, and `facts["index"]` at which
            entry, if that can be told.
        BadProof: the receipt that was expected does not hold by itself.
    """
    if isinstance(expect, Receipt):
        expect.verify()
    reader = iter(lines)
    header = _read_header(next(reader, b""))
    head = header.head
    witnessed_by = _judge(header, kept, trust)
    expected = [one for one in (expect, kept.checkpoint.head if kept else None) if one is not None]
    for one in expected:
        if one.size > head.size:
            _broken(None, f"it has {head.size} entries, and had {one.size} earlier")
    check = _Check(expected)
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
        deployment=header.deployment,
        size=head.size,
        root=head.root,
        actions=dict(sorted(check.actions.items())),
        first=check.first,
        last=check.last,
        bodies_shown=check.bodies_shown,
        erased=check.erased,
        checkpoint=header.signed,
        witnessed_by=tuple(witnessed_by),
    )


def _judge(header: _Header, kept: SignedCheckpoint | None, trust: Trust | None) -> Sequence[Signed]:
    """Judge the checkpoint of an export and the one that was kept; return who is known to have signed."""
    trust = trust or Trust()
    subject = header.signed or kept
    if subject is None:
        if trust != Trust():
            _broken(None, "it carries no checkpoint, so no key can be compared with it")
        return ()
    origin = origin_of(header.deployment)
    try:
        if header.signed is not None and header.key is not None:
            header.signed.require_log([header.key])
        if kept is not None and header.signed is not None:
            replace(trust, quorum=0).judge(kept, named=header.key, kept=True)
        witnessed_by = trust.judge(subject, named=header.key, kept=subject is kept)
    except BadProof as problem:
        _broken(None, f"{problem.detail[0].lower()}{problem.detail[1:].removesuffix('.')}")
    if any(one is not None and one.checkpoint.origin != origin for one in (header.signed, kept)):
        _broken(None, "its checkpoint is that of another ledger")
    return witnessed_by


class _Check:
    """What is known of an export up to the line that was read last."""

    def __init__(self, expected: Sequence[Receipt | Head]) -> None:
        self.expected = expected
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
        for one in self.expected:
            if one.size == self.frontier.size and one.root != self.frontier.root():
                _broken(None, f"its first {self.frontier.size} entries are not those of earlier")

    def _receipt(self, index: int, leaf: bytes) -> None:
        """Compare an entry with the one of the receipt that was kept, if it is that one."""
        for one in self.expected:
            if isinstance(one, Receipt) and one.index == index and one.leaf != leaf:
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


def _read_header(line: str | bytes) -> _Header:
    """Return what the first line of an export claims."""
    fields = _read_line(line, None)
    version = fields.get("version")
    wanted = _SIGNED_FIELDS if version == VERSION else _HEADER_FIELDS
    if set(fields) != wanted or fields["format"] != FORMAT:
        _broken(None, "its first line is not the header of an export")
    if type(version) is not int or version not in {WITHOUT_CHECKPOINT, VERSION}:
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
    header = _Header(deployment, Head(size=size, root=root))
    return header if version == WITHOUT_CHECKPOINT else _with_checkpoint(header, fields)


def _with_checkpoint(header: _Header, fields: dict[str, Any]) -> _Header:
    """Return a header with its checkpoint, which must be of what the header claims."""
    try:
        signed = SignedCheckpoint.parse(fields["checkpoint"].encode())
        key = VerifierKey.parse(fields["key"])
    except (AttributeError, TypeError, BadProof, InputError):
        _broken(None, "its checkpoint is none")
    if str(signed) != fields["checkpoint"] or str(key) != fields["key"]:
        _broken(None, "its checkpoint is none")
    if signed.checkpoint.head != header.head:
        _broken(None, "its checkpoint is not of the entries that its header counts")
    return _Header(header.deployment, header.head, signed, key)


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
