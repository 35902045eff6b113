"""What is sealed under old keys, found by the epoch that stands in each value, and sealed anew.

No progress is kept anywhere: what is left to do is what has an old epoch. A value is exchanged only if it still is what
was read, so that nothing that somebody wrote meanwhile is lost, and content is not changed: an entry on the
ledger says that a key was rotated, none that a value was sealed anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import F, Func, QuerySet, Value

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedModel,
    _SealedField,
    current_keyring,
)
from countenance.apps.records.services import seal_body, unseal_body
from countenance.errors import KeyUnavailable, SealBroken
from countenance.sealing.chest import Name
from countenance.sealing.envelope import epoch_of
from countenance.sealing.kinds import KeyKind
from countenance.sealing.object_keys import epochs_of
from countenance.sealing.rotating import rewrapped_object_key

BATCH: Final = 500
_UP: Final = ("gallery", "run", "person", "evaluation", "photo")
"""The foreign keys by which a row without an agency of its own belongs to one."""

Retired = dict[Name, list[int]]
"""The old epochs of each key that has any."""


def sealed_models() -> list[type[SealedModel]]:
    """Return every kind of row that holds sealed values under a class key."""
    found = [one for one in apps.get_models() if issubclass(one, SealedModel)]
    return [one for one in found if not one.sealed_with]


def columns_of(model: type[SealedModel]) -> list[str]:
    """Return the columns of a kind of row that may be under a class key, the wrapped key of its own first."""
    sealed = [one.column for one in model._meta.fields if isinstance(one, _SealedField)]  # noqa: SLF001 # documented
    own = ["object_key"] if issubclass(model, ObjectSealedModel) else []
    by_class = model.sealed_under is not ObjectSealedModel.sealed_under
    return [*own, *(sealed if by_class else ()), *model.also_sealed]


def count_left(retired: Retired) -> dict[Name, int]:
    """Return how many values are under old epochs of each key; those without any have 0."""
    left = dict.fromkeys(retired, 0)
    for model, column, rows in _candidates(retired):
        # Where the key follows from the row's agency the database counts; elsewhere there are few rows.
        if path_of(model) and not _mixed(model):
            for name in retired:
                if name[1] is model.seal_kind:
                    left[name] += _of(rows, model, {name: retired[name]}, column).count()
            continue
        for row in rows.iterator(chunk_size=BATCH):
            old = _old(row, column, retired)
            if old is not None:
                left[old] += 1
    for name, rows in _ledger_rows(retired):
        left[name] += rows.count()
    return left


def seal_anew(retired: Retired) -> Iterator[int]:
    """Seal everything that opens and is under old epochs under the newest; yield how many after each batch."""
    for model, column, rows in _candidates(retired):
        last = None
        while batch := _next(rows, last, model, column):
            last = batch[-1].pk
            changed = []
            for row in batch:
                if _old(row, column, retired) is not None:
                    before = bytes(row.__dict__[column])
                    anew = _sealed_anew(row, column, before)
                    if anew is not None:
                        changed.append((anew, row.pk, before))
            exchange(model, column, changed)
            yield len(changed)
    for _, entries in _ledger_rows(retired):
        last = -1
        while found := list(entries.filter(pk__gt=last).order_by("pk")[:BATCH]):
            last = found[-1].pk
            changed = [
                (anew, row.pk, bytes(row.body or b""))
                for row in found
                if (anew := _body_anew(row)) is not None
            ]
            exchange(LedgerRow, "body", changed)
            yield len(changed)


def that_do_not_open(retired: Retired) -> list[tuple[Name, str]]:
    """Return of each value under old epochs that cannot be sealed anew the key, and where it stands.

    Each is tried, so this is for few: a rotation that was ended leaves no others.
    """
    found = []
    for model, column, rows in _candidates(retired):
        for row in rows.iterator(chunk_size=BATCH):
            name = _old(row, column, retired)
            if name is not None and _sealed_anew(row, column, bytes(row.__dict__[column])) is None:
                found.append((name, f"{model._meta.db_table} {row.pk}, {column}"))  # noqa: SLF001 # documented
    for name, entries in _ledger_rows(retired):
        found += [(name, f"entry {row.index}") for row in entries if _body_anew(row) is None]
    return found


def _candidates(
    retired: Retired,
) -> Iterator[tuple[type[SealedModel], str, QuerySet[Any]]]:
    """Yield each column with the rows in which its value may be under an old epoch."""
    kinds = {kind for _, kind in retired}
    for model in sealed_models():
        if not _mixed(model) and model.seal_kind not in kinds:
            continue
        for column in columns_of(model):
            rows = model._base_manager.all()  # noqa: SLF001 # Django's public name
            yield model, column, _of(rows, model, retired, column)


def _of(
    rows: QuerySet[Any], model: type[SealedModel], retired: Retired, column: str
) -> QuerySet[Any]:
    """Return the rows whose column names one of these epochs, of the agencies whose keys they are."""
    wanted = models.Q(pk__in=[])
    path = path_of(model)
    if path is None or _mixed(model):
        wanted |= models.Q(
            _epoch__in=sorted({epoch_bytes(one) for each in retired.values() for one in each})
        )
    else:
        for (agency, kind), epochs in retired.items():
            if kind is model.seal_kind:
                heads = [epoch_bytes(one) for one in epochs]
                wanted |= models.Q(_epoch__in=heads, **{path: agency})
                if column == "object_key":
                    # While an object is sealed anew the wrapped form of the key before follows the first.
                    wanted |= models.Q(_second__in=heads, **{path: agency})
    if column in model.under_own_key:
        # Only rows of before there were such keys have it under the key of their class.
        rows = rows.filter(object_key=None)
    marked = rows.annotate(_epoch=part(column, 2))
    if column == "object_key":
        marked = marked.annotate(_second=part(column, 103))
    found: QuerySet[Any] = marked.filter(wanted)
    return found


def part(column: str, start: int) -> Func:
    """Return four bytes of a sealed value: the epoch behind the version byte."""
    place = (F(column), Value(start), Value(4))
    return Func(*place, function="substring", output_field=models.BinaryField())


def epoch_bytes(epoch: int) -> bytes:
    """Return an epoch as it stands in a sealed value."""
    return epoch.to_bytes(4, "big")


def _next(rows: QuerySet[Any], last: Any, model: type[SealedModel], column: str) -> list[Any]:
    """Return the next rows behind the last one, with nothing of them but what is needed."""
    found = rows if last is None else rows.filter(pk__gt=last)
    path = path_of(model)
    if path and "__" in path:
        # Not the rows above with all their columns: a gallery's rotation alone is a megabyte.
        up = path.removesuffix("__agency_id")
        steps = up.split("__")
        above = ["__".join(steps[: count + 1]) for count in range(len(steps))]
        found = found.select_related(up).only(column, *above, f"{up}__agency")
    return list(found.order_by("pk")[:BATCH])


def _old(row: Any, column: str, retired: Retired) -> Name | None:
    """Return under which key's old epoch the value of a row's column is; None if it is under none."""
    value, name = row.__dict__.get(column), row.sealed_under(column)
    if value is None or name not in retired:
        return None
    try:
        epochs = epochs_of(bytes(value)) if column == "object_key" else {epoch_of(bytes(value))}
    except SealBroken:
        return None  # What somebody destroyed cannot be saved; whoever reads it is told.
    return name if epochs.intersection(retired[name]) else None


def _sealed_anew(row: Any, column: str, before: bytes) -> bytes | None:
    """Return the same value under the newest key; None of one that does not open, whose reader is told."""
    try:
        if column == "object_key":
            name = row.sealed_under(column)
            return rewrapped_object_key(current_keyring(), before, name, row.pk)
        field = row._meta.get_field(column)  # noqa: SLF001 # documented
        bound = field.sealed_name if isinstance(field, _SealedField) else column
        return bytes(row.sealed_anew(before, bound))
    except (SealBroken, KeyUnavailable):  # changed, or naming an epoch that there is not
        return None


def _body_anew(row: LedgerRow) -> bytes | None:
    keyring = current_keyring()
    try:
        salt, body = unseal_body(row, keyring=keyring) or (b"", b"")
    except SealBroken:
        return None
    return seal_body(salt + body, index=row.index, agency=row.agency, keyring=keyring)


def exchange(
    model: type[models.Model], column: str, changed: Sequence[tuple[bytes, Any, bytes]]
) -> None:
    """Write values, each only where what was read before still stands."""
    quoted = connection.ops.quote_name
    meta = model._meta  # noqa: SLF001 # documented
    place, key = quoted(meta.db_table), quoted(str(meta.pk.column))
    sql = f"UPDATE {place} SET {quoted(column)} = %s WHERE {key} = %s AND {quoted(column)} = %s"  # noqa: S608 # names of columns only
    if changed:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(sql, changed)


def _ledger_rows(retired: Retired) -> Iterator[tuple[Name, QuerySet[LedgerRow]]]:
    """Yield the entries whose bodies are under old epochs."""
    for (agency, kind), epochs in retired.items():
        if kind is (KeyKind.LEDGER if agency is None else KeyKind.ENTRY):
            rows = LedgerRow.objects.filter(agency=agency, body__isnull=False)
            marked = rows.annotate(_epoch=part("body", 2))
            yield (agency, kind), marked.filter(_epoch__in=[epoch_bytes(one) for one in epochs])


def _mixed(model: type[SealedModel]) -> bool:
    """Say whether the columns of a kind of row are under keys of several kinds; there are few such rows."""
    own = model.sealed_under
    plain = own in {SealedModel.sealed_under, ObjectSealedModel.sealed_under}
    return not plain and not issubclass(model, ObjectSealedModel)


def path_of(model: type[SealedModel]) -> str | None:
    """Return the look-up that leads to the agency of a row; None for the platform's own rows."""
    names = {one.attname for one in model._meta.fields}  # noqa: SLF001 # documented
    if model.seal_kind in {KeyKind.PLATFORM, KeyKind.STANDING, KeyKind.LEDGER}:
        return None
    if "agency_id" in names:
        return "agency_id"
    for one in _UP:
        if f"{one}_id" in names:
            above: Any = model._meta.get_field(one).related_model  # noqa: SLF001 # documented
            inner = path_of(above)
            if inner is not None:
                return f"{one}__{inner}"
    raise TypeError(f"{model.__name__} leads to no agency.")
