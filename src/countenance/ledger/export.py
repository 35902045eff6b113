"""The export of a ledger: lines of JSON that anyone can check with nothing but this package.

The first line is the header, then comes one line for each entry, in order. Each line is canonical
JSON, so that there is one way only to write an export down:

    {"deployment":"…","format":"countenance-ledger","root":"…","size":2,"version":1}
    {"entry":"{…}","index":0}
    {"body":"{…}","entry":"{…}","index":1,"salt":"…"}

Entry and body are text inside the text: what was hashed is there byte by byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from countenance.errors import InputError
from countenance.ledger.entry import canonical_json

if TYPE_CHECKING:
    from uuid import UUID

    from countenance.ledger.receipt import Head

FORMAT: Final = "countenance-ledger"
VERSION: Final = 1


def header_line(*, deployment: UUID, head: Head) -> str:
    """Return the first line of an export, without its line end."""
    return canonical_json(
        {
            "deployment": deployment,
            "format": FORMAT,
            "root": head.root.hex(),
            "size": head.size,
            "version": VERSION,
        }
    ).decode()


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
