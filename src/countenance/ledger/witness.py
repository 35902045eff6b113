"""What a witness does with a checkpoint that is brought to it (C2SP tlog-witness), without any network.

A witness keeps, of each ledger that it knows, the last checkpoint that it signed. It signs another one
only if that continues it: so of two ledgers of one name it has seen one only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from countenance.errors import BadProof
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from countenance.ledger.note import base64_of, bytes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from countenance.ledger.checkpoint import Checkpoint
    from countenance.ledger.note import VerifierKey

OK: Final = 200
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422
SIZE_TYPE: Final = "text/x.tlog.size"
LONGEST_PATH: Final = 63
MOST_BYTES: Final = 128 * 1024

_OLD: Final = re.compile("old (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness keeps of one ledger.

    Attributes:
        keys: which keys it knows of that ledger.
        last: the last checkpoint that it signed; None before the first.
    """

    keys: tuple[VerifierKey, ...]
    last: Checkpoint | None = None

    @property
    def size(self) -> int:
        """How many entries the ledger had then."""
        return self.last.size if self.last else 0

    @property
    def root(self) -> bytes:
        """The root hash over them."""
        return self.last.root if self.last else EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Decision:
    """What a witness does: the answer, and what it keeps first.

    Attributes:
        status: of HTTP, as the protocol says.
        said: the answer's text; of a checkpoint that is signed the caller puts the cosignature there.
        signs: the checkpoint to keep and then to sign; None if it is not signed.
        evidence: the ledger signed what does not go on from what was seen, or less than that, which may be
            a fork or a rollback. Worth keeping.
    """

    status: int
    said: str = ""
    signs: SignedCheckpoint | None = None
    evidence: bool = False


def request_body(old: int, path: Sequence[bytes], signed: SignedCheckpoint) -> bytes:
    """Return what a ledger sends: the size that the witness signed last, the proof, the checkpoint."""
    lines = "".join(f"{base64_of(node)}\n" for node in path)
    return f"old {old}\n{lines}\n{signed}".encode()


def decide(body: bytes, seen: Mapping[str, Seen]) -> Decision:
    """Judge one request against what the witness has seen, by the origins of the ledgers it knows.

    Keeping `signs` durably, before the cosignature leaves, is the caller's; no other request may be judged
    in between.
    """
    try:
        old, path, signed = _read(body)
    except (BadProof, ValueError):
        return Decision(BAD_REQUEST, "This is no request to add a checkpoint.\n")
    new = signed.checkpoint
    kept = seen.get(new.origin)
    if kept is None:
        return Decision(NOT_FOUND, "This ledger is not known here.\n")
    try:
        signed.require_log(kept.keys)
    except BadProof:
        return Decision(FORBIDDEN, "No known key of this ledger signed the checkpoint.\n")
    return _judge(old, path, signed, kept)


def _judge(old: int, path: list[bytes], signed: SignedCheckpoint, kept: Seen) -> Decision:
    """Judge a checkpoint that its ledger did sign, against the last one that was seen of it."""
    new = signed.checkpoint
    if old > new.size:
        return Decision(BAD_REQUEST, "The old size is larger than the checkpoint's.\n")
    if old != kept.size:
        return Decision(CONFLICT, f"{kept.size}\n", evidence=new.size < kept.size)
    if old == new.size and new.root != kept.root and old:
        return Decision(CONFLICT, f"{kept.size}\n", evidence=True)
    try:
        verify_consistency(
            old_size=old, old_root=kept.root, new_size=new.size, new_root=new.root, path=path
        )
    except BadProof as problem:
        return Decision(UNPROCESSABLE, f"{problem.detail}\n", evidence=True)
    return Decision(OK, signs=signed)


def _read(body: bytes) -> tuple[int, list[bytes], SignedCheckpoint]:
    """Return the old size, the proof and the checkpoint; BadProof or ValueError if there are none."""
    if len(body) > MOST_BYTES:
        raise ValueError
    head, gap, note = body.decode().partition("\n\n")
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    path = [bytes_of(line) for line in lines]
    if not gap or old is None or len(path) > LONGEST_PATH:
        raise ValueError
    if any(len(node) != HASH_SIZE for node in path):
        raise ValueError
    return int(old[1]), path, SignedCheckpoint.parse(note)
