"""What proves that a list of entries is this deployment's ledger: a checkpoint that it signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from countenance.apps.records.witnessed import log_key
from countenance.errors import BadProof, ErasureListBroken, LedgerBroken
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.entry import Action, Entry
from countenance.ledger.export import FORMAT, VERSION, WITHOUT_CHECKPOINT
from countenance.ledger.head import Head
from countenance.sealing.keyring import Keyring

UNSIGNED = (
    "This export carries no signed checkpoint, so anybody could have written it. Use one that `countenance ledger "
    "export` wrote with its checkpoint, the lost home, or the folder of backups, whose lists are signed. If there is none "
    "of these: `countenance restore --erasures-lost --reason …`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry that nothing proves; action, time and id are None if it cannot be read."""

    index: int
    action: Action | None = None
    at: datetime | None = None
    about: UUID | None = None

    @classmethod
    def of(cls, index: int, data: bytes) -> LeftOut:
        """Read what the entry of these bytes says of itself."""
        try:
            entry = Entry.parse(data)
        except LedgerBroken:
            return cls(index=index)
        return cls(index=index, action=entry.action, at=entry.at, about=entry.about)

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        return {
            "index": self.index,
            "action": self.action and str(self.action),
            "at": self.at and self.at.isoformat(),
            "about": self.about and str(self.about),
        }


def of_header(fields: Mapping[str, Any], *, keyring: Keyring) -> SignedCheckpoint:
    """Return the checkpoint in the first line of an export, which this deployment signed over its size and root.

    Raises:
        ErasureListBroken: it is of another deployment, carries none, or one that is not of this size and root or not
            signed by this deployment.
    """
    if fields.get("format") != FORMAT or fields.get("deployment") != str(keyring.deployment):
        raise ErasureListBroken("This file is no export of this deployment's ledger.")
    if fields.get("version") == WITHOUT_CHECKPOINT:
        raise ErasureListBroken(UNSIGNED)
    try:
        signed = SignedCheckpoint.parse(fields["checkpoint"])
        head = Head(size=fields["size"], root=bytes.fromhex(fields["root"]))
    except (BadProof, KeyError, ValueError, TypeError, AttributeError):
        raise ErasureListBroken from None
    if fields.get("version") != VERSION or signed.checkpoint.head != head:
        raise ErasureListBroken(
            "The checkpoint of this export is not of the entries that it counts."
        )
    try:
        _require_ours(signed, keyring)
    except BadProof:
        raise ErasureListBroken(
            "The checkpoint of this export is not signed by this deployment's key, or by one that replaced it after the "
            "backup. Use another list: those in the folder of backups say which key followed which."
        ) from None
    return signed


def newest(notes: Iterable[bytes], *, since: Head, keyring: Keyring) -> SignedCheckpoint | None:
    """Return the first of some stored checkpoints that this deployment signed and that reaches as far as the backup.

    One that does not verify proves nothing, and is passed over: what only it would prove is then left out.
    """
    for note in notes:
        try:
            signed = SignedCheckpoint.parse(note)
            _require_ours(signed, keyring)
        except BadProof:
            continue
        if signed.checkpoint.size >= since.size:
            return signed
    return None


def _require_ours(signed: SignedCheckpoint, keyring: Keyring) -> None:
    """Require the signature of this deployment's ledger, with the key of checkpoints that came with the backup.

    Raises:
        BadProof: there is none, or it does not verify.
    """
    signed.require_log([log_key(keyring)])
