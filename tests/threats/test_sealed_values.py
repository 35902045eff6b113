"""Whoever may write anything to the database, as the program's own role, shows nobody a wrong value.

Which columns are sealed is read from the models, so a new one is tried from the day it is added. The long form
is `make attack`: `ROWS` says how many rows of each table are tried (1).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matrix_world
import pytest
from django.apps import apps as django_apps
from django.db import connection, transaction

from countenance.apps.agencies.models import Agency, Factor, Token
from countenance.apps.records import compared, queries, sealed
from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.sealed import ObjectSealedModel, SealedModel, column_of, noting
from countenance.apps.records.services import Record, append
from countenance.errors import CountenanceError, KeyUnavailable, LedgerBroken, TamperDetected
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM

ROWS = int(os.environ.get("ROWS", "1"))
SECURITY = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "security.md"


@pytest.fixture
def world(deployment: Any) -> matrix_world.World:
    return matrix_world.build(deployment)


def models() -> list[type[SealedModel]]:
    return [one for one in django_apps.get_models() if issubclass(one, SealedModel)]


def columns(model: type[SealedModel]) -> list[str]:
    found = [one for one in model._meta.concrete_fields if isinstance(one, sealed._SealedField)]
    return [str(one.column) for one in found]


@contextmanager
def tried() -> Iterator[None]:
    """Undo what is written within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def run_sql(statement: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return int(cursor.rowcount)


def again(row: Any) -> Any:
    """Return a row as it is read anew."""
    return type(row)._default_manager.get(pk=row.pk)


def raw(row: Any, column: str) -> bytes | None:
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"select {column} from {table} where id = %s", [row.pk])
        (value,) = cursor.fetchone()
    return None if value is None else bytes(value)


def opens_as_another(row: Any, column: str, value: Any) -> bool:
    """Say whether a column shows something else than it did, instead of refusing."""
    try:
        return bool(getattr(again(row), column) != value)
    except (TamperDetected, KeyUnavailable):
        return False


class Sweep:
    """Writes ciphertexts into columns where they do not belong, and keeps what opened."""

    def __init__(self) -> None:
        self.tried, self.tables = 0, set[str]()
        self.opened: list[tuple[str, ...]] = []
        self.rows = {one: list(one._default_manager.order_by("pk")) for one in models()}
        self.others = [
            (row, column, kept)
            for rows in self.rows.values()
            for row in rows[:1]
            for column in columns(type(row))
            if (kept := raw(row, column)) is not None
        ]

    def write(self, row: Any, column: str, values: list[tuple[str, bytes]]) -> None:
        table, value = row._meta.db_table, getattr(row, column)
        for how, forged in values:
            with tried():
                statement = f"update {table} set {column} = %s where id = %s"
                assert run_sql(statement, forged, row.pk) == 1
                self.note(row, column, value, how)

    def note(self, row: Any, column: str, value: Any, how: str) -> None:
        self.tried += 1
        self.tables.add(row._meta.db_table)
        if opens_as_another(row, column, value):
            self.opened.append((row._meta.db_table, column, how))

    def of_column(self, row: Any, column: str) -> None:
        kept = raw(row, column)
        if kept is None:
            return
        flipped = kept[:-1] + bytes([kept[-1] ^ 1])
        values = [
            ("a bit", flipped),
            ("cut", kept[: len(kept) // 2]),
            ("longer", kept + b"\x00"),
            ("emptied", b""),
            ("in clear", b'{"roles": ["custodian"]}'),
        ]
        for other in self.rows[type(row)]:
            for column_of_other in columns(type(row)):
                if (other.pk, column_of_other) != (row.pk, column):
                    moved = raw(other, column_of_other)
                    values += [("from another row or column", moved)] if moved else []
        for other, name, moved in self.others:
            if type(other) is not type(row):
                values.append((f"from {other._meta.db_table}.{name}", moved))
        # Many rows give many values that are alike; a few of each kind show the same.
        self.write(row, column, values[:5] + values[5 :: max(1, len(values) // (40 * ROWS))])

    def moved_rows(self, row: Any, agencies: list[Any]) -> None:
        """Let a row say that it is another agency's."""
        if "agency_id" not in {one.attname for one in row._meta.concrete_fields}:
            return
        if row.agency_id is None or row.seal_agency() != row.agency_id:
            return
        other = next(one for one in agencies if one != row.agency_id)
        shown = {name: getattr(row, name) for name in columns(type(row))}
        with tried():
            run_sql(f"update {row._meta.db_table} set agency_id = %s where id = %s", other, row.pk)
            for name, value in shown.items():
                if value is None:
                    continue
                self.tried += 1
                try:
                    getattr(again(row), name)
                except (TamperDetected, KeyUnavailable):
                    continue
                self.opened.append((row._meta.db_table, name, "in another agency"))

    def moved_keys(self, row: Any) -> None:
        """Give a row the key of another one."""
        if not isinstance(row, ObjectSealedModel) or row.object_key is None:
            return
        for other in self.rows[type(row)]:
            if other.pk != row.pk and other.object_key is not None:
                with tried():
                    statement = f"update {row._meta.db_table} set object_key = %s where id = %s"
                    run_sql(statement, bytes(other.object_key), row.pk)
                    for name in columns(type(row)):
                        self.note(row, name, getattr(row, name), "with another row's key")
                return


def test_no_sealed_value_opens_where_it_does_not_belong(world: matrix_world.World) -> None:
    sweep = Sweep()
    agencies = list(Agency.objects.values_list("pk", flat=True))
    for rows in sweep.rows.values():
        for row in rows[:ROWS]:
            for column in columns(type(row)):
                sweep.of_column(row, column)
            sweep.moved_rows(row, agencies)
            sweep.moved_keys(row)
    print(f"\n{sweep.tried} values written where they do not belong, in {len(sweep.tables)} tables")
    assert sweep.opened == []
    assert sweep.tried > 1000
    assert len(sweep.tables) >= 24


def differing(world: matrix_world.World) -> set[str]:
    return {one.row for one in compared.compare_rows(world.on.tools.keyring).differences}


@contextmanager
def as_a_service(world: matrix_world.World) -> Iterator[None]:
    """Write with an entry that repeats the digests, as services do."""
    record = Record(Action.RECORDS_UPGRADED)
    with noting() as record.rows:
        yield
    append(SYSTEM, record, tools=world.on.tools)


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, dict):
        return {**value, "changed": True}
    if isinstance(value, list):
        return [*value, "changed"]
    return "changed" if value is None or isinstance(value, str) else value + b"changed"


def an_older_value_of_what_gives_power_is_found_when_it_is_put_back(
    world: matrix_world.World,
) -> None:
    before, put_back = differing(world), set()
    with tried():
        for model in models():
            row = model._default_manager.first() if model.ON_LEDGER else None
            if row is None:
                continue
            for column in sorted(model.ON_LEDGER):
                older = raw(row, column)
                with as_a_service(world):
                    setattr(row, column, changed(getattr(row, column)))
                    row.save(update_fields=(column,))
                put_back.add((column_of(row, column), older, row, column))
        assert differing(world) <= before, "what a service wrote is no difference"
        for _, older, row, column in put_back:
            run_sql(f"update {row._meta.db_table} set {column} = %s where id = %s", older, row.pk)
        found = differing(world)
    print(f"\n{len(put_back)} older values put back")
    assert {name for name, *_ in put_back} <= found
    assert len(put_back) >= 20


def a_row_that_gives_power_is_missed_when_it_is_gone_and_when_it_comes_back(
    world: matrix_world.World,
) -> None:
    before, gone = differing(world), set()
    with tried():
        rows = [one._default_manager.first() for one in models() if one.ON_LEDGER]
        rows = [one for one in rows if one is not None]
        with as_a_service(world):
            for row in rows:
                for column in row.ON_LEDGER:
                    getattr(row, column)  # what was not opened is written back as it was
                row.save()
        for row in rows:
            gone |= {column_of(row, one) for one in row.ON_LEDGER}
            run_sql(f"delete from {row._meta.db_table} where id = %s", row.pk)
        assert gone <= differing(world)
    with tried():
        for model in (Factor, Token):
            row = model.objects.first()
            table = model._meta.db_table
            run_sql(f"create temporary table kept on commit drop as select * from {table}")
            names, pk = {column_of(row, one) for one in model.ON_LEDGER}, row.pk
            with as_a_service(world):
                row.delete()
            assert not names & differing(world) - before
            run_sql(f"insert into {table} select * from kept where id = %s", pk)
            assert names <= differing(world)
            run_sql("drop table kept")


LEDGER_CHANGES = {
    "an entry edited": "update records_ledgerrow set entry = replace(entry::text, '61', '62')::bytea"
    " where index = %s",
    "an action": "update records_ledgerrow set action = 'case.closed' where index = %s",
    "a time": "update records_ledgerrow set at = at + interval '1 second' where index = %s",
    "what it is about": "update records_ledgerrow set about = gen_random_uuid() where index = %s",
    "an agency": "update records_ledgerrow set agency = gen_random_uuid() where index = %s",
    "a body": "update records_ledgerrow set body = '\\x00' where index = %s",
    "another's body": "update records_ledgerrow set body = (select o.body from records_ledgerrow o"
    " where o.index = 3) where index = %s",
    "an entry deleted": "delete from records_ledgerrow where index = %s",
    "two entries exchanged": "update records_ledgerrow r set entry = o.entry from records_ledgerrow o"
    " where o.index = 3 and r.index = %s",
    "the end cut": "delete from records_ledgerrow where index > %s",
    "all of it": "delete from records_ledgerrow where index >= 0 * %s",
    "the head": "update records_ledgerhead set frontier = (select overlay(frontier placing '\\x01'"
    " from 20) from records_ledgerhead) where id > 0 * %s",
}


def every_change_of_the_ledgers_rows_is_found(world: matrix_world.World) -> None:
    keyring = world.on.tools.keyring
    queries.verify_ledger(keyring)
    middle = LedgerRow.objects.count() // 2
    silent = []
    for what, statement in LEDGER_CHANGES.items():
        with tried():
            assert run_sql(statement, middle) > 0, what
            try:
                queries.verify_ledger(keyring)
            except (CountenanceError, LedgerBroken):
                continue
            silent.append(what)
    assert silent == []
    for column in ("path", "root"):
        with tried():
            run_sql(
                f"update records_ledgerrow set {column} = overlay({column} placing '\\x01' from 1)"
            )
            row = LedgerRow.objects.get(index=middle)
            with pytest.raises(CountenanceError):
                queries.receipt_of(row).verify()
    with tried():
        # Erased is the exporter's word; that the program never erases this one is not.
        row = LedgerRow.objects.filter(action="case.opened").first()
        assert row is not None
        run_sql("update records_ledgerrow set body = null where index = %s", row.index)
        queries.verify_ledger(keyring)
        assert f"entry {row.index}" in differing(world)
    assert LedgerHead.objects.count() == 1


def no_entry_whose_body_is_erased_later_is_needed_to_compare_rows(
    world: matrix_world.World,
) -> None:
    erased = [str(one) for one in compared.ERASED_LATER]
    seen = 0
    for row in LedgerRow.objects.filter(action__in=erased):
        opened = compared.unseal_body(row, keyring=world.on.tools.keyring)
        assert opened is not None
        assert "rows" not in json.loads(opened[1]), row.action
        seen += 1
    assert seen > 20


def test_what_no_seal_prevents_is_found_by_comparing_with_the_ledger(
    world: matrix_world.World,
) -> None:
    an_older_value_of_what_gives_power_is_found_when_it_is_put_back(world)
    a_row_that_gives_power_is_missed_when_it_is_gone_and_when_it_comes_back(world)
    every_change_of_the_ledgers_rows_is_found(world)
    no_entry_whose_body_is_erased_later_is_needed_to_compare_rows(world)


def test_the_documents_name_every_column_whose_older_value_is_not_noticed() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    missing = [
        f"{model._meta.db_table}.{column}"
        for model in models()
        for column in columns(model)
        if column not in model.ON_LEDGER and f"`{model._meta.db_table}.{column}`" not in text
    ]
    assert missing == []
