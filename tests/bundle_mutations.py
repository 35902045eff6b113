"""Single changes to a bundle, by somebody who has the file and not the key."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from bundles import OTHER_SIGNER, pattern, public_of, uid

from countenance.bundle import archive
from countenance.bundle.shapes import SIGNED_AS
from countenance.ledger.entry import canonical_json

Draw = random.Random
Members = dict[str, bytes]
Mutator = Callable[[Draw, bytes], bytes]

ENTRIES, CHECKPOINT, MANIFEST = "ledger/entries.jsonl", "ledger/checkpoint.json", "manifest.json"


def members_of(data: bytes) -> Members:
    """Return the members, by a reader that is not ours."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def raw(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an archive in our spelling but with any names, in any order, also twice."""
    parts, central, offset = [], [], 0
    for name, body in members:
        local, entry = archive._headers(name, body, offset)
        parts += [local, body]
        central.append(entry)
        offset += len(local) + len(body)
    return b"".join([*parts, *central, archive._end(central, offset)])


def listed(members: Members) -> Members:
    """Return members whose manifest lists them as they are now; its signature stays the old one."""
    manifest = json.loads(members[MANIFEST])
    manifest["members"] = [
        {"name": name, "sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
        for name, body in sorted(members.items())
        if name not in {MANIFEST, "manifest.sig"}
    ]
    return members | {MANIFEST: canonical_json(manifest)}


def packed(members: Members) -> bytes:
    return raw(sorted(listed(members).items()))


def signed(members: Members, signer: Any, public_key: bytes) -> bytes:
    """Return members in a whole bundle, listed and signed by whoever holds this key."""
    members = listed(members)
    manifest = {**json.loads(members[MANIFEST]), "public_key": public_key.hex()}
    members[MANIFEST] = canonical_json(manifest)
    members["manifest.sig"] = signer.sign(SIGNED_AS + members[MANIFEST])
    return raw(sorted(members.items()))


def with_json(members: Members, name: str, **fields: Any) -> Members:
    return members | {name: canonical_json({**json.loads(members[name]), **fields})}


def with_counts(members: Members, **change: int) -> Members:
    counts = json.loads(members[MANIFEST])["counts"]
    for name, by in change.items():
        counts[name] += by
    return with_json(members, MANIFEST, counts=counts)


def without_search(members: Members, name: str = "search none") -> Members:
    """Return members without a search that found nobody, as if it had never been made."""
    found = uid(name)
    kept = {key: body for key, body in members.items() if key != f"searches/{found}.json"}
    lines = [one for one in lines_of(members) if str(found) not in one["entry"]]
    gone = len(lines_of(members)) - len(lines)
    kept |= {ENTRIES: joined(lines)}
    return with_counts(kept, searches=-1, negative_searches=-1, entries=-gone)


def lines_of(members: Members) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members[ENTRIES].splitlines()]


def joined(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def flip(draw: Draw, data: bytes) -> bytes:
    changed = bytearray(data)
    changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(draw: Draw, data: bytes) -> bytes:
    return data[: draw.randrange(len(data))]


def cut_inside(draw: Draw, data: bytes) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, 64) :]


def append(draw: Draw, data: bytes) -> bytes:
    return data + draw.randbytes(draw.randint(1, 64))


def prepend(draw: Draw, data: bytes) -> bytes:
    return draw.randbytes(draw.randint(1, 64)) + data


def insert(draw: Draw, data: bytes) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.randint(1, 8)) + data[at:]


def overwrite(draw: Draw, data: bytes) -> bytes:
    at = draw.randrange(len(data))
    more = draw.randbytes(draw.randint(1, 16))
    return data[:at] + more + data[at + len(more) :]


def comment(draw: Draw, data: bytes) -> bytes:
    """Put a comment on the archive, as the format allows."""
    more = draw.randbytes(draw.randint(1, 32))
    return data[:-2] + len(more).to_bytes(2, "little") + more


def written_anew(draw: Draw, data: bytes) -> bytes:
    """Write the same members with another program: compressed, or with today's date."""
    made = io.BytesIO()
    how = draw.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    with zipfile.ZipFile(made, "w", how) as opened:
        for name, body in members_of(data).items():
            date = (2026, draw.randint(1, 12), draw.randint(1, 28), 1, 2, 4)
            opened.writestr(zipfile.ZipInfo(name, date), body)
    return made.getvalue()


def swap_members(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    one, other = draw.sample(sorted(members), 2)
    members[one], members[other] = members[other], members[one]
    if MANIFEST in {one, other} or draw.random() < 0.5:
        return raw(sorted(members.items()))
    return packed(members)


def reorder(draw: Draw, data: bytes) -> bytes:
    members = list(members_of(data).items())
    one, other = draw.sample(range(len(members)), 2)
    members[one], members[other] = members[other], members[one]
    return raw(members)


def double(draw: Draw, data: bytes) -> bytes:
    members = list(members_of(data).items())
    name, body = draw.choice(members)
    at = draw.randint(0, len(members))
    return raw([*members[:at], (name, draw.choice([body, b"", b"{}"])), *members[at:]])


def drop(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    name = draw.choice(sorted(members.keys() - {MANIFEST}))
    del members[name]
    return draw.choice([packed, lambda some: raw(sorted(some.items()))])(members)


def add(draw: Draw, data: bytes) -> bytes:
    names = [
        "../evil.sh",
        "/tmp/evil",
        "searches/../README.txt",
        "note.txt",
        f"probes/{uid('new')}.bmp",
        f"searches/{uid('new')}.json",
        "model-cards/new.json",
    ]
    return packed(members_of(data) | {draw.choice(names): b"{}"})


def rename(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    name = draw.choice([one for one in sorted(members) if "-" in one])
    members[name.replace("-", "0", 1)] = members.pop(name)
    return packed(members)


def edit(draw: Draw, data: bytes) -> bytes:
    """Change one value of one JSON member, and every sum that has to go with it."""
    members = members_of(data)
    name = draw.choice([one for one in sorted(members) if one.endswith(".json")])
    value = json.loads(members[name])
    _change(draw, value)
    members[name] = canonical_json(value)
    return raw(sorted(members.items())) if name == MANIFEST else packed(members)


def _change(draw: Draw, value: Any) -> None:
    """Change one leaf somewhere in a value."""
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for place in part if isinstance(part, dict) else range(len(part)):
            places.append((part, place))
            if isinstance(part[place], dict | list):
                walk(part[place])

    walk(value)
    where, place = draw.choice(places)
    old = where[place]
    if isinstance(old, str) and old:
        where[place] = old[:-1] + chr(ord(old[-1]) ^ 1)
    elif isinstance(old, int) and not isinstance(old, bool):
        where[place] = old + 1
    else:
        where[place] = "other" if old is None else None


def no_negative_search(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    if draw.random() < 0.5:
        return packed(without_search(members))
    del members[f"searches/{uid('search none')}.json"]
    return packed(with_counts(members, searches=-1, negative_searches=-1))


def other_photo(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    name = draw.choice([one for one in sorted(members) if one.endswith(".bmp")])
    photo = pattern(f"other {draw.random()}")
    record = name.replace(".bmp", ".json")
    members[name] = photo
    return packed(with_json(members, record, sha256=hashlib.sha256(photo).hexdigest()))


def foreign_checkpoint(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    head = {"root": draw.randbytes(32).hex(), "size": draw.randint(60, 99)}
    members = with_json(members, CHECKPOINT, **head)
    return packed(with_json(members, MANIFEST, ledger=head) if draw.random() < 0.5 else members)


def exchange(draw: Draw, data: bytes) -> bytes:
    """Exchange a part of two entries."""
    members = members_of(data)
    lines = lines_of(members)
    one, other = draw.sample([line for line in lines if "body" in line], 2)
    field = draw.choice(["path", "body", "salt", "entry", "index"])
    one[field], other[field] = other[field], one[field]
    return packed(members | {ENTRIES: joined(lines)})


def edit_entry(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    lines = lines_of(members)
    _change(draw, draw.choice(lines))
    return packed(members | {ENTRIES: joined(lines)})


def drop_entry(draw: Draw, data: bytes) -> bytes:
    members = members_of(data)
    lines = lines_of(members)
    lines.pop(draw.randrange(len(lines)))
    return packed(with_counts(members | {ENTRIES: joined(lines)}, entries=-1))


def erase_entry(draw: Draw, data: bytes) -> bytes:
    """Say of a body that it was erased."""
    members = members_of(data)
    lines = lines_of(members)
    one = draw.choice([line for line in lines if "body" in line])
    del one["body"], one["salt"]
    one["erased"] = True
    return packed(members | {ENTRIES: joined(lines)})


def other_key(draw: Draw, data: bytes) -> bytes:
    """Change something, or nothing, and sign with another key: whole, and not the deployment's."""
    members = members_of(data)
    if draw.random() < 0.5:
        members["README.txt"] += b"\n"
    return signed(members, OTHER_SIGNER, public_of(OTHER_SIGNER))


BYTES: list[Mutator] = [
    flip, cut, cut_inside, append, prepend, insert, overwrite, comment, written_anew,
]  # fmt: skip
MEMBERS: list[Mutator] = [
    swap_members, reorder, double, drop, add, rename, edit, no_negative_search, other_photo,
    foreign_checkpoint, exchange, edit_entry, drop_entry, erase_entry, other_key,
]  # fmt: skip


def mutate(draw: Draw, data: bytes) -> tuple[str, bytes]:
    """Return one change of a bundle, and its name; the bytes always differ."""
    while True:
        mutator = flip if draw.random() < 0.2 else draw.choice(BYTES + MEMBERS)
        changed = mutator(draw, data)
        if changed != data:
            return mutator.__name__, changed
