"""Verify a bundle offline: every byte, the signature, the ledger's proofs, and that all parts agree."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countenance.bundle.accounts import check_accounts
from countenance.bundle.archive import unpack
from countenance.bundle.evidence import ENTRIES, read_entries
from countenance.bundle.references import Parts, Record, check_references
from countenance.bundle.report import Report, report_of
from countenance.bundle.shapes import FOLDERS, SIGNED_AS, SINGLES, read
from countenance.errors import BundleBroken

NEEDED: Final = ("README.txt", "manifest.sig", ENTRIES, *SINGLES)

Members = Mapping[str, memoryview]


def verify(data: bytes, *, expected_key: bytes | None = None) -> Report:
    """Check everything that can be checked of a bundle without a network.

    Args:
        data: the whole file.
        expected_key: the deployment's public key (32 bytes), as its reader knows it from elsewhere.

    Raises:
        BundleBroken: what is wrong first.
    """
    members = unpack(data)
    for name in NEEDED:
        if name not in members:
            raise BundleBroken(f"{name} is missing.")
    manifest = read("manifest.json", members["manifest.json"])
    _signature(members, manifest, expected_key)
    _sums(members, manifest)
    parts, singles = _parts(members, manifest)
    if singles["ledger/checkpoint.json"] != {
        **manifest["ledger"],
        "deployment": manifest["deployment"],
        "made_at": manifest["made_at"],
    }:
        raise BundleBroken("The checkpoint is not that of the manifest.")
    check_references(parts)
    unstated, others = check_accounts(parts)
    counts = _counts(parts)
    if counts != manifest["counts"]:
        raise BundleBroken("There are not as many records as the manifest counts.")
    erased = sum(line.facts is None for line in parts.lines)
    return report_of(
        manifest,
        counts,
        erased=erased,
        receipt=parts.lines[-1].receipt if parts.lines else None,
        lost=sum(line.lost for line in parts.lines),
        others=others,
        unstated=unstated,
        known=expected_key is not None,
    )


def _signature(members: Members, manifest: Record, expected_key: bytes | None) -> None:
    key = bytes.fromhex(manifest["public_key"])
    if expected_key is not None and not hmac.compare_digest(key, expected_key):
        raise BundleBroken(f"The bundle is signed with another key: {key.hex()}.")
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(bytes(members["manifest.sig"]), SIGNED_AS + members["manifest.json"])
    except (InvalidSignature, ValueError):
        raise BundleBroken("The signature of the manifest does not verify.") from None


def _sums(members: Members, manifest: Record) -> None:
    """Check that the archive holds what the manifest lists, and nothing else."""
    unlisted = {"manifest.json", "manifest.sig"}
    listed = [one["name"] for one in manifest["members"]]
    if listed != [name for name in members if name not in unlisted]:
        raise BundleBroken("The archive does not hold exactly what its manifest lists.")
    for one in manifest["members"]:
        data = members[one["name"]]
        if (len(data), hashlib.sha256(data).hexdigest()) != (one["size"], one["sha256"]):
            raise BundleBroken(f"{one['name']} is not what the manifest lists.")


def _parts(members: Members, manifest: Record) -> tuple[Parts, Mapping[str, Record]]:
    """Read every member."""
    singles = {name: read(name, members[name]) for name in SINGLES}
    records: dict[str, dict[str, Record]] = {kind: {} for kind in FOLDERS}
    files = {}
    for name, data in members.items():
        folder, _, rest = name.partition("/")
        if folder in FOLDERS and name.endswith(".json"):
            records[folder][rest.removesuffix(".json")] = read(name, data)
        elif folder in FOLDERS:
            files[name] = data
    records["requests"] = _by_id(singles["requests.json"]["requests"])
    compared = (one["comparisons"] for one in records["examinations"].values())
    records["comparisons"] = _by_id([one for some in compared for one in some])
    head = manifest["ledger"]
    lines = read_entries(members[ENTRIES], size=head["size"], root=bytes.fromhex(head["root"]))
    edits = singles["edits.json"]["edits"]
    case = manifest["case"]["id"]
    return Parts(case=case, records=records, edits=edits, files=files, lines=lines), singles


def _by_id(rows: Sequence[Record]) -> dict[str, Record]:
    made = {one["id"]: one for one in rows}
    if len(made) != len(rows):
        raise BundleBroken("Two records have one id.")
    return made


def _counts(parts: Parts) -> dict[str, int]:
    searches = parts.records["searches"].values()
    return {
        "authorities": len(parts.records["authority"]),
        "edits": len(parts.edits),
        "entries": len(parts.lines),
        "examinations": len(parts.records["examinations"]),
        "leads": len(parts.records["leads"]),
        "model_cards": len(parts.records["model-cards"]),
        "negative_searches": sum(one["answer"] not in {None, "candidates"} for one in searches),
        "probes": len(parts.records["probes"]),
        "requests": len(parts.records["requests"]),
        "searches": len(searches),
    }
