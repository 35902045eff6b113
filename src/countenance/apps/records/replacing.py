"""Replacing the keys that sign.

Nothing is sealed under them, so nothing is left to do after the one commit. Only a key of checkpoints can stay beside
the new one for a while: a hand-over, during which each checkpoint has both signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from countenance.apps.records.keys import save_keys
from countenance.apps.records.models import KeyRow
from countenance.apps.records.services import Record, accountable
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.sealing import rotating
from countenance.sealing.kinds import KeyKind
from countenance.sealing.signing import link
from countenance.tools import Tools


@accountable(Action.SIGNING_REPLACED, deed=Deed.SET_UP)
def replace_keys(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    kinds: Sequence[KeyKind],
    at_once: bool,
    tools: Tools,
) -> None:
    """Store a new key of each kind and destroy the old ones, but for that of checkpoints unless it ends at once.

    Raises:
        Conflict: somebody else does the same at this moment.
    """
    keyring = tools.keyring
    made = rotating.next_records(keyring, [(None, kind) for kind in kinds])
    save_keys(made)
    said: list[dict[str, Any]] = []
    for one in made:
        ends = at_once or one.kind is KeyKind.SIGNING
        old, new = keyring.verifying_key(one.kind), rotating.public_half(keyring, one)
        keys = {"kind": str(one.kind), "old": old.hex(), "new": new.hex(), "ends": ends}
        if one.kind is KeyKind.SIGNING:
            keys |= link(keyring.signing_key(), new, keyring.deployment)
        said.append(keys)
        if ends:
            _destroy_older(one.kind, one.epoch)
    record.note(about=keyring.deployment, keys=said)


@accountable(Action.SIGNING_ENDED, deed=Deed.SET_UP)
def end_handover(actor: Actor, record: Record, *, tools: Tools) -> None:
    """Destroy the key of checkpoints that was handed over; from now on the new one signs alone."""
    keyring, kind = tools.keyring, KeyKind.CHECKPOINT
    new, *older = keyring.verifying_keys(kind)
    _destroy_older(kind, keyring.newest(kind, None))
    said = [{"kind": str(kind), "old": old.hex(), "new": new.hex(), "ends": True} for old in older]
    record.note(about=keyring.deployment, keys=said)


def _destroy_older(kind: KeyKind, newest: int) -> None:
    KeyRow.objects.filter(agency=None, kind=str(kind), epoch__lt=newest).delete()
