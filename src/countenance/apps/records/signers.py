"""The keys that the deployment signs with, and those that it signed with before: their public halves and when they held.

The ledger's own entries say it (`signing.replaced`, `signing.ended`), so nobody who only writes to the database can add one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.ledger.checkpoint import SignedCheckpoint, origin_of
from countenance.ledger.entry import Action
from countenance.ledger.note import KeyType, VerifierKey
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind
from countenance.sealing.rotating import SIGNERS


@dataclass(slots=True)
class SigningKey:
    """A key that the deployment signs with, or did.

    Attributes:
        kind: `signing` or `checkpoint`.
        public: the 32 bytes that verify with it.
        since: when it began to sign; None of a deployment's first.
        until: when it was destroyed; None while it signs.
        size: how many entries the ledger had then.
    """

    kind: KeyKind
    public: bytes
    since: datetime | None = None
    until: datetime | None = None
    size: int | None = None


def signing_keys(keyring: Keyring) -> list[SigningKey]:
    """Return every key that signs or signed, oldest first, those of bundles before those of checkpoints.

    Raises:
        SealBroken: an entry's body was changed.
    """
    found: dict[tuple[KeyKind, bytes], SigningKey] = {}

    def known(kind: KeyKind, public: bytes) -> SigningKey:
        return found.setdefault((kind, public), SigningKey(kind, public))

    for row, said in _said(keyring):
        kind = KeyKind(said["kind"])
        old, new = (known(kind, bytes.fromhex(said[name])) for name in ("old", "new"))
        if row.action == Action.SIGNING_REPLACED:
            new.since = row.at
        if said["ends"]:
            old.until, old.size = row.at, row.index
    for kind in SIGNERS:
        for public in reversed(keyring.verifying_keys(kind)):
            known(kind, public)
    return sorted(found.values(), key=lambda one: SIGNERS.index(one.kind))


def links(keyring: Keyring) -> list[dict[str, str]]:
    """Return what each earlier key of kind `signing` signed of the one that followed it, oldest first."""
    names = ("old", "new", "signature")
    return [
        {name: said[name] for name in names} for _, said in _said(keyring) if "signature" in said
    ]


def verifying_keys(keyring: Keyring) -> list[bytes]:
    """Return the public halves of every key of kind `signing`, past ones too."""
    return [one.public for one in signing_keys(keyring) if one.kind is KeyKind.SIGNING]


def log_keys(keyring: Keyring, *, size: int) -> list[VerifierKey]:
    """Return the keys that may have signed a checkpoint of that size, newest first."""
    return [
        verifier_key(keyring, one.public)
        for one in reversed(signing_keys(keyring))
        if one.kind is KeyKind.CHECKPOINT and (one.size is None or size <= one.size)
    ]


def log_key_of(signed: SignedCheckpoint, *, keyring: Keyring) -> VerifierKey:
    """Return the newest of the ledger's keys that signed a checkpoint.

    Raises:
        BadProof: none of them did, or one of the signatures does not verify.
    """
    known = log_keys(keyring, size=signed.checkpoint.size)
    signed.require_log(known)
    by = {one.key for one in signed.note.verified(known)}
    return next(one for one in known if one in by)


def verifier_key(keyring: Keyring, public: bytes) -> VerifierKey:
    """Return a key of the ledger as others give it to their programs."""
    return VerifierKey(origin_of(keyring.deployment), KeyType.ED25519, public)


def to_dicts(keyring: Keyring) -> list[dict[str, Any]]:
    """Return every key that signs or signed in JSON's own types, as it is published."""
    return [
        {
            "kind": str(one.kind),
            "key": one.public.hex()
            if one.kind is KeyKind.SIGNING
            else str(verifier_key(keyring, one.public)),
            "since": one.since and one.since.isoformat(),
            "until": one.until and one.until.isoformat(),
        }
        for one in signing_keys(keyring)
    ]


def words(keyring: Keyring, kind: KeyKind) -> list[str]:
    """Return in sentences which keys of a kind signed when, if there was ever more than one."""
    mine = [one for one in to_dicts(keyring) if one["kind"] == str(kind)]
    if len(mine) == 1:
        return []
    return [
        f"{one['key']} signed from {(one['since'] or 'the beginning')[:19]} to {one['until'][:19]} and is destroyed."
        if one["until"]
        else f"{one['key']} signs since {(one['since'] or 'the beginning')[:19]}."
        for one in mine
    ]


def handing_over(keyring: Keyring) -> bool:
    """Say whether checkpoints are signed with two keys."""
    return len(keyring.verifying_keys(KeyKind.CHECKPOINT)) > 1


def _said(keyring: Keyring) -> Iterator[tuple[LedgerRow, dict[str, Any]]]:
    """Yield what each entry says of one key and the one that follows it."""
    actions = (str(Action.SIGNING_REPLACED), str(Action.SIGNING_ENDED))
    for row in LedgerRow.objects.filter(action__in=actions).order_by("index"):
        opened = unseal_body(row, keyring=keyring)
        # One whose body a restore lost is about a key that was lost with it.
        for said in json.loads(opened[1])["facts"]["keys"] if opened else ():
            yield row, said
