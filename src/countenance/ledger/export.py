"""The export of a ledger: lines of JSON that anyone can check with nothing but this package.

The first line is the header, then comes one line for each entry, in order. Each line is canonical
JSON, so that there is one way only to write an export down:

    {"checkpoint":"…","deployment":"…","format":"countenance-ledger","key":"…","root":"…","size":2,"version":2}
    {"entry":"{…}","index":0}
    {"body":"{…}","entry":"{…}","index":1,"salt":"…"}

Entry and body are text inside the text: what was hashed is there byte by byte. The header's checkpoint is
the signed note of exactly this size and root, with its cosignatures, and `key` the verifier key that it
says it is signed with. Exports of version 1 have neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from countenance.errors import InputError
from countenance.ledger.entry import canonical_json

if TYPE_CHECKING:
    from uuid import UUID

    from countenance.ledger.checkpoint import SignedCheckpoint
    from countenance.ledger.head import Head
    from countenance.ledger.note import VerifierKey

FORMAT: Final = "countenance-ledger"
WITHOUT_CHECKPOINT: Final = 1
VERSION: Final = 2


def header_line(*, deployment: UUID, head: Head) -> str:
    """Return the first line of an export that no checkpoint goes with, without its line end."""
    return _header(deployment, head, {"version": WITHOUT_CHECKPOINT})


def signed_header_line(*, deployment: UUID, signed: SignedCheckpoint, key: VerifierKey) -> str:
    """Return the first line of an export up to a checkpoint, without its line end.

    Args:
        deployment: whose ledger.
        signed: the checkpoint; the export has the entries that it counts.
        key: the ledger's key that signed it.
    """
    more = {"checkpoint": str(signed), "key": str(key), "version": VERSION}
    return _header(deployment, signed.checkpoint.head, more)


def _header(deployment: UUID, head: Head, more: dict[str, Any]) -> str:
    fields = {
        "deployment": deployment,
        "format": FORMAT,
        "root": head.root.hex(),
        "size": head.size,
    }
    return canonical_json(fields | more).decode()


def entry_line(
    index: int,
    entry: bytes,
    *,
    salt: bytes | None = None,
    body: bytes | None = None,
    erased: bool = False,
) -> str:
    """Return the line of one entry, without its line end.

    Args:
        index: the entry's number, from 0.
        entry: its canonical bytes.
        salt: the salt of its commitment, to show the body.
        body: the body's bytes, to show it; with `salt` or not at all.
        erased: whether salt and body were destroyed, so that nobody can show them any more.

    Raises:
        InputError: a body without its salt, or the other way round, or one that was erased.
    """
    fields: dict[str, Any] = {"index": index, "entry": entry.decode()}
    if (salt is None) != (body is None) or (erased and body is not None):
        raise InputError("A body is shown with its salt, or not at all.")
    if salt is not None and body is not None:
        fields |= {"salt": salt.hex(), "body": body.decode()}
    if erased:
        fields["erased"] = True
    return canonical_json(fields).decode()
