"""What was destroyed since a backup: kept outside of it, as the ledger's own entries without their bodies.

Each erasure is an entry of the ledger, written in the same transaction, and names the erased row by its random id and
nothing else. So the list of erasures is the ledger, and a copy of its end is all that a restore needs to repeat them
and to continue the same tree. It is taken from a folder of backups (`copy` puts it there), from a ledger export, or
from the database of the lost home. Whatever it is taken from, the root that its entries must give was signed by this
deployment: else whoever hands in a file, or wrote to a database, could have people erased, or not erased again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidSignature

from countenance.apps.records import signers
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import head
from countenance.errors import Conflict, CountenanceError, ErasureListBroken, InputError, NotFound
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.entry import canonical_json
from countenance.ledger.export import entry_line
from countenance.ledger.head import Head
from countenance.sealing.keyring import Keyring
from countenance.sealing.signing import followed, verify_with
from countenance.web.backups import proofs
from countenance.web.backups.folder import BackupFolder
from countenance.web.backups.marks import replace
from countenance.web.backups.proofs import LeftOut
from countenance.web.postgres import LocalPostgres

FORMAT, VERSION = "countenance-ledger-part", 1
_LABEL = b"countenance/ledger-part/1\n"

_TOO_OLD = "The list ends before the backup was made. Use a newer one."

Entries = Iterator[tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureList:
    """The entries of a ledger that was lost.

    Attributes:
        kind: where they come from: `folder`, `export` or `home`.
        heads: what the tree was at some sizes, the last of them included; the entries must give these roots.
        entries: index and bytes of each, in order, from one that the backup holds too.
        signed: the checkpoint that proves them, verified; None of a folder, whose lists are signed themselves.
        left_out: entries behind those, of which nothing proves that the deployment wrote them.
    """

    kind: str
    heads: dict[int, bytes]
    entries: Entries
    signed: SignedCheckpoint | None = None
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size(self) -> int:
        """Return how many entries the lost ledger had."""
        return max(self.heads)


def copy(folder: BackupFolder, *, keyring: Keyring) -> int:
    """Copy the ledger's entries that the folder lacks, and return up to which size it holds them now.

    Raises:
        Conflict: the folder holds entries that are not on this ledger.
    """
    parts = _parts(folder)
    first = parts[-1][1].size if parts else 0
    now = head()
    if parts:
        last = LedgerRow.objects.filter(index=first - 1).first()
        if last is None or bytes(last.root) != parts[-1][1].root:
            raise Conflict(
                "This folder holds entries of another ledger, or of what this one was before it was restored. "
                "Use another folder."
            )
    if first == now.size:
        return first
    said: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "deployment": keyring.deployment,
        "first": first,
        "size": now.size,
        "root": now.root.hex(),
    }
    if links := signers.links(keyring):
        # A backup of before a key was replaced knows only the keys before.
        said["keys"] = links
    signature = keyring.signing_key().sign(_LABEL + canonical_json(said)).hex()
    lines = [canonical_json({**said, "signature": signature}).decode()]
    rows = LedgerRow.objects.filter(index__gte=first, index__lt=now.size).order_by("index")
    for index, entry in rows.values_list("index", "entry").iterator():
        lines.append(entry_line(index, bytes(entry)))
    replace(folder.ledger / _name(first, now.size), ("\n".join(lines) + "\n").encode())
    return now.size


def read(place: Path, *, since: Head, keyring: Keyring) -> ErasureList:
    """Return the list of erasures at a place: a folder of backups, a ledger export, or a lost home.

    Args:
        place: where it is.
        since: the ledger of the backup.
        keyring: verifies what the deployment signed.

    Raises:
        NotFound: nothing is there.
        InputError: it is none of the three.
        ErasureListBroken: it was changed, is not signed by this deployment, or ends before the backup.
    """
    if not place.exists():
        raise NotFound(f"There is no list of erasures at {place}.")
    if place.is_file():
        found = _of_export(place, keyring=keyring)
    elif (place / "ledger").is_dir():
        found = _of_folder(BackupFolder.existing(place), since=since, keyring=keyring)
    elif (place / "database.json").exists() or (place / "database").is_dir():
        found = _of_home(place, since=since, keyring=keyring)
    else:
        raise InputError(f"{place} is no folder of backups, no ledger export and no home.")
    if found.size < since.size:
        raise ErasureListBroken(_TOO_OLD)
    if found.heads.get(since.size, since.root) != since.root:
        raise ErasureListBroken("The list is not of the ledger that is in the backup.")
    return found


def signed_size(folder: BackupFolder, *, keyring: Keyring) -> int:
    """Return up to which entry the signed lists of a folder reach; 0 if it holds none that can be believed."""
    try:
        parts = _parts(folder)
        for path, said in parts:
            next(_lines(path, said, keyring=keyring), None)
    except (ErasureListBroken, OSError):
        return 0
    return parts[-1][1].size if parts else 0


def _of_folder(folder: BackupFolder, *, since: Head, keyring: Keyring) -> ErasureList:
    parts = [(path, said) for path, said in _parts(folder) if said.size > since.size]
    heads = {said.size: said.root for _, said in parts} or {since.size: since.root}

    def entries() -> Entries:
        for path, said in parts:
            yield from _lines(path, said, keyring=keyring)

    return ErasureList(kind="folder", heads=heads, entries=entries())


def _lines(path: Path, said: Head, *, keyring: Keyring) -> Entries:
    """Yield the entries of one file whose head the deployment signed."""
    with path.open("rb") as file:
        fields = _json(file.readline())
        try:
            signature = bytes.fromhex(fields.pop("signature"))
            # Written after the backup, so by one of its keys or by one that followed; none that ended before.
            links = fields.get("keys", ())
            keys = followed(keyring.verifying_keys(), links, keyring.deployment)
            verify_with(keys, signature, _LABEL + canonical_json(fields))
            deployment = fields["deployment"] == str(keyring.deployment)
            if (fields["size"], fields["root"]) != (said.size, said.root.hex()) or not deployment:
                raise ErasureListBroken
        except (
            InvalidSignature,
            CountenanceError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ):
            raise ErasureListBroken from None
        yield from _entries(file)


def _of_export(path: Path, *, keyring: Keyring) -> ErasureList:
    with path.open("rb") as file:
        signed = proofs.of_header(_json(file.readline()), keyring=keyring)

    def entries() -> Entries:
        with path.open("rb") as lines:
            lines.readline()
            yield from _entries(lines)

    heads = {signed.checkpoint.size: signed.checkpoint.root}
    return ErasureList(kind="export", heads=heads, entries=entries(), signed=signed)


def _of_home(home: Path, *, since: Head, keyring: Keyring) -> ErasureList:
    """Read the ledger of a lost home's own database, as far as the deployment signed it.

    Whoever wrote to that database may have written entries: a minute's work at most is behind the last checkpoint, and
    is left out rather than believed.
    """
    with LocalPostgres(home) as server, psycopg.connect(server.ensure_running()) as lost:
        try:
            rows = lost.execute(
                "SELECT index, entry FROM records_ledgerrow WHERE index >= %s ORDER BY index",
                [max(since.size - 1, 0)],
            ).fetchall()
            notes = lost.execute(
                "SELECT note FROM records_checkpointrow WHERE size >= %s ORDER BY size DESC",
                [since.size],
            ).fetchall()
        except psycopg.Error:
            raise ErasureListBroken("The database of this home cannot be read.") from None
    found = [(int(index), bytes(entry)) for index, entry in rows]
    if not found or found[-1][0] + 1 < since.size:
        raise ErasureListBroken(_TOO_OLD)
    signed = proofs.newest((bytes(note) for (note,) in notes), since=since, keyring=keyring)
    # Without a later checkpoint nothing is proved but what the backup holds itself.
    end = signed.checkpoint.head if signed else since
    return ErasureList(
        kind="home",
        heads={end.size: end.root},
        entries=iter([one for one in found if one[0] < end.size]),
        signed=signed,
        left_out=tuple(LeftOut.of(*one) for one in found if one[0] >= end.size),
    )


def _entries(lines: Iterator[bytes]) -> Entries:
    for line in lines:
        fields = _json(line)
        try:
            yield int(fields["index"]), fields["entry"].encode()
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ErasureListBroken from None


def _json(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        raise ErasureListBroken from None
    if not isinstance(fields, dict):
        raise ErasureListBroken
    return fields


def _parts(folder: BackupFolder) -> list[tuple[Path, Head]]:
    """Return the files of a folder in order, with the head that each names; each begins where one ended.

    Raises:
        ErasureListBroken: one is missing, or cannot be read.
    """
    found: list[tuple[Path, Head]] = []
    for path in sorted(folder.ledger.glob("*.jsonl")):
        with path.open("rb") as file:
            fields = _json(file.readline())
        try:
            said = Head(size=int(fields["size"]), root=bytes.fromhex(fields["root"]))
            first = int(fields["first"])
        except (KeyError, ValueError, TypeError):
            raise ErasureListBroken from None
        if first != (found[-1][1].size if found else 0):
            raise ErasureListBroken("A part of the list is missing.")
        found.append((path, said))
    return found


def _name(first: int, size: int) -> str:
    return f"{first:012d}-{size:012d}.jsonl"
