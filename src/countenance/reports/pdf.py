"""From a report to the bytes of its PDF, in memory.

Typst reads this package's own template and fonts and nothing else: what people wrote and the photos
arrive as one JSON text, in which markup is text. Photos never become files: the program is given no
place to write, and the test runs it where the system lets it write nothing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import typst

from countenance.errors import ImageRejected, InputError
from countenance.reports.drilled import DrillPaper
from countenance.reports.evaluated import EvaluationPaper
from countenance.reports.jpeg import frame
from countenance.reports.paper import Certificate, LeadPaper, Photo
from countenance.reports.words import lead_words, moment, receipt_rows, verify_words

HERE = Path(__file__).resolve().parent
TEMPLATES, FONTS = HERE / "typst", HERE / "fonts"
STANDARDS: list[Any] = ["a-2a", "ua-1"]
LONGEST_WORD = 28
# What Typst says of a photo that it cannot decode, and of a character that no font of ours has.
NO_PICTURE, NO_GLYPH = "failed to decode image", "could not be displayed"
ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD},}}")
# They turn text around or hide in it; on evidence it is better to see them.
SHOWN_AS_CODE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


class Size(StrEnum):
    """The paper, by Typst's names."""

    A4 = "a4"
    LETTER = "us-letter"


def lead_pdf(paper: LeadPaper, *, size: Size = Size.A4) -> bytes:
    """Return a lead's report as PDF (PDF/A-2a, PDF/UA-1); the same paper gives the same bytes.

    Raises:
        ImageRejected: a photo is no JPEG that can be printed.
        InputError: the report cannot be set.
    """
    words = lead_words(paper.facts, paper.receipt)
    data = {
        **asdict(words),
        "components": [
            {"component": one.component, "answers": one.answers, "differs": one.differs}
            for one in words.components
        ],
        "kind": "lead",
        "subtitle": "Investigative lead",
        "author": paper.facts.agency,
        "measured": paper.facts.measured != "",
    }
    photos = {"probe": _photo(paper.probe), "candidate": _photo(paper.candidate)}
    for one in photos.values():
        one["plate"] = _printable(one["plate"])
    return _compile(data, photos, at=paper.facts.released_at, size=size)


def certificate_pdf(certificate: Certificate, *, size: Size = Size.A4) -> bytes:
    """Return the certificate of a destruction as PDF; the same certificate gives the same bytes.

    Raises:
        InputError: the certificate cannot be set.
    """
    receipt = certificate.receipt
    data = {
        "kind": "certificate",
        "title": certificate.title,
        "subtitle": "Certificate of a destruction",
        "author": certificate.agency,
        "head": (("Agency", certificate.agency), ("When", moment(certificate.at))),
        "rows": certificate.rows,
        "destroyed": certificate.destroyed,
        "kept": certificate.kept,
        "receipt": receipt_rows(receipt),
        "verify": verify_words(receipt, certificate.portal),
        "foot": f"{certificate.title}. Receipt {receipt.code}.",
    }
    return _compile(data, {}, at=certificate.at, size=size)


def evaluation_pdf(paper: EvaluationPaper, *, size: Size = Size.A4) -> bytes:
    """Return the report of an evaluation as PDF; the same paper gives the same bytes.

    Raises:
        InputError: the report cannot be set.
    """
    data = {
        **asdict(paper),
        "kind": "error rates",
        "subtitle": "Evaluation",
        "author": paper.agency,
        "figures": [{**asdict(one), "svg": ""} for one in paper.figures],
        "receipt": receipt_rows(paper.receipt),
        "verify": (verify_words(paper.receipt, "")[0], paper.again),
        "foot": f"{paper.title}, measured {moment(paper.at)}. Receipt {paper.receipt.code}.",
    }
    del data["at"]
    drawings = [_drawable(one.svg.decode()) for one in paper.figures]
    return _compile(data, {"drawings": drawings}, at=paper.at, size=size)


def drill_pdf(paper: DrillPaper, *, size: Size = Size.A4) -> bytes:
    """Return the report of a breach drill as PDF; the same paper gives the same bytes.

    Raises:
        InputError: the report cannot be set.
    """
    data = {
        **asdict(paper),
        "kind": "drill",
        "subtitle": "Breach drill",
        "author": "Countenance",
        "foot": f"{paper.title}, {moment(paper.at)}.",
    }
    del data["at"]
    return _compile(data, {}, at=paper.at, size=size)


def _drawable(svg: str) -> str:
    """Return a drawing whose words can all be printed; its geometry stays as it is."""
    lacking = {one for one in set(svg) if not _has_glyph(one)}
    return "".join(_shown(one, lacking) for one in svg)


def _photo(photo: Photo) -> dict[str, Any]:
    """Return a photo as the template takes it: its bytes as numbers, its size, the part shown large."""
    framed = frame(photo)
    return {
        "data": list(framed.jpeg),
        "width": framed.width,
        "height": framed.height,
        "crop": framed.square,
        "plate": photo.plate,
    }


def _compile(
    data: Mapping[str, Any], photos: Mapping[str, Any], *, at: datetime, size: Size
) -> bytes:
    said = _printable(data)
    try:
        return _typeset(said, photos, at=at, size=size)
    except typst.TypstError as error:
        if NO_PICTURE in str(error):
            raise ImageRejected("A photo on a report cannot be read.") from None
        if NO_GLYPH not in str(error):
            raise InputError("This report cannot be set in type.") from None
    lacking = {one for one in set(_text(said)) if not _has_glyph(one)}
    try:
        return _typeset(_printable(said, lacking), photos, at=at, size=size)
    except typst.TypstError:
        raise InputError("This report cannot be set in type.") from None


def _typeset(
    data: Mapping[str, Any], photos: Mapping[str, Any], *, at: datetime, size: Size
) -> bytes:
    utc = at.astimezone(UTC)
    date = [utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second]
    inputs = json.dumps({**data, "photos": photos, "size": size, "date": date})
    compiler = typst.Compiler(TEMPLATES / "report.typ", root=TEMPLATES, font_paths=_fonts())
    made = compiler.compile(
        format="pdf",
        sys_inputs={"data": inputs},
        pdf_standards=STANDARDS,
        timestamp=int(utc.timestamp()),
    )
    if not isinstance(made, bytes):
        raise InputError("This report cannot be set in type.")
    return made


@cache
def _fonts() -> typst.Fonts:
    """Return our fonts and Typst's own; those of the machine would make other bytes elsewhere."""
    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])


@lru_cache(maxsize=4096)
def _has_glyph(one: str) -> bool:
    """Say whether a character can be printed, which PDF/UA asks of every one."""
    if one.isascii():
        return True
    source = b'#set document(title: "x")\n#set text(font: json(bytes(sys.inputs.f)))\n#sys.inputs.c'
    inputs = {"c": one, "f": json.dumps(FAMILIES)}
    try:
        compiler = typst.Compiler(source, root=TEMPLATES, font_paths=_fonts())
        compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"])
    except typst.TypstError:
        return False
    return True


FAMILIES = ("Public Sans", "Libertinus Serif", "DejaVu Sans Mono")


def _printable(value: Any, lacking: frozenset[str] | set[str] = frozenset()) -> Any:
    """Return the same with every character that cannot be printed as its code point, such as [U+5F20]."""
    if isinstance(value, str):
        return LONG_WORD.sub(_breakable, "".join(_shown(one, lacking) for one in value))
    if isinstance(value, Mapping):
        return {key: _printable(one, lacking) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(one, lacking) for one in value]
    return value


def _shown(one: str, lacking: frozenset[str] | set[str]) -> str:
    if one in "\n\t\r":
        return " "
    hidden = unicodedata.category(one) in SHOWN_AS_CODE and one not in (ZERO_WIDTH_SPACE + JOINERS)
    return f"[U+{ord(one):04X}]" if hidden or one in lacking else one


def _breakable(found: re.Match[str]) -> str:
    """Let a line break in a word that is longer than a column."""
    word = found.group().replace(ZERO_WIDTH_SPACE, "")
    step = LONGEST_WORD // 2
    return ZERO_WIDTH_SPACE.join(word[i : i + step] for i in range(0, len(word), step))


def _text(value: Any) -> str:
    """Return all text in it, one after the other."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _text(list(value.values()))
    return "".join(_text(one) for one in value) if isinstance(value, list) else ""
