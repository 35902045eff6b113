"""Replacing keys: the next epochs, wrapping anew what hangs on an old one, and what is left to do.

Nothing is kept of how far a rotation is: a key of which there are two epochs is being rotated, and a record
whose wrapping names an older epoch than its parent has now is to be wrapped anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from countenance.sealing import object_keys
from countenance.sealing.contexts import object_key_context
from countenance.sealing.envelope import Key, epoch_of
from countenance.sealing.kinds import CLASS_KINDS, PLATFORM_KINDS, KeyKind, KeyRecord
from countenance.sealing.signing import public_bytes, signer_of
from countenance.sealing.wrapping import unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from countenance.sealing.chest import Name
    from countenance.sealing.keyring import Keyring

SIGNERS: Final = (KeyKind.SIGNING, KeyKind.CHECKPOINT)
"""Keys that sign: others hold their public halves, so they are replaced by themselves only."""

KEPT: Final = (KeyKind.BLIND_INDEX, *SIGNERS)
"""Keys that seal nothing, and are not rotated with the others: an index under another key finds nothing."""

ROTATED_PLATFORM: Final = tuple(kind for kind in PLATFORM_KINDS if kind not in KEPT)


def names_of(
    keyring: Keyring, *, platform: bool, agencies: Collection[UUID], classes: bool, parents: bool
) -> list[Name]:
    """Return the names of the keys that a rotation replaces, agencies' own keys before those of their classes.

    Args:
        keyring: with every key.
        platform: the platform's keys that seal something.
        agencies: whose keys.
        classes: the keys of their classes.
        parents: their agency keys.
    """
    records = keyring.chest.records
    names: list[Name] = [(None, kind) for kind in ROTATED_PLATFORM] if platform else []
    for agency in agencies:
        names += [(agency, KeyKind.AGENCY)] if parents else []
        names += [(agency, kind) for kind in CLASS_KINDS] if classes else []
    return [name for name in names if name in records]


def agencies_of(keyring: Keyring) -> list[UUID]:
    """Return every agency that has keys."""
    found = {agency for agency, kind in keyring.chest.records if kind is KeyKind.AGENCY}
    return sorted((one for one in found if one is not None), key=str)


def next_records(keyring: Keyring, names: Collection[Name]) -> list[KeyRecord]:
    """Make the next epoch of each of these keys; to be stored and added all at once.

    A class key whose agency's key is among them is wrapped by the new one.
    """
    chest, made = keyring.chest, []
    parents: dict[UUID | None, tuple[Key, int]] = {}
    for name in names:
        agency, kind = name
        epoch, key = chest.newest(name) + 1, Key.generate()
        parent = parents.get(agency) if kind in CLASS_KINDS else None
        made.append(wrap(key, parent or chest.parent(name), chest.deployment, name, epoch))
        if kind is KeyKind.AGENCY:
            parents[agency] = (key, epoch)
    return made


def retired(keyring: Keyring) -> dict[Name, list[int]]:
    """Return the epochs that are not the newest of their key, of each key that has any and seals something."""
    found = {}
    for name, epochs in keyring.chest.records.items():
        if name[1] in KEPT:
            continue
        newest = max(epochs, default=0)
        older = sorted(epoch for epoch in epochs if epoch != newest)
        if older:
            found[name] = older
    return found


def stale(keyring: Keyring) -> list[KeyRecord]:
    """Return the records that are wrapped by an older epoch than their parent has now."""
    chest = keyring.chest
    return [
        record
        for name, epochs in sorted(chest.records.items(), key=str)
        for record in epochs.values()
        if epoch_of(record.wrapped) != chest.parent(name)[1]
    ]


def wrapped_anew(keyring: Keyring, records: Collection[KeyRecord]) -> list[KeyRecord]:
    """Return the same keys, wrapped by the newest epoch of their parents; to be stored and added."""
    chest, made = keyring.chest, []
    for record in records:
        name = (record.agency, record.kind)
        parent, _ = chest.parent(name, epoch_of(record.wrapped))
        key = unwrap(record, parent, chest.deployment)
        newest = chest.parent(name)
        made.append(wrap(key, newest, chest.deployment, name, record.epoch, identity=record.id))
    return made


def public_half(keyring: Keyring, record: KeyRecord) -> bytes:
    """Return the public half of a key that signs, out of its stored form: the keyring need not have it yet."""
    chest = keyring.chest
    parent, _ = chest.parent((record.agency, record.kind), epoch_of(record.wrapped))
    return public_bytes(signer_of(unwrap(record, parent, chest.deployment)))


def former_object_key(keyring: Keyring, wrapped: bytes, name: Name, identity: UUID) -> Key | None:
    """Return the key that an object had before, while it is being sealed anew; None otherwise.

    Args:
        keyring: what opens the class key.
        wrapped: the stored form of the object's key.
        name: of the class key.
        identity: the object's id.

    Raises:
        KeyUnavailable: the class key is missing, or not this keyring's to open.
        SealBroken: the stored form was changed, or is that of another object.
    """
    former, (agency, kind) = object_keys.former_wrapped(wrapped), name
    if former is None:
        return None
    return keyring.open_object_key(former, kind=kind, agency=agency, object=identity)


def rewrapped_object_key(keyring: Keyring, wrapped: bytes, name: Name, identity: UUID) -> bytes:
    """Return the stored form of the same object key under the newest key of its class; see above."""
    agency, kind = name
    key = keyring.open_object_key(wrapped, kind=kind, agency=agency, object=identity)
    former = former_object_key(keyring, wrapped, name, identity)
    context = object_key_context(keyring.deployment, agency, kind, identity)
    return object_keys.rewrapped(wrapped, key, former, keyring.key(kind, agency=agency), context)


def remade_object_key(keyring: Keyring, wrapped: bytes, name: Name, identity: UUID) -> bytes:
    """Return the stored form of another key for an object, which also keeps the one before; see above."""
    agency, kind = name
    context = object_key_context(keyring.deployment, agency, kind, identity)
    parent = keyring.key(kind, agency=agency)
    return object_keys.remade(wrapped, Key.generate(), parent, context)
