"""Documents of an authority: what they may be, told by their bytes and never by their name."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.errors import InputError

MAX_BYTES = 20 * 1024 * 1024
PDF, JPEG, PNG, TEXT = "PDF", "JPEG", "PNG", "text"
CONTENT_TYPES = {
    PDF: "application/pdf",
    JPEG: "image/jpeg",
    PNG: "image/png",
    TEXT: "text/plain; charset=utf-8",
}
SUFFIXES = {PDF: "pdf", JPEG: "jpg", PNG: "png", TEXT: "txt"}
BEGINNINGS = {PDF: b"%PDF-", JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n"}
BLANKS = "\t\n\r\f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document on its way in."""

    file_name: str
    data: bytes


def format_of(data: bytes) -> str:
    """Return the format of a document's bytes.

    Raises:
        InputError: empty, too large, or none of the formats that are kept.
    """
    if not data:
        raise InputError("The document is empty. Choose another file.")
    if len(data) > MAX_BYTES:
        raise InputError(
            f"A document has at most {MAX_BYTES // 1024**2} MB. Choose a smaller file."
        )
    for name, beginning in BEGINNINGS.items():
        if data.startswith(beginning):
            return name
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in BLANKS for character in text.lstrip("\ufeff")):
        return TEXT
    raise InputError("A document is a PDF, a JPEG, a PNG or plain text. Choose another file.")
