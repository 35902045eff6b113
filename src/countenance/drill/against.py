"""A live deployment's home, searched for what must never lie there in clear; nothing is written.

What can be told without knowing any secret: photos, documents and videos by how they begin, templates as
vectors of length one, private keys and tokens by their form, e-mail addresses. Names and reasons cannot be
told from other text: what shows that they are sealed is the drill itself, and whoever knows some of them gives a list.
"""

from __future__ import annotations

import base64
import collections
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from countenance.drill.home import Piece, dump_of, files_of, pieces_of
from countenance.drill.loot import DUMP
from countenance.drill.names import read
from countenance.drill.plants import Scanner
from countenance.errors import NotFound
from countenance.ledger.entry import Action

Notify = Callable[[str], None]

BEGINNINGS = {
    "a JPEG photo": (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xdb\x00\x43\x00"),
    "a photo's EXIF": (b"Exif\x00\x00MM\x00*\x00\x00", b"Exif\x00\x00II*\x00\x08"),
    "a PNG picture": (b"\x89PNG\r\n\x1a\n\x00\x00",),
    "a HEIC photo": (b"ftypheic\x00", b"ftypmif1\x00"),
    "a video": (b"ftypmp42\x00", b"ftypisom\x00", b"matroska\x42"),
    "a PDF document": (b"%PDF-1.", b"%PDF-2."),
    "a private key": (b"-----BEGIN PRIVATE KEY", b"-----BEGIN EC PRIVATE", b"-----BEGIN RSA PRIV"),
}
FORMS = {
    # Some letter is beyond f: sealed bytes are kept as hexadecimal text in places, which PostgreSQL compresses, and its
    # control bytes between the digits may be an at sign and a point.
    "an e-mail address": re.compile(
        rb"(?<![\w.@])(?=[\w.+@-]*[g-zG-Z])[A-Za-z0-9][A-Za-z0-9._+-]{3,63}@[A-Za-z0-9-]{3,63}\.[a-z]{2,12}(?![\w@])"
    ),
    "an API token": re.compile(rb"countenance_[0-9a-f]{64}"),
}
DIMENSIONS = (128, 512)
NOTHING_LIKE_ONE = 1e-3
"""How far from one the length of a template's vector may be."""

_ACTIONS = [str(action).encode() for action in Action]
_JOINED = re.compile(rb"(..)@(.+\.[a-z]{2})[a-z]*\Z")
"""Of an address its last two letters before the sign, and what is behind it up to two letters of the ending."""
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{64,}")
_SHORTEST_TEXT = 12


def search(home: Path, notify: Notify, names: Path | None = None) -> dict[str, Any]:
    """Return what lies in clear in a home: kind and place, never the thing itself.

    Args:
        home: the home folder of a deployment, running or not.
        notify: told when the search begins.
        names: a list of values to look for besides, as `names.read` takes it; of one that is found the number
            of its line is said, once for each place.

    Raises:
        NotFound: there is no deployment, or no list.
        InputError: the list is none.
    """
    if not (home / "keys" / "root.json").is_file():
        raise NotFound(f"There is no deployment in {home}.")
    values = read(names, folders=(home, _database(home))) if names else []
    scanner = Scanner(values) if values else None
    notify("the home is searched")
    sizes: collections.Counter[str] = collections.Counter()
    found: list[dict[str, str]] = []
    named: set[tuple[int, str]] = set()
    for place, data in _pieces(home):
        sizes[place] += len(data)
        found += [{"what": what, "where": place} for what in in_clear(data)]
        if scanner is not None:
            named |= {(number, place) for number in scanner.scan(data)}
    found += [{"what": values[number].kind, "where": place} for number, place in sorted(named)]
    places = {
        place: {
            "bytes_searched": size,
            "findings": sum(one["where"] == place for one in found),
        }
        for place, size in sorted(sizes.items())
    }
    return {"home": str(home), "values": len(values), "places": places, "found": found}


def in_clear(data: bytes) -> Iterator[str]:
    """Yield the kind of each thing that lies in some bytes and should be sealed; each kind once."""
    written = b"\n".join(
        bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in _HEX_RUN.findall(data)
    )
    for what, beginnings in BEGINNINGS.items():
        if any(one in data or one in written or _in_base64(one, data) for one in beginnings):
            yield what
    for what, form in FORMS.items():
        if any(_is_one(each) for part in (data, written) for each in form.finditer(part)):
            yield what
    if any(_holds_template(part[start:]) for part in (data, written) for start in range(4)):
        yield "a template"


def _is_one(found: re.Match[bytes]) -> bool:
    """Say whether it is no name of an action, such as `footage.ended`, with an at sign of PostgreSQL's compression in it."""
    joined = _JOINED.search(found.group())
    return joined is None or not any(b"".join(joined.groups()) in action for action in _ACTIONS)


def _in_base64(beginning: bytes, data: bytes) -> bool:
    """Say whether base64 text begins with these bytes."""
    text = base64.b64encode(beginning)[: len(beginning) * 8 // 6]
    return len(text) >= _SHORTEST_TEXT and text in data


def _holds_template(data: bytes) -> bool:
    """Say whether some numbers in a row are a vector of length one, as templates are and sealed bytes never."""
    numbers = np.frombuffer(data, dtype="<f4", count=len(data) // 4)
    with np.errstate(all="ignore"):
        plain = np.isfinite(numbers) & (np.abs(numbers) < 1) & (np.abs(numbers) > np.float32(1e-12))
        squares = np.where(plain, numbers.astype(np.float64), 0.0) ** 2
    sums, counts = (np.concatenate(([0.0], np.cumsum(one))) for one in (squares, plain))
    for length in DIMENSIONS:
        if len(numbers) >= length:
            norms = sums[length:] - sums[:-length]
            full = counts[length:] - counts[:-length] == length
            if bool(np.any(full & (np.abs(norms - 1) < NOTHING_LIKE_ONE))):
                return True
    return False


def _pieces(home: Path) -> Iterator[Piece]:
    """Yield everything in the home, and a dump of its database if that runs."""
    database = _database(home)
    models = {str(path).encode() for path in files_of(home / "models")}
    for place, data in pieces_of(home, database):
        if data.partition(b"\n")[0] not in models:
            yield place, data
    if url := _running_at(database):
        yield DUMP, dump_of(url)


def _database(home: Path) -> Path:
    """Return the folder of a home's database, which may lie elsewhere."""
    note = home / "database.json"
    if note.is_file():
        return Path(json.loads(note.read_text(encoding="utf-8"))["place"])
    return home / "database"


def _running_at(database: Path) -> str:
    """Return the address of the bundled database, if it runs now; asking starts nothing."""
    from countenance.web.postgres_server import Server
    from countenance.web.postgres_user import account_for

    if not (database / "cluster" / "postmaster.pid").exists():
        return ""
    return Server(database, account_for(database)).url
