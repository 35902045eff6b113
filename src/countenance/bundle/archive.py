"""The archive: a ZIP file that has one spelling only.

Members are stored as they are, in the order of their names, with one date and one set of permissions;
nothing stands between or behind them. So the same members give the same bytes on every machine (what a
compressor writes differs between versions), and no reader ever unpacks more than the file holds. Reading
is strict: each header is compared with the one that `pack` would have written, so no bit can be changed
that another program might look at.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Final

from countenance.errors import BundleBroken, InputError

MOST_BYTES: Final = 2**31 - 1
"""The largest archive: every reader of ZIP files holds such sizes, without the format's extension."""
MOST_MEMBERS: Final = 60_000

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME: Final = re.compile(
    r"README\.txt|manifest\.json|manifest\.sig|edits\.json|requests\.json|error-rates\.json"
    r"|ledger/checkpoint\.json|ledger/entries\.jsonl"
    rf"|(?:authority|examinations|leads|probes|searches)/{_UUID}\.json"
    rf"|(?:authority|leads|probes)/{_UUID}\.[a-z0-9]{{1,5}}"
    r"|model-cards/[a-z0-9][a-z0-9.-]{0,79}\.json",
    re.ASCII,
)

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_VERSION: Final = 20  # of the ZIP format: files in folders
_UNIX: Final = 3 << 8
_MODE: Final = 0o100600 << 16  # a file for its owner only: what it holds is nobody else's
_MIDNIGHT, _FIRST_DAY = 0, 0x0021  # 1 January 1980, the first day that the format knows


def is_name(name: str) -> bool:
    """Say whether a member may have this name; the list is closed."""
    return _NAME.fullmatch(name) is not None


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the one archive that holds these members.

    Raises:
        InputError: a name that no member has, or too much.
    """
    if len(members) > MOST_MEMBERS or sum(map(len, members.values())) > MOST_BYTES - 2**24:
        raise InputError("This is too much for one bundle.")
    parts: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for name in sorted(members):
        if not is_name(name):
            raise InputError("No member of a bundle has such a name.")
        local, entry = _headers(name, members[name], offset)
        parts += [local, members[name]]
        central.append(entry)
        offset += len(local) + len(members[name])
    return b"".join([*parts, *central, _end(central, offset)])


def unpack(data: bytes) -> dict[str, memoryview]:
    """Return the members of an archive that `pack` wrote; they are views, nothing is copied.

    Raises:
        BundleBroken: these are not exactly the bytes that `pack` writes for any members.
    """
    if len(data) > MOST_BYTES:
        raise BundleBroken("This is no bundle: it is larger than any bundle is.")
    view = memoryview(data)
    members: dict[str, memoryview] = {}
    central: list[bytes] = []
    offset, before = 0, ""
    while data[offset : offset + 4] == b"PK\x03\x04":
        name, body = _member(view, offset)
        local, entry = _headers(name, body, offset)
        if name <= before or not is_name(name) or view[offset : offset + len(local)] != local:
            raise BundleBroken("The archive is not as a bundle is written.")
        members[name], before = body, name
        central.append(entry)
        offset += len(local) + len(body)
        if len(members) > MOST_MEMBERS:
            raise BundleBroken("This is no bundle: it has more members than any bundle has.")
    if not members or view[offset:] != b"".join([*central, _end(central, offset)]):
        raise BundleBroken("The archive is not as a bundle is written.")
    return members


def _member(view: memoryview, offset: int) -> tuple[str, memoryview]:
    """Return name and bytes of the member whose header starts here, as the header claims them."""
    start = offset + _LOCAL.size
    try:
        *_, size, name_length, _ = _LOCAL.unpack_from(view, offset)
        name = bytes(view[start : start + name_length]).decode("ascii")
    except (struct.error, UnicodeDecodeError):
        raise BundleBroken("The archive is not as a bundle is written.") from None
    start += name_length
    return name, view[start : start + size]


def _headers(name: str, body: bytes | memoryview, offset: int) -> tuple[bytes, bytes]:
    """Return what stands before a member, and its line in the directory."""
    said = name.encode("ascii")
    common = (0, 0, _MIDNIGHT, _FIRST_DAY, zlib.crc32(body), len(body), len(body), len(said), 0)
    local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common)
    made = (_UNIX | _VERSION, _VERSION)
    entry = _CENTRAL.pack(b"PK\x01\x02", *made, *common, 0, 0, 0, _MODE, offset)
    return local + said, entry + said


def _end(central: list[bytes], offset: int) -> bytes:
    """Return the last bytes of the archive: how long its directory is, and where it starts."""
    count, size = len(central), sum(map(len, central))
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)
