"""Giving objects other keys of their own, and sealing all that is under them anew: photos, probes, documents.

What is left to do is what has a key that was made under an older epoch of its class key. A row and its columns
change in one commit, in which the row keeps the key before as well; its objects in the store follow one by one,
and then the key before goes. Whoever reads an object meanwhile tries both. A kill anywhere leaves rows with two keys,
which the next run goes on with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length

from countenance.apps.records.resealing import epoch_bytes, exchange, part, path_of
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedModel,
    _SealedField,
    current_keyring,
)
from countenance.errors import KeyUnavailable, NotFound, SealBroken
from countenance.sealing.envelope import seal_object, unseal_object
from countenance.sealing.object_keys import WRAPPED, former_wrapped, settled
from countenance.sealing.rotating import former_object_key, remade_object_key
from countenance.tools import Tools

BATCH: Final = 100


def object_models() -> list[type[ObjectSealedModel]]:
    """Return every kind of row with a key of its own."""
    return [one for one in apps.get_models() if issubclass(one, ObjectSealedModel)]


def count_old(agencies: Sequence[UUID | None]) -> int:
    """Return how many objects of these agencies have keys of before; None stands for the platform's own."""
    return sum(_old(model, agency).count() for model in object_models() for agency in agencies)


def remake(agencies: Sequence[UUID | None], *, tools: Tools) -> Iterator[int]:
    """Give every object that has a key of before another one; yield how many after each batch."""
    for model in object_models():
        for agency in agencies:
            rows, last = _old(model, agency), None
            while ids := _ids(rows, last):
                last = ids[-1]
                yield _remade(model, ids, tools=tools)


def _old(model: type[ObjectSealedModel], agency: UUID | None) -> QuerySet[Any]:
    """Return the rows of an agency whose keys were made under an older class key, or which have two."""
    rows = model._base_manager.exclude(object_key=None)  # noqa: SLF001 # Django's public name
    path = path_of(model)
    if (path is None) != (agency is None):
        return rows.none()
    if path is not None:
        rows = rows.filter(**{path: agency})
    newest = current_keyring().newest(model.seal_kind, agency)
    # Of a first key the epoch is left out, and nothing comes before anything.
    marked = rows.annotate(_born=part("object_key", WRAPPED + 1), _length=Length(F("object_key")))
    older = Q(_born__lt=epoch_bytes(newest)) if newest > 1 else Q(pk__in=[])
    return marked.filter(older | Q(_length__gt=2 * WRAPPED))


def _ids(rows: QuerySet[Any], last: Any) -> list[Any]:
    behind = rows if last is None else rows.filter(pk__gt=last)
    return list(behind.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _remade(model: type[ObjectSealedModel], ids: Sequence[Any], *, tools: Tools) -> int:
    """Give these rows other keys, then seal their objects anew, then drop the keys before."""
    with transaction.atomic():
        locked = model._base_manager.select_for_update(no_key=True, of=("self",))  # noqa: SLF001 # as above
        rows = list(locked.filter(pk__in=ids).exclude(object_key=None).order_by("pk"))
        # A row that does not open keeps its key: whoever reads it is told.
        rows = [row for row in rows if former_wrapped(bytes(row.object_key)) or _with_new_key(row)]
    _follow_with_objects(rows, tools=tools)
    exchange(
        model,
        "object_key",
        [(settled(bytes(row.object_key)), row.pk, bytes(row.object_key)) for row in rows],
    )
    return len(rows)


def _with_new_key(row: ObjectSealedModel) -> bool:
    """Give a locked row another key and write it with all its columns; say whether they opened."""
    dependants = [
        one
        for model, name in _sealed_with(type(row))
        for one in model._base_manager.select_for_update(no_key=True).filter(**{name: row})  # noqa: SLF001 # as above
    ]
    for one in dependants:
        setattr(one, one.sealed_with, row)
    try:
        held = [(one, _opened(one)) for one in (row, *dependants)]
    except (SealBroken, KeyUnavailable):  # changed, or naming an epoch that there is not
        return False
    name = row.sealed_under("object_key")
    if name is None:
        return False
    stored = bytes(row.object_key or b"")
    row.object_key = remade_object_key(current_keyring(), stored, name, row.pk)
    row.__dict__.pop("_opened_key", None)
    for one, values in held:
        columns = {
            str(field.column): one.seal_column(value, field.sealed_name) for field, value in values
        }
        if one is row:
            columns["object_key"] = row.object_key
        _write(one, columns)
    return True


def _opened(row: SealedModel) -> list[tuple[_SealedField, bytes]]:
    """Return the columns of a row that are under a key of its own, opened."""
    fields = [one for one in row._meta.fields if isinstance(one, _SealedField)]  # noqa: SLF001 # documented
    return [
        (field, row.unseal_column(bytes(value), field.sealed_name))
        for field in fields
        if (value := row.__dict__.get(field.attname)) is not None
        and row.sealed_under(str(field.column)) is None
    ]


def _write(row: SealedModel, columns: dict[str, bytes]) -> None:
    quoted, meta = connection.ops.quote_name, row._meta  # noqa: SLF001 # documented
    if columns:
        changes = ", ".join(f"{quoted(name)} = %s" for name in columns)
        sql = (
            f"UPDATE {quoted(meta.db_table)} SET {changes} WHERE {quoted(str(meta.pk.column))} = %s"  # noqa: S608 # names of columns only
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [*columns.values(), row.pk])


def _follow_with_objects(rows: Sequence[ObjectSealedModel], *, tools: Tools) -> None:
    """Seal the objects of rows with two keys under the newer one, where they are not yet."""
    # One after the other: a video has hundreds of megabytes, a part of an index more.
    tools.store.put_many(_objects_anew(rows, tools=tools))


def _objects_anew(
    rows: Sequence[ObjectSealedModel], *, tools: Tools
) -> Iterator[tuple[UUID, bytes]]:
    for row in rows:
        for identity, name in row.stored_objects():
            context = current_keyring().context(
                row.seal_kind,
                row.seal_agency(),
                row.pk,
                f"{row._meta.db_table}:{name}",  # noqa: SLF001 # as above
            )
            try:
                sealed = _object_anew(row, tools.store.get(identity), context)
            except (NotFound, SealBroken):
                continue  # It has none, or one that nothing opens any more.
            if sealed is not None:
                yield identity, sealed


def _object_anew(row: ObjectSealedModel, sealed: bytes, context: Any) -> bytes | None:
    """Return an object under its row's newer key; None if it is already."""
    key = row.open_key()
    try:
        unseal_object(sealed, key=key, context=context)
    except SealBroken:
        name = (row.seal_agency(), row.seal_kind)
        former = former_object_key(current_keyring(), bytes(row.object_key or b""), name, row.pk)
        if former is None:
            raise
        plaintext = unseal_object(sealed, key=former, context=context)
        return seal_object(plaintext, key=key, context=context)
    return None


def _sealed_with(model: type[SealedModel]) -> Iterator[tuple[type[SealedModel], str]]:
    """Yield the kinds of rows that are sealed under the keys of this one, with their foreign key."""
    for one in apps.get_models():
        if issubclass(one, SealedModel) and one.sealed_with:
            field = one._meta.get_field(one.sealed_with)  # noqa: SLF001 # as above
            if field.related_model is model:
                yield one, one.sealed_with
