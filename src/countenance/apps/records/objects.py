"""Bytes of a row in the object store: padded, sealed under the row's own key, found by its id."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from countenance.apps.records.sealed import ObjectSealedModel, current_keyring
from countenance.errors import SealBroken
from countenance.sealing.envelope import Context, seal_object, unseal_object
from countenance.tools import Tools


def seal_for_store(row: ObjectSealedModel, data: bytes, *, part: str = "object") -> bytes:
    """Return the sealed form of a row's bytes; give it to `store.put` under the row's id."""
    return seal_object(data, key=row.open_key(), context=_context(row, part))


def put_object(row: ObjectSealedModel, data: bytes, *, tools: Tools) -> None:
    """Seal and store a row's bytes, durably."""
    tools.store.put(row.pk, seal_for_store(row, data))


def get_object(
    row: ObjectSealedModel,
    *,
    tools: Tools,
    id: UUID | None = None,
    part: str = "object",  # the store's word
) -> bytes:
    """Return a row's bytes.

    Raises:
        NotFound: the object is gone.
        SealBroken: it was changed, or its key was destroyed.
    """
    sealed = tools.store.get(id or row.pk)
    try:
        return unseal_object(sealed, key=row.open_key(), context=_context(row, part))
    except SealBroken:
        # While a row is sealed anew its objects follow one by one.
        for key in row.other_keys():
            with suppress(SealBroken):
                return unseal_object(sealed, key=key, context=_context(row, part))
        raise


def ids_in(said: object) -> list[UUID]:
    """Return the ids in a plain column; none where somebody wrote anything else than a list of them."""
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        return []
    try:
        return [UUID(one) for one in said]
    except ValueError:
        return []


def delete_objects(ids: Iterable[UUID], *, tools: Tools) -> None:
    """Remove objects from the store; what is gone already is no error."""
    tools.store.delete_many(ids)


def _context(row: ObjectSealedModel, part: str) -> Context:
    field = f"{row._meta.db_table}:{part}"  # noqa: SLF001 # Django's public name for it
    return current_keyring().context(row.seal_kind, row.seal_agency(), row.pk, field)
