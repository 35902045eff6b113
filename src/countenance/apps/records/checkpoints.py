"""Signing the ledger's head, keeping what witnesses sign, and saying who they are.

A signature is no entry: it is about the ledger, and would otherwise never come to an end. Changing who
witnesses it is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from countenance.apps.records.keys import load_keys
from countenance.apps.records.models import CheckpointRow, WitnessPolicyRow
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.apps.records.signers import log_key_of
from countenance.apps.records.tree import check_since
from countenance.apps.records.witnessed import newest_checkpoint, policy_now
from countenance.errors import Conflict, LedgerBroken, SealBroken
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint, origin_of
from countenance.ledger.entry import Action
from countenance.ledger.merkle import Frontier
from countenance.ledger.note import Signature, Signed
from countenance.ledger.quorum import WitnessPolicy
from countenance.policy import Actor, Deed
from countenance.sealing.kinds import KeyKind
from countenance.tools import Tools

KEPT = timedelta(days=1)
"""For so long a checkpoint is kept that no witness signed and that is not the newest: one may still be asked."""
EVERY = 1000
"""Each time that the ledger has so many entries more, old checkpoints are dropped: there is no index to find them by."""


@composed_of()
def check_ledger(*, tools: Tools) -> Frontier:
    """Require that the ledger goes on from the newest checkpoint that it signed; return its edge.

    Raises:
        LedgerBroken: its head or an entry is gone, or it was rolled back or changed since.
        BadProof: the checkpoint is not signed by a key that this deployment had then.
    """
    kept = newest_checkpoint()
    if kept is not None:
        log_key_of(kept, keyring=tools.keyring)
    return check_since(kept.checkpoint if kept else None)


@composed_of()
def sign_head(*, tools: Tools) -> SignedCheckpoint | None:
    """Sign the ledger as it is now, if it goes on from what was signed before; None while it is empty.

    Needs the whole keyring. A head that was signed already keeps its checkpoint. While a key is handed over to another,
    both sign.

    Raises:
        LedgerBroken, BadProof: it does not go on; nothing is signed.
    """
    head = check_ledger(tools=tools)
    before = newest_checkpoint()
    if not head.size or (before is not None and before.checkpoint.size == head.size):
        return before
    origin = origin_of(tools.keyring.deployment)
    checkpoint = Checkpoint(origin, head.size, head.root())
    # Read after the head: a key that was destroyed since signs nothing that comes after its end.
    stored = load_keys(KeyKind.CHECKPOINT)
    tools.keyring.take_in(stored)
    epochs = sorted(one.epoch for one in stored)
    keys = [tools.keyring.signing_key(KeyKind.CHECKPOINT, one) for one in epochs]
    signed = SignedCheckpoint.sign(checkpoint, *keys)
    with transaction.atomic(durable=True):
        # Two processes may sign the same head at the same moment; both signatures are the same.
        row = CheckpointRow(size=head.size, note=str(signed).encode(), at=tools.clock())
        CheckpointRow.objects.bulk_create([row], ignore_conflicts=True)
        if before is not None and before.checkpoint.size // EVERY != head.size // EVERY:
            _drop_old(before.checkpoint.size, now=row.at)
    return signed


def _drop_old(size: int, *, now: datetime) -> None:
    """Drop the checkpoints before one of that size that no witness signed; each later one says the same and more."""
    old = CheckpointRow.objects.filter(size__lt=size, cosigned=0, at__lt=now - KEPT)
    old.delete()


@composed_of()
def keep_cosignatures(
    size: int, lines: Iterable[Signature], *, policy: WitnessPolicy
) -> list[Signed]:
    """Put witnesses' lines to a stored checkpoint, and return which of the policy have signed it now.

    Raises:
        Conflict: there is no such checkpoint.
        BadProof: one of the lines is not the signature of the witness that it names; none is kept.
    """
    with transaction.atomic(durable=True):
        row = CheckpointRow.objects.select_for_update(no_key=True).filter(size=size).first()
        if row is None:
            raise Conflict("There is no such checkpoint.")
        before = SignedCheckpoint.parse(bytes(row.note))
        signed = SignedCheckpoint(before.checkpoint, before.note.with_lines(lines))
        by = signed.cosigned_by(policy.trust.witnesses)
        row.note, row.cosigned = str(signed).encode(), len(by)
        row.save(update_fields=("note", "cosigned"))
    return by


@accountable(Action.WITNESSES_CHANGED, deed=Deed.WITNESSES_SET)
def set_witnesses(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    policy: WitnessPolicy,
    tools: Tools,
) -> WitnessPolicyRow:
    """Say who witnesses the ledger from now on, how many of them must, and after which wait nothing goes on.

    Also where it cannot be told who did before, which stops whatever needs witnesses: this is the way out, and
    the entry says that nobody knew.
    """
    try:
        before: dict[str, Any] | None = policy_now().policy.to_dict()
    except (LedgerBroken, SealBroken):
        before = None
    row = WitnessPolicyRow(at=tools.clock(), policy=policy.to_dict())
    row.save(force_insert=True)
    record.note(about=row.pk, policy=policy.to_dict(), before=before)
    return row


@accountable(Action.WITNESSES_CHANGED, deed=Deed.SET_UP)
def keep_witnesses(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    policy: WitnessPolicy,
    tools: Tools,
) -> None:
    """Let the witnesses of a backup hold in what was restored from it: what was set since is lost with its row."""
    row = WitnessPolicyRow(at=tools.clock(), policy=policy.to_dict())
    row.save(force_insert=True)
    record.note(about=row.pk, policy=policy.to_dict(), restored=True)
