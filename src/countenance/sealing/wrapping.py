"""Keys as they are stored: each sealed with its parent, and bound to its own name."""

from __future__ import annotations

from uuid import UUID, uuid4

from countenance.sealing.contexts import record_context
from countenance.sealing.envelope import Key, seal, unseal
from countenance.sealing.kinds import KeyKind, KeyRecord


def wrap(
    key: Key,
    parent: tuple[Key, int],
    deployment: UUID,
    name: tuple[UUID | None, KeyKind],
    epoch: int,
    *,
    identity: UUID | None = None,
) -> KeyRecord:
    """Return the record of a key, wrapped by its parent.

    Args:
        key: the key to store.
        parent: the key above it, and that one's epoch.
        deployment: whose key it is.
        name: of which agency, if any, and what it is for.
        epoch: its generation, from 1.
        identity: the record's id, if it is wrapped anew.
    """
    agency, kind = name
    identity = identity or uuid4()
    context = record_context(deployment, identity, name, epoch)
    wrapped = seal(key.material, key=parent[0], context=context, epoch=parent[1])
    return KeyRecord(id=identity, agency=agency, kind=kind, epoch=epoch, wrapped=wrapped)


def unwrap(record: KeyRecord, parent: Key, deployment: UUID) -> Key:
    """Return the key of a record.

    Raises:
        SealBroken: the record was changed, moved, or is another parent's.
    """
    context = record_context(deployment, record.id, (record.agency, record.kind), record.epoch)
    return Key(unseal(record.wrapped, key=parent, context=context))
