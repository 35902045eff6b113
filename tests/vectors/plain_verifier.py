"""A second verifier of exported ledgers: the standard library, and the tree by its definition.

It shares nothing with `countenance.ledger` and was written from `docs/explanation/ledger.md`. Tests
let both judge the same exports, whole and damaged. It also runs by itself:

    python plain_verifier.py EXPORT
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from pathlib import Path

ENTRY = re.compile(
    r'\{"about":(null|"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),"action":"([a-z_]+\.[a-z_]+)",'
    r'"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)","commitment":"([0-9a-f]{64})","v":1\}',
    re.ASCII,
)
NAMES = [
    ["entry", "index"],
    ["entry", "erased", "index"],
    ["body", "entry", "index", "salt"],
]


class Wrong(Exception):
    """The export does not verify."""


def need(condition: bool, problem: str) -> None:
    if not condition:
        raise Wrong(problem)


def spelled(fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def fields_of(line: str) -> dict[str, object]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise Wrong("no JSON") from None
    need(isinstance(fields, dict) and spelled(fields) == line, "not canonical")
    return fields


def tree(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    pair = tree(leaves[:middle]) + tree(leaves[middle:])
    return hashlib.sha256(b"\x01" + pair).digest()


def verify(text: bytes) -> int:
    """Return the number of entries, or raise `Wrong`."""
    try:
        first, *rest = text.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise Wrong("not UTF-8") from None
    header = fields_of(first)
    need(list(header) == ["deployment", "format", "root", "size", "version"], "header")
    need(header["format"] == "countenance-ledger", "format")
    need(type(header["version"]) is int and header["version"] == 1, "version")
    need(
        re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(header["deployment"])), "id"
    )
    need(type(header["size"]) is int and header["size"] == len(rest), "size")
    leaves, before = [], ""
    for index, line in enumerate(rest):
        fields = fields_of(line)
        need(list(fields) in NAMES, "fields")
        need(type(fields["index"]) is int and fields["index"] == index, "index")
        need(fields.get("erased", True) is True, "erased")
        entry = ENTRY.fullmatch(str(fields["entry"]))
        need(entry is not None, "entry")
        need(entry[4] >= before, "time")
        before = entry[4]
        if "body" in fields:
            need(bool(re.fullmatch("[0-9a-f]{64}", str(fields["salt"]))), "salt")
            salt, body = bytes.fromhex(str(fields["salt"])), str(fields["body"]).encode()
            need(hmac.new(salt, body, "sha256").hexdigest() == entry[5], "body")
        leaves.append(hashlib.sha256(b"\x00" + str(fields["entry"]).encode()).digest())
    need(tree(leaves).hex() == header["root"], "root")
    return len(rest)


if __name__ == "__main__":
    print(verify(Path(sys.argv[1]).read_bytes()), "entries verify")
