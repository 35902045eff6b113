"""The manifest of a backup: the size and hash of each part, sealed and signed by the deployment itself.

Around it lie, wrapped as they are in the database, the two keys that open and verify it, so that whoever has the
unseal factor can do so before anything of the backup is used. The public key is derived from those, never read from
the file: nobody without the root key can make a backup that verifies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature

from countenance.errors import BackupBroken, CountenanceError
from countenance.ledger.entry import canonical_json
from countenance.ledger.head import Head
from countenance.sealing.keyfile import Root
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind, KeyRecord
from countenance.sealing.signing import verify_with

FORMAT, VERSION = "countenance-backup", 1
NEEDED = frozenset({KeyKind.PLATFORM, KeyKind.SIGNING})
_LABEL = b"countenance/backup/1\n"
_FIELD = "manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a backup: its SHA-256 and its size in bytes."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Part):
    """A sealed object: also its id, and when it was written, in microseconds since 1970."""

    id: UUID
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is made of.

    Attributes:
        backup: its id.
        deployment: whose it is.
        made_at: the moment of the one snapshot that it is made from.
        program: the version that made it.
        migrations: the migrations of the database, as `app.name`.
        head: the ledger in it.
        database: the dump.
        key_file: the wrapped root key.
        objects: every sealed object that the database names, but for those that are made again.
        missing: objects that the database names and that were not in the store, although nobody removed them.
    """

    backup: UUID
    deployment: UUID
    made_at: datetime
    program: str
    migrations: tuple[str, ...]
    head: Head
    database: Part
    key_file: Part
    objects: tuple[Stored, ...]
    missing: tuple[UUID, ...]

    @property
    def bytes(self) -> int:
        """Return how large all of it is."""
        return self.database.size + self.key_file.size + sum(one.size for one in self.objects)


def write(manifest: Manifest, *, records: Iterable[KeyRecord], keyring: Keyring) -> bytes:
    """Return the file that holds the manifest, sealed and signed."""
    sealed = keyring.seal(
        canonical_json(_as_json(manifest)),
        kind=KeyKind.PLATFORM,
        agency=None,
        object=manifest.backup,
        field=_FIELD,
    )
    said: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "backup": manifest.backup,
        "deployment": manifest.deployment,
        "made_at": manifest.made_at,
        "keys": [_record(one) for one in records if one.kind in NEEDED],
        "sealed": base64.b64encode(sealed).decode(),
    }
    signature = keyring.signing_key().sign(_LABEL + canonical_json(said))
    return canonical_json({**said, "signature": signature.hex()}) + b"\n"


def read(data: bytes, *, root: Root) -> tuple[Manifest, Keyring]:
    """Return the manifest in a file, verified, and a keyring with the keys that came with it.

    Raises:
        BackupBroken: it was changed, or another deployment's root key made it.
    """
    try:
        keys = [_key(one) for one in json.loads(data)["keys"]]
        keyring = Keyring(root.key, deployment=root.deployment, records=keys, roots=root.roots)
    except (CountenanceError, ValueError, KeyError, TypeError, AttributeError):
        raise BackupBroken from None
    return read_with(data, keyring=keyring), keyring


def read_with(data: bytes, *, keyring: Keyring, past: Iterable[bytes] = ()) -> Manifest:
    """Return the manifest in a file, verified with the keys of its deployment.

    Args:
        data: the file.
        keyring: with its keys.
        past: the public halves of keys that it signed with before.

    Raises:
        BackupBroken: it was changed, or is another deployment's.
    """
    try:
        said = json.loads(data)
        signature = bytes.fromhex(said.pop("signature"))
        _require_version(said)
        keys = [*keyring.verifying_keys(), *past]
        verify_with(keys, signature, _LABEL + canonical_json(said))
        opened = keyring.unseal(
            base64.b64decode(said["sealed"], validate=True),
            kind=KeyKind.PLATFORM,
            agency=None,
            object=UUID(said["backup"]),
            field=_FIELD,
        )
        manifest = _from_json(json.loads(opened))
    except BackupBroken:
        raise
    except (InvalidSignature, CountenanceError, ValueError, KeyError, TypeError, AttributeError):
        raise BackupBroken from None
    if manifest.deployment != keyring.deployment or str(manifest.backup) != said["backup"]:
        raise BackupBroken
    return manifest


def _require_version(said: dict[str, Any]) -> None:
    if (said["format"], said["version"]) != (FORMAT, VERSION):
        raise BackupBroken("This is no backup, or one of a newer version of the program.")


def _as_json(one: Manifest) -> dict[str, Any]:
    return {
        "backup": one.backup,
        "deployment": one.deployment,
        "made_at": one.made_at,
        "program": one.program,
        "migrations": list(one.migrations),
        "ledger": {"size": one.head.size, "root": one.head.root.hex()},
        "database": _part(one.database),
        "key_file": _part(one.key_file),
        "objects": [[it.id, it.digest.hex(), it.size, it.changed] for it in one.objects],
        "missing": list(one.missing),
    }


def _from_json(said: dict[str, Any]) -> Manifest:
    return Manifest(
        backup=UUID(said["backup"]),
        deployment=UUID(said["deployment"]),
        made_at=datetime.fromisoformat(said["made_at"]),
        program=str(said["program"]),
        migrations=tuple(said["migrations"]),
        head=Head(size=said["ledger"]["size"], root=bytes.fromhex(said["ledger"]["root"])),
        database=_read_part(said["database"]),
        key_file=_read_part(said["key_file"]),
        objects=tuple(
            Stored(id=UUID(id), digest=bytes.fromhex(digest), size=size, changed=changed)
            for id, digest, size, changed in said["objects"]  # the object's id
        ),
        missing=tuple(UUID(one) for one in said["missing"]),
    )


def _part(one: Part) -> dict[str, Any]:
    return {"sha256": one.digest.hex(), "size": one.size}


def _read_part(said: dict[str, Any]) -> Part:
    return Part(digest=bytes.fromhex(said["sha256"]), size=said["size"])


def _record(one: KeyRecord) -> dict[str, Any]:
    wrapped = base64.b64encode(one.wrapped).decode()
    return {"id": one.id, "kind": str(one.kind), "epoch": one.epoch, "wrapped": wrapped}


def _key(said: dict[str, Any]) -> KeyRecord:
    kind = KeyKind(said["kind"])
    if kind not in NEEDED:
        raise BackupBroken
    return KeyRecord(
        id=UUID(said["id"]),
        agency=None,
        kind=kind,
        epoch=int(said["epoch"]),
        wrapped=base64.b64decode(said["wrapped"], validate=True),
    )
