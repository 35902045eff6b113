"""Checkpoints (C2SP tlog-checkpoint): the size and root of a ledger, signed by it and by its witnesses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from countenance.errors import BadProof, InputError
from countenance.ledger.head import Head
from countenance.ledger.merkle import HASH_SIZE
from countenance.ledger.note import (
    KeyType,
    Note,
    Signed,
    VerifierKey,
    base64_of,
    bytes_of,
    is_name,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)
_LARGEST: Final = 2**63


def origin_of(deployment: UUID) -> str:
    """Return what the checkpoints of a deployment's ledger begin with, and what its key is called."""
    return f"countenance/ledger/{deployment}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a ledger was at one moment.

    Attributes:
        origin: which ledger.
        size: how many entries it had.
        root: the root hash over them.
        extension: further lines; ours has none, and a witness signs those of others with the rest.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    @property
    def head(self) -> Head:
        """The same without the ledger's name."""
        return Head(size=self.size, root=self.root)

    def text(self) -> str:
        """Return the lines that are signed."""
        lines = (self.origin, str(self.size), base64_of(self.root), *self.extension)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint from a note's text.

        Raises:
            BadProof: it is none.
        """
        *lines, rest = text.split("\n")
        try:
            origin, size, encoded, *extension = lines
            root = bytes_of(encoded)
        except ValueError:
            raise BadProof("A checkpoint has another form.") from None
        numbered = _SIZE.fullmatch(size) and int(size) < _LARGEST
        if rest or not all(lines) or not is_name(origin) or not numbered or len(root) != HASH_SIZE:
            raise BadProof("A checkpoint has another form.")
        return cls(origin, int(size), root, tuple(extension))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with the note that it stands in; nothing of it is verified yet."""

    checkpoint: Checkpoint
    note: Note

    @classmethod
    def parse(cls, data: bytes | str) -> SignedCheckpoint:
        """Read a signed checkpoint.

        Raises:
            BadProof: it is none.
        """
        note = Note.parse(data)
        return cls(Checkpoint.parse(note.text), note)

    @classmethod
    def sign(cls, checkpoint: Checkpoint, *keys: Ed25519PrivateKey) -> SignedCheckpoint:
        """Sign a checkpoint with its ledger's key; with two while one is handed over to the other."""
        text = checkpoint.text()
        return cls(
            checkpoint, Note(text, tuple(sign(text, checkpoint.origin, one) for one in keys))
        )

    def __str__(self) -> str:
        """Return the note."""
        return str(self.note)

    def require_log(self, keys: Iterable[VerifierKey]) -> None:
        """Require the signature of the ledger itself, by one of its keys.

        Raises:
            BadProof: there is none, or it does not verify.
        """
        own = [
            key
            for key in keys
            if key.kind is KeyType.ED25519 and key.name == self.checkpoint.origin
        ]
        if not self.note.verified(own):
            raise BadProof("The checkpoint is not signed by the ledger's key.")

    def cosigned_by(self, witnesses: Iterable[VerifierKey]) -> list[Signed]:
        """Return which of these witnesses signed it, and when.

        Raises:
            BadProof: a cosignature that says it is of one of them is not.
        """
        return self.note.verified(key for key in witnesses if key.kind is KeyType.COSIGNATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a reader believes: what was kept, or told by somebody else than who made the file.

    Attributes:
        log: the ledger's own key; None: whichever the file itself names, which only shows that it is whole.
        witnesses: the keys of witnesses.
        quorum: so many of them must have signed.
        former: keys that the ledger had before; believed only of a checkpoint that the reader kept, because whoever
            found an old key could sign anything with it today.
    """

    log: VerifierKey | None = None
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    former: tuple[VerifierKey, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a quorum that no checkpoint could ever have, and keys that are of something else."""
        if not 0 <= self.quorum <= len(set(self.witnesses)):
            raise InputError(
                "The quorum is larger than the number of witnesses whose keys are given."
            )
        if any(one.kind is not KeyType.COSIGNATURE for one in self.witnesses):
            raise InputError(
                "The key of a witness is one of cosignatures; this is the key of a log."
            )
        logs = (*self.former, *([self.log] if self.log is not None else []))
        if any(one.kind is not KeyType.ED25519 for one in logs):
            raise InputError(
                "The key of a ledger is no key of cosignatures; this is the key of a witness."
            )

    def judge(
        self, signed: SignedCheckpoint, *, named: VerifierKey | None = None, kept: bool = False
    ) -> Sequence[Signed]:
        """Require of a checkpoint that its ledger signed it, and a quorum; return which witnesses did.

        Args:
            signed: the checkpoint.
            named: the key that the file names, believed where none is known from elsewhere.
            kept: the reader kept it, so that an earlier key of the ledger may have signed it.

        Raises:
            BadProof: a signature is missing, or does not verify.
        """
        key = self.log or named
        keys = [*([key] if key is not None else []), *(self.former if kept else ())]
        try:
            if keys:
                signed.require_log(keys)
        except BadProof as problem:
            hint = " If its key was replaced since you kept this, give the earlier one with --former-key."
            raise BadProof(problem.detail + hint if kept else problem.detail) from None
        by = signed.cosigned_by(self.witnesses)
        if len(by) < self.quorum:
            raise BadProof(
                f"The checkpoint has {len(by)} cosignatures of known witnesses, and {self.quorum} are wanted."
            )
        return by


def said_of(signed: SignedCheckpoint, by: Sequence[Signed]) -> dict[str, Any]:
    """Return in JSON's own types what a checkpoint says and which witnesses signed it."""
    return {
        "size": signed.checkpoint.size,
        "root": signed.checkpoint.root.hex(),
        "checkpoint": str(signed),
        "by": [
            {
                "name": one.key.name,
                "at": datetime.fromtimestamp(one.at or 0, UTC).isoformat(),
            }
            for one in by
        ],
    }
