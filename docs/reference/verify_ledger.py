"""Check an exported ledger of Countenance without Countenance, and without a network.

    python verify_ledger.py EXPORT [--log-key KEY] [--witness-key KEY]... [--quorum N]
                                   [--checkpoint FILE] [--former-key KEY]... [--receipt FILE]

KEY is a verifier key, NAME+ID+BASE64, that you know from elsewhere than the export. All witnesses whose keys
are given must have signed, or --quorum of them. FILE is a checkpoint or a receipt that you kept; that checkpoint
may be signed with a key that the ledger had before, --former-key. Needs Python 3.11 and its package
`cryptography` (for Ed25519). It shares no code with the program and was written from the page "The ledger" and
the C2SP pages on signed notes. Exit code 0: the ledger verifies; 1: it does not.
"""

import argparse
import hashlib
import hmac
import json
import re
import sys
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
ENTRY = (
    rf'{{"about":(?:null|"{UUID}"),"action":"[a-z_]+\.[a-z_]+",'
    rf'"at":"({TIME})","commitment":"([0-9a-f]{{64}})","v":1}}'
)
LINES = (["entry", "index"], ["entry", "erased", "index"], ["body", "entry", "index", "salt"])
HEADER = ["deployment", "format", "root", "size", "version"]
LOG, WITNESS = 1, 4  # the first byte of a key: what it signs


def need(condition, problem):
    if not condition:
        raise ValueError(problem)


def sha256(data):
    return hashlib.sha256(data).digest()


def read(line):
    """Return the object that a line of canonical JSON spells."""
    text = line.removesuffix(b"\r").decode()
    value = json.loads(text)
    again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    need(isinstance(value, dict) and again == text, "a line is not canonical JSON")
    return value


def plain(text):
    """Return the bytes of base64 in its one spelling."""
    data = b64decode(text, validate=True)
    need(b64encode(data).decode() == text, "base64")
    return data


def is_name(name):
    return name and "+" not in name and not any(one <= " " or one.isspace() for one in name)


def key_of(text):
    """Return name, id, kind and the 32 bytes of a verifier key."""
    name, _, rest = text.strip().partition("+")
    digits, _, encoded = rest.partition("+")
    data = plain(encoded)
    need(is_name(name) and len(data) == 33 and data[0] in (LOG, WITNESS), "a key")
    need(sha256(name.encode() + b"\n" + data)[:4].hex() == digits, "the id of a key")
    return name, bytes.fromhex(digits), data[0], data[1:]


def checkpoint_of(note):
    """Return the text of a signed checkpoint, its signatures, origin, size and root."""
    need(len(note.encode()) <= 65536, "a note that is too long")
    need(not any(one < " " and one != "\n" for one in note), "control characters in a note")
    text, gap, lines = note.rpartition("\n\n")
    need(gap and text and lines.endswith("\n"), "a note without signatures")
    found = [
        re.fullmatch(r"\u2014 (\S+) ([A-Za-z0-9+/]+=*)", one) for one in lines[:-1].split("\n")
    ]
    need(all(one and is_name(one[1]) for one in found) and len(found) <= 100, "a note's signatures")
    signatures = [(one[1], plain(one[2])) for one in found]
    need(all(len(data) > 4 for _, data in signatures), "a note's signatures")
    origin, size, root, *more = text.split("\n")
    need(is_name(origin) and all(more), "the form of a checkpoint")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", size, re.ASCII) and int(size) < 2**63, "a size")
    need(len(plain(root)) == 32, "the root of a checkpoint")
    return text + "\n", signatures, origin, int(size), plain(root)


def signers(checkpoint, keys):
    """Return which of these keys signed a checkpoint; one that only says so makes all of it wrong."""
    text, signatures, *_ = checkpoint
    by = set()
    for name, key_id, kind, public in keys:
        for claimed, data in signatures:
            if (claimed, data[:4]) != (name, key_id):
                continue
            message, signature = text, data[4:]
            if kind == WITNESS:
                at, signature = int.from_bytes(data[4:12], "big"), data[12:]
                need(at < 2**63, "the time of a cosignature")
                message = f"cosignature/v1\ntime {at}\n{text}"
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
            by.add((name, key_id))
    return by


def judge(checkpoint, logs, witnesses, quorum, origin):
    """Require the signature of one key out of each list of keys, and of a quorum of witnesses."""
    need(checkpoint[2] == origin, "the checkpoint of another ledger")
    for keys in logs:
        own = [key for key in keys if key[0] == origin and key[2] == LOG]
        need(signers(checkpoint, own), "the ledger did not sign its checkpoint")
    by = signers(checkpoint, witnesses)
    need(len(by) >= quorum, f"{len(by)} known witnesses signed, and {quorum} are wanted")
    return sorted(name for name, _ in by)


def tree(leaves):
    """Return the root over leaves, by the definition of the tree (RFC 9162, 2.1)."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + tree(leaves[:half]) + tree(leaves[half:]))


def leaves_of(lines):
    """Return the leaf of each entry, all of whose lines are right."""
    leaves, before = [], ""
    for index, line in enumerate(lines):
        one = read(line)
        need([*one] in LINES, f"the form of line {index}")
        need(type(one["index"]) is int and one["index"] == index, f"the number of entry {index}")
        need(one.get("erased", True) is True, f"the form of line {index}")
        entry = re.fullmatch(ENTRY, one["entry"], re.ASCII)
        need(entry and entry[1] >= before, f"entry {index}, or its time")
        before = entry[1]
        if "body" in one:
            salt = bytes.fromhex(one["salt"])
            need(len(salt) == 32 and salt.hex() == one["salt"], f"the salt of entry {index}")
            said = hmac.new(salt, one["body"].encode(), "sha256").hexdigest()
            need(said == entry[2], f"the body of entry {index}")
        leaves.append(sha256(b"\x00" + one["entry"].encode()))
    return leaves


def verify(
    data, *, log_key=None, witness_keys=(), quorum=None, kept=None, former_keys=(), receipt=None
):
    """Return the header and the witnesses that signed it; raise an error for anything else."""
    first, *lines = data.removesuffix(b"\n").split(b"\n")
    header = read(first)
    signed = header.get("version") == 2
    need([*header] == (sorted([*HEADER, "checkpoint", "key"]) if signed else HEADER), "the header")
    need(header["format"] == "countenance-ledger", "the format")
    need(type(header["version"]) is int and header["version"] in (1, 2), "the version")
    need(re.fullmatch(UUID, header["deployment"]), "the deployment")
    need(type(header["size"]) is int and header["size"] == len(lines), "the number of entries")
    keys = [key_of(one) for one in witness_keys]
    quorum = len(set(keys)) if quorum is None else quorum
    logs = [key_of(log_key)] if log_key else []
    former = [key_of(one) for one in former_keys]
    origin = f"countenance/ledger/{header['deployment']}"
    by, kept = [], None if kept is None else checkpoint_of(kept)
    if signed:
        own, named = checkpoint_of(header["checkpoint"]), key_of(header["key"])
        need(header["key"] == header["key"].strip(), "the key")
        need((own[3], own[4].hex()) == (header["size"], header["root"]), "the checkpoint's entries")
        if kept is not None:
            judge(kept, [[*(logs or [named]), *former]], keys, 0, origin)
        by = judge(own, [[named], *([key] for key in logs)], keys, quorum, origin)
    elif kept is not None:
        by = judge(kept, [[*logs, *former]] if logs or former else [], keys, quorum, origin)
    else:
        need(
            not logs and not former and not keys and not quorum,
            "no checkpoint, so no key to compare with it",
        )
    leaves = leaves_of(lines)
    need(tree(leaves).hex() == header["root"], "the root")
    if kept is not None:
        need(kept[3] <= len(leaves) and tree(leaves[: kept[3]]) == kept[4], "not what was kept")
    if receipt is not None:
        index, size = receipt["index"], receipt["size"]
        need(index < size <= len(leaves), "the receipt is of a longer ledger")
        need(leaves[index].hex() == receipt["leaf"], "the entry of the receipt")
        need(tree(leaves[:size]).hex() == receipt["root"], "the root of the receipt")
    return header, by


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("export", type=Path)
    asked.add_argument("--log-key")
    for name in ("--witness-key", "--former-key"):
        asked.add_argument(name, action="append", default=[])
    asked.add_argument("--quorum", type=int)
    for name in ("--checkpoint", "--receipt"):
        asked.add_argument(name, type=Path)
    told = asked.parse_args()
    try:
        found, by = verify(
            told.export.read_bytes(),
            log_key=told.log_key,
            witness_keys=told.witness_key,
            quorum=told.quorum,
            former_keys=told.former_key,
            kept=told.checkpoint and told.checkpoint.read_bytes().decode(),
            receipt=told.receipt and json.loads(told.receipt.read_bytes()),
        )
    except Exception as error:  # whatever a broken file leads to
        sys.exit(f"The ledger does NOT verify: {error or type(error).__name__}")
    print(f"The ledger verifies: {found['size']} entries, root {found['root']}")
    print(f"Signed by: {', '.join(by) or 'no witness whose key was given'}")


if __name__ == "__main__":
    main()
