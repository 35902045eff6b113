"""No sealed value of any table opens in another row or another column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import factories
from django.apps import apps as django_apps
from django.db import connection, models
from integration.test_clock import _at, late  # noqa: F401 # a fixture
from integration.test_cross_agency import Neighbours, neighbours  # noqa: F401 # a fixture
from sign_in_help import give_app

from countenance.apps.agencies.models import Person
from countenance.apps.records import sealed
from countenance.apps.records.sealed import SealedModel
from countenance.errors import (
    TamperDetected,
)
from countenance.testing import FakeEngine


def run_sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0, "nothing was changed, so nothing was tried"


def again(row: Any) -> Any:
    """Return a row as it is read anew."""
    return type(row).objects.get(pk=row.pk)


def _sealed_fields(model: type[models.Model]) -> list[str]:
    found = [one for one in model._meta.concrete_fields if isinstance(one, sealed._SealedField)]
    return [str(one.column) for one in found]


def _opens(row: Any, column: str, before: Callable[[], Any]) -> bool:
    """Say whether a column opens, and as something else than it was."""
    try:
        return bool(getattr(again(row), column) != before())
    except TamperDetected:
        return False


def test_no_sealed_value_opens_in_another_row_or_column(neighbours: Neighbours) -> None:  # noqa: F811
    on = neighbours.a
    for name in ("ben", "anna"):
        photo = FakeEngine.photo(name, 5)
        factories.search(on, factories.make_case(on, f"26-{name}"), [neighbours.gallery], photo)
    for person in (on.person, Person.objects.get(pk=on.supervisor.person)):
        give_app(person, tools=on.tools)
    neighbours.grant()
    tried, tables, opened = 0, set(), []
    for model in django_apps.get_models():
        if not issubclass(model, SealedModel):
            continue
        for row, column, source, other in _pairs(model):
            table = model._meta.db_table
            raw = model.objects.filter(pk=row.pk).values_list(column, flat=True).get()
            value = getattr(again(row), column)
            run_sql(
                f"update {table} set {column} ="
                f" (select o.{other} from {table} o where o.id = %s) where id = %s",
                *(source.pk, row.pk),
            )
            if _opens(row, column, lambda kept=value: kept):
                opened.append((table, column, other))
            run_sql(f"update {table} set {column} = %s where id = %s", bytes(raw), row.pk)
            tried += 1
            tables.add(table)
    print(f"\n{tried} sealed values put into another row or column of {len(tables)} tables")
    assert opened == []
    assert tried > 60
    assert len(tables) >= 12


def _pairs(model: Any) -> Iterator[tuple[Any, str, Any, str]]:
    """Yield (row, column, from row, from column) for two rows and all columns of a table."""
    rows = list(model.objects.order_by("pk")[:2])
    columns = _sealed_fields(model)
    for row in rows:
        for column in columns:
            if model.objects.filter(pk=row.pk, **{f"{column}__isnull": False}).exists():
                for source in rows:
                    for other in columns:
                        if (source.pk, other) != (row.pk, column):
                            there = {"pk": source.pk, f"{other}__isnull": False}
                            if model.objects.filter(**there).exists():
                                yield row, column, source, other
