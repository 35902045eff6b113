"""The contexts of wrapped keys: a key moved to another name, or object, does not open."""

from __future__ import annotations

from uuid import UUID

from countenance.sealing.envelope import Context
from countenance.sealing.kinds import KeyKind


def record_context(
    deployment: UUID, identity: UUID, name: tuple[UUID | None, KeyKind], epoch: int
) -> Context:
    """Return the context of a wrapped key; the epoch in the header is its parent's."""
    agency, kind = name
    return Context(
        deployment=deployment,
        agency=agency,
        kind=f"key/{kind.value}",
        object=identity,
        field=f"epoch/{epoch}",
    )


def object_key_context(
    deployment: UUID, agency: UUID | None, kind: KeyKind, identity: UUID
) -> Context:
    """Return the context of a wrapped object key, apart from that of any field of the object."""
    return Context(
        deployment=deployment, agency=agency, kind=f"object-key/{kind.value}", object=identity
    )
