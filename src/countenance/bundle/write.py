"""Write a bundle: the same contents give the same bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from countenance.bundle.archive import MOST_MEMBERS, is_name, pack
from countenance.bundle.contents import (
    Authority,
    Candidate,
    Contents,
    File,
    Lead,
    LedgerEntry,
    ModelCard,
    Probe,
    Search,
)
from countenance.bundle.readme import README
from countenance.bundle.shapes import FORMAT, SIGNED_AS, VERSION
from countenance.bundle.verify import verify
from countenance.errors import InputError
from countenance.ledger.entry import canonical_json

Sign = Callable[[bytes], bytes]


def write_bundle(contents: Contents, *, sign: Sign, public_key: bytes) -> bytes:
    """Return the archive of a case, signed, after verifying it as its readers will.

    Args:
        contents: what is disclosed.
        sign: signs with Ed25519, such as `keyring.signing_key().sign`.
        public_key: the 32 bytes that verify what `sign` signs.

    Raises:
        InputError: something cannot be written down exactly, stands there twice, or is too much.
        BundleBroken: the contents contradict each other or the ledger.
    """
    members: dict[str, bytes] = {}
    for name, data in _members(contents):
        if name in members or not is_name(name):
            raise InputError(f"{name} stands in the bundle twice, or has no such name.")
        members[name] = data
    if len(members) > MOST_MEMBERS:
        raise InputError("This is too much for one bundle.")
    manifest = _json(_manifest(contents, members, public_key))
    members["manifest.json"] = manifest
    members["manifest.sig"] = sign(SIGNED_AS + manifest)
    data = pack(members)
    verify(data, expected_key=public_key)
    return data


def _members(of: Contents) -> Iterable[tuple[str, bytes]]:
    """Yield every member but the manifest and its signature."""
    yield "README.txt", README.encode()
    yield "edits.json", _json({"edits": of.edits})
    yield "requests.json", _json({"requests": of.requests})
    yield "error-rates.json", _json(of.error_rates)
    for folder, records in (
        ("probes", of.probes),
        ("leads", of.leads),
        ("authority", of.authorities),
    ):
        for one in records:
            yield from _with_file(folder, one)
    for search in of.searches:
        yield f"searches/{search.id}.json", _json(_search(search))
    for examination in of.examinations:
        yield f"examinations/{examination.id}.json", _json(examination)
    for card in of.model_cards:
        yield f"model-cards/{_slug(card)}.json", _json(card)
    yield "ledger/entries.jsonl", b"".join(_json(_entry(one)) + b"\n" for one in of.ledger.entries)
    yield (
        "ledger/checkpoint.json",
        _json({**_head(of), "deployment": of.deployment, "made_at": of.made_at}),
    )


def _manifest(of: Contents, members: Mapping[str, bytes], public_key: bytes) -> dict[str, Any]:
    negative = [one for one in of.searches if one.answer not in {None, "candidates"}]
    return {
        "agency": {"id": of.agency[0], "name": of.agency[1]},
        "case": {"id": of.case[0], "reference": of.case[1]},
        "counts": {
            "authorities": len(of.authorities),
            "edits": len(of.edits),
            "entries": len(of.ledger.entries),
            "examinations": len(of.examinations),
            "leads": len(of.leads),
            "model_cards": len(of.model_cards),
            "negative_searches": len(negative),
            "probes": len(of.probes),
            "requests": len(of.requests),
            "searches": len(of.searches),
        },
        "deployment": of.deployment,
        "format": FORMAT,
        "ledger": _head(of),
        "made_at": of.made_at,
        "members": [
            {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in sorted(members.items())
        ],
        "public_key": public_key.hex(),
        "version": VERSION,
    }


def _head(of: Contents) -> dict[str, Any]:
    return {"root": of.ledger.root.hex(), "size": of.ledger.size}


def _with_file(folder: str, record: Probe | Lead | Authority) -> Iterable[tuple[str, bytes]]:
    """Yield a record, and the file that belongs to it under the same id."""
    file: File | None = record.file
    name = None if file is None else f"{folder}/{record.id}.{file.suffix}"
    yield f"{folder}/{record.id}.json", _json({**_fields(record), "file": name})
    if file is not None and name is not None:
        yield name, file.data


def _search(search: Search) -> dict[str, Any]:
    written = _fields(search)
    if search.point is None:
        del written["point"]  # so that bundles of before there were operating points verify still
    if search.candidates is not None:
        written["candidates"] = [_candidate(one) for one in search.candidates]
    return written


def _candidate(one: Candidate) -> dict[str, Any]:
    faces = [{"face": str(face), "similarity": text} for face, text in one.faces]
    written = {**_fields(one), "faces": faces}
    if one.fused is None:
        del written["fused"]  # as before photos were fused
    else:
        written["fused"] = {"similarity": one.fused[0], "photos": one.fused[1]}
    return written


def _entry(one: LedgerEntry) -> dict[str, Any]:
    """Return the line of one entry: as in an export of the ledger, with its path."""
    line: dict[str, Any] = {
        "entry": one.entry.decode(),
        "index": one.index,
        "path": [node.hex() for node in one.path],
    }
    if one.body is None or one.salt is None:
        return {**line, "erased": True}
    return {**line, "body": one.body.decode(), "salt": one.salt.hex()}


def _slug(card: ModelCard) -> str:
    """Return the name of a card's file: its id in the letters that a name may have."""
    return re.sub("[^a-z0-9.-]+", "-", card.id.lower()).strip("-.")[:80] or "model"


def _fields(record: object) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in fields(record)}  # type: ignore[arg-type] # a record


def _json(value: object) -> bytes:
    return canonical_json(_exact(value))  # type: ignore[arg-type] # an object, made above


def _exact(value: object) -> object:
    """Return a value without records and fractions: a fraction is text with six decimals."""
    if is_dataclass(value) and not isinstance(value, type):
        return _exact(_fields(value))
    if isinstance(value, Mapping):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(one) for one in value]
    return f"{value:.6f}" if isinstance(value, float) else value
