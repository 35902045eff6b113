"""A leaked credential of the database: any SQL as the program's own role, and what the product makes of it.

Every try is made in a transaction that is rolled back, so that the next one begins from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from countenance.apps.agencies.models import Agency, Person, Token
from countenance.apps.cases.models import Authority
from countenance.apps.galleries.models import Gallery
from countenance.apps.records import queries
from countenance.apps.records.compared import compare_rows
from countenance.drill.columns import sealed_models
from countenance.drill.outcomes import ACCEPTED, BY_RECEIPT, FOUND, OPENED, REFUSED
from countenance.errors import CountenanceError, Unavailable
from countenance.ledger.receipt import Receipt

if TYPE_CHECKING:
    from countenance.tools import Tools

ROWS = 2

Outcome = dict[str, Any]
Kept = Mapping[str, Any]


@contextmanager
def undone() -> Iterator[None]:
    """Undo within the database whatever this block changes."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def try_all(kept: Kept, *, tools: Tools) -> list[Outcome]:
    """Exchange, put back, move and take away rows, and return what came of each kind of change.

    Args:
        kept: what `tasks.keep_values` wrote down earlier.
        tools: of the unsealed deployment.
    """
    if compare_rows(tools.keyring).differences:
        raise Unavailable("The rows differ from the ledger before anything was changed.")
    return [
        *_exchanged(),
        *_put_back(kept["values"], tools),
        *_widened(tools),
        *_ledger(kept, tools),
        *_taken_away(tools),
    ]


def run_sql(statement: str, *values: Any) -> None:
    """Run a statement as the program's own role; one that changes nothing would try nothing."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        if cursor.rowcount == 0:
            raise Unavailable(f"Nothing was changed by {statement!r}.")


def _outcome(way: str, what: str, came: str, count: int = 1) -> Outcome:
    return {"way": way, "what": what, "came": came, "tries": count}


def _exchanged() -> Iterator[Outcome]:
    """Put each sealed value into another row and another column of its table."""
    for model, columns in sealed_models():
        table, tried, opened = model._meta.db_table, 0, 0  # noqa: SLF001 # Django's documented API
        for row, column, source, other in _pairs(model, columns):
            raw = _raw(model, row, column)
            if raw == _raw(model, source, other):
                continue
            with undone():
                _write(model, row, column, _raw(model, source, other))
                opened += _opens(model, row, column)
            tried += 1
        if tried:
            yield _outcome("exchange", table, OPENED if opened else REFUSED, tried)


def _pairs(model: Any, columns: list[str]) -> Iterator[tuple[Any, str, Any, str]]:
    """Yield (row, column, from row, from column) for two rows and all columns of a table."""
    rows = list(model._base_manager.order_by("pk").values_list("pk", flat=True)[:ROWS])  # noqa: SLF001 # public
    full = [(row, column) for row in rows for column in columns if _raw(model, row, column)]
    for row, column in full:
        for source, other in full:
            if (row, column) != (source, other):
                yield row, column, source, other


def _write(model: Any, row: Any, column: str, value: bytes | None) -> None:
    names = (model._meta.db_table, column, model._meta.pk.column)  # noqa: SLF001 # Django's documented API
    run_sql('update "{}" set "{}" = %s where "{}" = %s'.format(*names), value, row)  # noqa: S608 # as above


def _raw(model: Any, row: Any, column: str) -> bytes | None:
    value = model._base_manager.filter(pk=row).values_list(column, flat=True).get()  # noqa: SLF001 # public
    return None if value is None else bytes(value)


NOT_OPEN = object()


def _opened(model: Any, row: Any, column: str) -> object:
    """Return what a column of a row, read anew, opens to, an object's key as it is; or `NOT_OPEN`."""
    try:
        read = model._base_manager.get(pk=row)  # noqa: SLF001 # Django's public name
        return read.open_key().material if column == "object_key" else getattr(read, column)
    except CountenanceError:
        return NOT_OPEN


def _opens(model: Any, row: Any, column: str) -> bool:
    return _opened(model, row, column) is not NOT_OPEN


def _says_the_same(model: Any, row: Any, column: str, value: bytes) -> bool:
    """Say whether an older value is the present one, sealed another time: then it changes nothing."""
    now = _opened(model, row, column)
    with undone():
        _write(model, row, column, value)
        before = _opened(model, row, column)
    return before is not NOT_OPEN and before == now


def _put_back(values: Mapping[str, Any], tools: Tools) -> Iterator[Outcome]:
    """Put older sealed values back into their own rows, all of one column at once."""
    for model, columns in sealed_models():
        table = model._meta.db_table  # noqa: SLF001 # Django's documented API
        older = values.get(model._meta.label, {})  # noqa: SLF001 # likewise
        for column in columns:
            changed = [
                (row, value)
                for row, before in older.items()
                if (value := bytes.fromhex(before.get(column, "")))
                and model._base_manager.filter(pk=row).exists()  # noqa: SLF001 # Django's public name
                and not _says_the_same(model, row, column, value)
            ]
            if not changed:
                continue
            with undone():
                for row, value in changed:
                    _write(model, row, column, value)
                opened = any(_opens(model, row, column) for row, _ in changed)
                came = _noticed(tools) if opened else REFUSED
            yield _outcome("put back", f"{table}.{column}", came, len(changed))


def _noticed(tools: Tools) -> str:
    return FOUND if compare_rows(tools.keyring).differences else ACCEPTED


STANDING_OF = "(select o.standing from agencies_person o where o.id <> agencies_person.id limit 1)"
WIDER: Mapping[str, tuple[str, Callable[[], Any]]] = {
    "roles taken from somebody else": (
        f"update agencies_person set standing = {STANDING_OF}",  # noqa: S608 # a constant
        lambda: [one.actor for one in Person.objects.all()],
    ),
    "roles written in clear": (
        "update agencies_person set standing = '\\x7b22726f6c6573223a205b22637573746f6469616e225d7d'",
        lambda: [one.actor for one in Person.objects.all()],
    ),
    "an agency's suspension emptied": (
        "update agencies_agency set standing = null",
        lambda: [one.pack for one in Agency.objects.all()],
    ),
    "an authority's last day put off": (
        "update cases_authority set expires_on = '2999-01-01' where decided_at is not null",
        lambda: [one.facts for one in Authority.objects.exclude(decided_at=None)],
    ),
    "an authority's quota taken from another": (
        (
            "update cases_authority set details = (select o.details from cases_authority o"
            " where o.id <> cases_authority.id limit 1)"
        ),
        lambda: [one.facts for one in Authority.objects.all()],
    ),
    "a token given to somebody else": (
        (
            "update agencies_token set person_id = (select p.id from agencies_person p"
            " where p.id <> agencies_token.person_id limit 1)"
        ),
        lambda: [one.details for one in Token.objects.select_related("person")],
    ),
    "a gallery's terms emptied": (
        "update galleries_gallery set terms = null where terms is not null",
        lambda: [one.facts for one in Gallery.objects.all()],
    ),
}
"""Ways to more power: what is changed, and how the product reads it."""


def _widened(tools: Tools) -> Iterator[Outcome]:
    """Give somebody more power than they have."""
    for what, (statement, read) in WIDER.items():
        with undone():
            run_sql(statement)
            try:
                read()
                came = _noticed(tools)
            except CountenanceError:
                came = REFUSED
        yield _outcome("move", what, came)


LEDGER = {
    "an entry taken out": "delete from records_ledgerrow where index = %(middle)s",
    "an entry changed": "update records_ledgerrow set entry = overlay(entry placing '\\x00' from 20)"
    " where index = %(middle)s",
    "an entry's action changed": "update records_ledgerrow set action = 'candidates.viewed'"
    " where index = %(middle)s",
    "what an entry is about changed": "update records_ledgerrow set about = gen_random_uuid()"
    " where index = %(middle)s",
    "an entry's body taken from another": "update records_ledgerrow set body = (select o.body from"
    " records_ledgerrow o where o.index = %(middle)s - 1) where index = %(middle)s",
    "two entries exchanged": "update records_ledgerrow e set entry = o.entry, action = o.action,"
    " at = o.at, about = o.about, body = o.body from records_ledgerrow o where e.index in"
    " (%(middle)s, %(middle)s - 1) and o.index = 2 * %(middle)s - 1 - e.index",
    "the newest entries cut off": "delete from records_ledgerrow where index >= %(size)s",
    "everything cut off": "truncate records_ledgerrow cascade",
}


def _ledger(kept: Kept, tools: Tools) -> Iterator[Outcome]:
    """Change the ledger itself, with its head where that helps."""
    size = int(kept["size"])
    names = {"middle": size // 2, "size": size}
    for what, statement in LEDGER.items():
        with undone(), connection.cursor() as cursor:
            cursor.execute(statement, names)
            came = REFUSED if _is_broken(tools) else ACCEPTED
        yield _outcome("ledger", what, came)
    kept_receipt = queries.receipt_of(queries.newest_entries(1)[0])
    with undone():
        run_sql("delete from records_ledgerrow where index >= %s", size)
        run_sql("update records_ledgerhead set frontier = %s", bytes.fromhex(kept["head"]))
        came = REFUSED if _is_broken(tools) else _noticed(tools)
        if came == ACCEPTED and _is_broken(tools, receipt=kept_receipt):
            came = BY_RECEIPT
    yield _outcome("ledger", "the newest entries cut off, and the head put back", came)


def _is_broken(tools: Tools, receipt: Receipt | None = None) -> bool:
    try:
        queries.verify_ledger(tools.keyring, expect=receipt)
    except CountenanceError:
        return True
    return False


PLAIN = {
    "faces hidden from searches": "update galleries_face set removed_version = 1"
    " where removed_version is null",
    "the lock of an address after wrong tries emptied": "delete from agencies_signintries",
    "searches taken out of the examiners' queue": "update searches_search set wants_examiner = false",
    "a removed source shown as present": "update galleries_source set removed_at = null"
    " where removed_at is not null",
    "sessions ended": "delete from agencies_signinsession",
    "an examination deleted with its conclusions": "truncate examinations_examination cascade",
    "cases deleted with what belongs to them": "truncate cases_case cascade",
    "photos and faces deleted": "truncate galleries_photo cascade",
    "people deleted with what belongs to them": "truncate agencies_person cascade",
}
"""What the program trusts as it stands, because it gives no power and shows nothing."""


def _taken_away(tools: Tools) -> Iterator[Outcome]:
    """Delete rows, and change plain columns that only narrow or date things."""
    for what, statement in PLAIN.items():
        with undone(), connection.cursor() as cursor:
            cursor.execute(statement)
            came = _noticed(tools)
        yield _outcome("take away", what, came)
