"""Single changes to an exported ledger, in families: by who has the file, and by who has the ledger's key too.

Each takes the draw, and returns the bytes of the changed export. The witnesses' keys nobody has.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from ledger_help import DEPLOYMENT, LOG, LOG_KEY, NAMES, WITNESSES, Written, cosigned_by_all, key

from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint
from countenance.ledger.entry import Entry, canonical_json
from countenance.ledger.export import signed_header_line
from countenance.ledger.merkle import root
from countenance.ledger.note import Note, cosign, log_key, sign

Draw = random.Random
SIZE = 30
BASE = Written(SIZE)
SIGNED = BASE.signed(cosigned=True)
LINES = BASE.lines(SIGNED)
WHOLE = "\n".join(LINES).encode() + b"\n"


def text(lines: list[str]) -> bytes:
    """Return lines as a file."""
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"


def renumbered(lines: list[str]) -> list[str]:
    """Return lines whose numbers are those of their places, in canonical JSON."""
    made = []
    for index, line in enumerate(lines):
        made.append(canonical_json({**json.loads(line), "index": index}).decode())
    return made


def headed(lines: list[str], *, by: object = LOG) -> list[str]:
    """Return entries under a header that counts them, with their root, signed by this key; no cosignatures."""
    leaves = [Entry.parse(json.loads(line)["entry"].encode()).leaf() for line in lines]
    checkpoint = Checkpoint(SIGNED.checkpoint.origin, len(lines), root(leaves))
    signed = SignedCheckpoint.sign(checkpoint, by)  # type: ignore[arg-type] # a key
    named = log_key(checkpoint.origin, by)  # type: ignore[arg-type] # likewise
    return [signed_header_line(deployment=DEPLOYMENT, signed=signed, key=named), *lines]


def with_header(**changes: object) -> bytes:
    """Return the export with other values in its header."""
    return text([canonical_json({**json.loads(LINES[0]), **changes}).decode(), *LINES[1:]])


def with_note(note: Note) -> bytes:
    """Return the export with another checkpoint."""
    return with_header(checkpoint=str(note))


def place(draw: Draw) -> int:
    """Draw one of the entries' lines."""
    return draw.randrange(1, len(LINES))


def flip(draw: Draw) -> bytes:
    """Change one bit of the file; not the line end that may as well be missing."""
    data = bytearray(WHOLE)
    data[draw.randrange(len(data) - 1)] ^= 1 << draw.randrange(8)
    return bytes(data)


def insert(draw: Draw) -> bytes:
    """Put something somewhere."""
    at = draw.randrange(len(WHOLE) - 1)
    more = draw.choice([b" ", b"0", b'"', b"\\", b"{", b"\xff", b"a", b",", b"\t"])
    return WHOLE[:at] + more + WHOLE[at:]


def cut_bytes(draw: Draw) -> bytes:
    """Take bytes out somewhere."""
    at = draw.randrange(len(WHOLE) - 2)
    return WHOLE[:at] + WHOLE[at + draw.randint(1, min(60, len(WHOLE) - 2 - at)) :]


def edit(draw: Draw) -> bytes:
    """Change a name, a time, an id or a commitment of an entry, in its canonical form."""
    lines = LINES.copy()
    at = place(draw)
    fields = json.loads(lines[at])
    said = json.loads(fields["entry"])
    what = draw.choice(["action", "at", "about", "commitment"])
    if what == "action":
        said["action"] = draw.choice(
            [one for one in ("case.opened", "photo.viewed") if one != said["action"]]
        )
    elif what == "at":
        said["at"] = said["at"][:-3] + f"{draw.randrange(10, 99)}Z"
    elif what == "about":
        said["about"] = f"{draw.getrandbits(32):08x}-0000-4000-8000-000000000000"
    else:
        said["commitment"] = draw.randbytes(32).hex()
    fields["entry"] = canonical_json(said).decode()
    lines[at] = canonical_json(fields).decode()
    return text(lines)


def body(draw: Draw) -> bytes:
    """Change, swap or take away a body or its salt, or say that one was erased or was not."""
    lines = LINES.copy()
    shown = [at for at in range(1, len(lines)) if "body" in json.loads(lines[at])]
    at = draw.choice(shown)
    fields, other = json.loads(lines[at]), json.loads(lines[draw.choice(shown)])
    what = draw.choice(["body", "salt", "swap", "half", "both"])
    if what == "body":
        fields["body"] = fields["body"].replace("said", draw.choice(["sald", "s", "saidd"]))
    elif what == "salt":
        fields["salt"] = draw.randbytes(32).hex()
    elif what == "swap" and other["index"] != fields["index"]:
        fields |= {"body": other["body"], "salt": other["salt"]}
    elif what == "half":
        del fields[draw.choice(["body", "salt"])]
    else:
        fields["erased"] = True
    lines[at] = canonical_json(fields).decode()
    return text(lines)


def delete(draw: Draw) -> bytes:
    """Take an entry out, and perhaps number the rest anew."""
    entries = LINES[1:]
    del entries[draw.randrange(len(entries))]
    return text([LINES[0], *(renumbered(entries) if draw.random() < 0.5 else entries)])


def reorder(draw: Draw) -> bytes:
    """Let two entries change places, and perhaps their numbers."""
    entries = LINES[1:]
    one, other = draw.sample(range(len(entries)), 2)
    entries[one], entries[other] = entries[other], entries[one]
    return text([LINES[0], *(renumbered(entries) if draw.random() < 0.5 else entries)])


def duplicate(draw: Draw) -> bytes:
    """Have an entry twice."""
    entries = LINES[1:]
    entries.insert(draw.randrange(len(entries) + 1), draw.choice(entries))
    return text([LINES[0], *(renumbered(entries) if draw.random() < 0.5 else entries)])


def truncate(draw: Draw) -> bytes:
    """Cut the end, and perhaps count anew."""
    entries = LINES[1 : draw.randrange(1, len(LINES))]
    if draw.random() < 0.5:
        return text([LINES[0], *entries])
    fields = json.loads(text(headed(entries)).split(b"\n")[0])
    fields["checkpoint"] = str(SIGNED)
    return text([canonical_json(fields).decode(), *entries])


def rollback(draw: Draw) -> bytes:
    """Cut the end and sign what is left: the ledger's key is known."""
    return text(headed(LINES[1 : draw.randrange(1, len(LINES))]))


def fork(draw: Draw) -> bytes:
    """Write all of it anew from some entry on, and sign it: the ledger's key is known."""
    other = Written(SIZE + draw.randrange(3), fork=draw.randrange(SIZE))
    return text(headed(other.lines()[1:]))


def grow(draw: Draw) -> bytes:
    """Add entries that no witness saw, and sign it."""
    return text(headed(Written(SIZE + draw.randint(1, 5)).lines()[1:]))


def key_swap(draw: Draw) -> bytes:
    """Sign the same entries with another key, and name that; cosignatures stay, or are made with other keys."""
    other = key(draw.randrange(50, 250))
    named = log_key(SIGNED.checkpoint.origin, other)
    what = draw.choice(["all", "name", "signature"])
    if what == "name":
        return with_header(key=str(named))
    line = sign(SIGNED.note.text, SIGNED.checkpoint.origin, other)
    note = Note(SIGNED.note.text, (line, *SIGNED.note.signatures[1:]))
    if what == "signature":
        return with_note(note)
    return with_header(key=str(named), checkpoint=str(note))


def cosignature_removed(draw: Draw) -> bytes:
    """Take a witness's line away, or the ledger's own."""
    lines = list(SIGNED.note.signatures)
    del lines[draw.randrange(len(lines))]
    return with_note(Note(SIGNED.note.text, tuple(lines)))


def cosignature_forged(draw: Draw) -> bytes:
    """Put a line in the place of a witness's: with another key, of another time or of another checkpoint."""
    number = draw.randrange(len(WITNESSES))
    name, own = WITNESSES[number]
    lines = list(SIGNED.note.signatures)
    real = lines[1 + number]
    what = draw.choice(["key", "id", "time", "other", "bit", "twice"])
    if what == "key":
        lines[1 + number] = cosign(
            SIGNED.note.text, name, key(draw.randrange(50, 250)), at=1_790_000_000
        )
    elif what == "id":
        forged = cosign(SIGNED.note.text, name, key(draw.randrange(50, 250)), at=1_790_000_000)
        lines[1 + number] = type(forged)(name, real.key_id, forged.data)
    elif what == "time":
        data = draw.randrange(2**62).to_bytes(8, "big") + real.data[8:]
        lines[1 + number] = type(real)(name, real.key_id, data)
    elif what == "other":
        older = BASE.checkpoint(draw.randrange(SIZE)).text()
        lines[1 + number] = cosign(older, name, own, at=1_790_000_000)
    elif what == "bit":
        data = bytearray(real.data)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        lines[1 + number] = type(real)(name, real.key_id, bytes(data))
    else:
        lines[1 + number] = lines[1 + (number + 1) % len(WITNESSES)]
    return with_note(Note(SIGNED.note.text, tuple(lines)))


def header(draw: Draw) -> bytes:
    """Change what the header says, one name or several that fit each other."""
    what = draw.choice(
        ["size", "root", "deployment", "version", "format", "key", "old", "more", "less"]
    )
    fields = json.loads(LINES[0])
    if what == "size":
        fields["size"] = draw.choice([SIZE - 1, SIZE + 1, 0, -1, 2**50])
    elif what == "root":
        fields["root"] = draw.randbytes(32).hex()
    elif what == "deployment":
        fields["deployment"] = f"{draw.getrandbits(32):08x}-2222-4333-8444-555555555555"
    elif what == "version":
        fields["version"] = draw.choice([0, 1, 3, True, "2"])
    elif what == "format":
        fields["format"] = draw.choice(["countenance", "", "countenance-ledger "])
    elif what == "key":
        name, _, rest = str(LOG_KEY).partition("+")
        fields["key"] = draw.choice([f"{name}x+{rest}", f" {LOG_KEY}", NAMES[0], ""])
    elif what == "old":
        fields = {
            name: value for name, value in fields.items() if name not in {"key", "checkpoint"}
        }
        fields["version"] = 1
    elif what == "more":
        fields[draw.choice("abc")] = 1
    else:
        del fields[draw.choice(sorted(fields))]
    return text([canonical_json(fields).decode(), *LINES[1:]])


def checkpoint(draw: Draw) -> bytes:
    """Put another checkpoint there: of fewer entries, of another ledger, with other lines; or break its form."""
    what = draw.choice(["older", "origin", "extension", "base64", "size", "gap", "sign"])
    note, old = str(SIGNED), SIGNED.checkpoint
    if what == "older":
        note = str(cosigned_by_all(BASE.signed(draw.randrange(SIZE))))
    elif what == "origin":
        other = Checkpoint(f"{old.origin}{draw.randrange(9)}", old.size, old.root)
        note = str(cosigned_by_all(SignedCheckpoint.sign(other, LOG)))
    elif what == "extension":
        note = note.replace("\n\n", f"\nmore {draw.randrange(99)}\n\n", 1)
    elif what == "base64":
        encoded = base64.b64encode(old.root).decode()
        note = note.replace(encoded, encoded[:-2] + draw.choice("BCDFGHIJ") + "=")
    elif what == "size":
        note = note.replace(f"\n{old.size}\n", f"\n{draw.choice(['0', '+', ' '])}{old.size}\n", 1)
    elif what == "gap":
        note = note.replace("\n\n", draw.choice(["\n", "\n\n\n", "\n \n"]), 1)
    else:
        note = note.replace("\u2014 ", draw.choice(["- ", "\u2013 ", "\u2014  "]), 1)
    return with_header(checkpoint=note)


Mutator = Callable[[Draw], bytes]
FAMILIES: tuple[Mutator, ...] = (
    flip, insert, cut_bytes, edit, body, delete, reorder, duplicate, truncate, rollback, fork, grow, key_swap,
    cosignature_removed, cosignature_forged, header, checkpoint,
)  # fmt: skip
