"""Writes go through accountable services, and nowhere else."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from countenance.apps.records.models import LedgerRow
from countenance.errors import RoleMissing
from countenance.ledger.entry import Action
from countenance.policy import DEEDS

APPS = Path(__file__).resolve().parents[2] / "src" / "countenance" / "apps"
SERVICES = sorted(
    path
    for name in (
        "services",
        "enrolment",
        "viewing",
        "authorities",
        "widening",
        "evidence",
        "footage",
        "marking",
        "asking",
        "purging",
        "signing",
        "stepping",
        "factors",
        "sessions",
        "tokens",
        "joining",
        "exporting",
        "inviting",
        "staff",
        "upgrade",
        "grants",
        "terms",
        "operating",
        "selftests",
        "providers",
        "holding",
        "erasing",
        "notices",
        "retention",
        "taking",
        "closing",
        "bundling",
        "withdrawing",
        "moving",
        "rotating",
        "replacing",
        "renewing",
        "checkpoints",
        "repeating",
        "restoring",
    )
    for path in APPS.glob(f"*/{name}.py")
)
MAY_WRITE = {
    # The door itself, and what it stands on.
    "records/services.py",
    "records/keys.py",
    # Called by services inside their transaction.
    "galleries/batch.py",
    "approvals/using.py",
    "agencies/arrivals.py",
    "agencies/factor_rows.py",
    "agencies/lockout.py",
    "agencies/session_rows.py",
    "cases/uses.py",
    "evaluations/forgetting.py",
    "examinations/forgotten.py",
    "examinations/queueing.py",
    "examinations/rows.py",
    "examinations/destroying.py",
    "examinations/photos.py",
    "leads/destroying.py",
    "searches/answering.py",
    "searches/carried.py",
    "searches/destroying.py",
    # Derived data: sealed copies of an index, rebuilt from the database at will.
    "galleries/indexing.py",
    "galleries/distributing.py",
    *(f"{path.parent.name}/{path.name}" for path in SERVICES),
}
WRITES = {"save", "create", "bulk_create", "bulk_update", "update", "delete", "get_or_create"}
DOOR = {"accountable", "composed_of", "append", "seal_body", "unseal_body"}
DOOR |= {"save_keys", "load_keys"}


def _modules() -> Iterator[ModuleType]:
    for path in SERVICES:
        yield importlib.import_module(f"countenance.apps.{path.parent.name}.{path.stem}")


def _public_functions() -> list[tuple[str, object]]:
    return [
        (f"{module.__name__}.{name}", function)
        for module in _modules()
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
        and name not in DOOR
    ]


def test_every_public_function_of_a_service_module_is_accountable() -> None:
    unmarked = [
        name
        for name, function in _public_functions()
        if not hasattr(function, "accountable") and not name.endswith(".viewing.crop")
    ]
    assert unmarked == []


def test_every_action_is_used_by_a_service_and_none_twice_for_different_things() -> None:
    used = {
        action
        for module in _modules()
        for function in vars(module).values()
        if not inspect.ismodule(function)
        for action in getattr(function, "accountable", ())
    }
    missing = set(Action) - used - {Action.ACTION_REFUSED}
    assert missing == set()


def test_a_service_takes_the_actor_first_and_everything_else_by_keyword() -> None:
    for name, function in _public_functions():
        if not getattr(function, "accountable", ()):
            continue
        first, *rest = inspect.signature(inspect.unwrap(function)).parameters.values()  # type: ignore[arg-type]
        assert first.name == "actor", name
        positional = [p.name for p in rest if p.kind is not p.KEYWORD_ONLY and p.name != "record"]
        assert positional == [], name
        assert "tools" in {p.name for p in rest}, name


@pytest.mark.parametrize(
    "path", sorted(APPS.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_nothing_else_in_the_apps_writes_rows(path: Path) -> None:
    if f"{path.parent.name}/{path.name}" in MAY_WRITE or path.name == "sealed.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        f"{node.func.attr} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITES
        and not (
            isinstance(node.func.value, ast.Name) and node.func.value.id in {"store", "context"}
        )
        and "session" not in ast.unparse(node.func.value)
    ]
    assert calls == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, function in _public_functions()
        if getattr(function, "deed", None) and not DEEDS[function.deed].anyone  # type: ignore[attr-defined] # set by the door
    ],
)
def test_nobody_without_a_role_gets_into_a_service(name: str, deployment: Any) -> None:
    service: Any = dict(_public_functions())[name]
    stranger = replace(deployment.actor, roles=frozenset())
    # Without any of its arguments: the door refuses before it looks at them.
    with pytest.raises(RoleMissing):
        service(stranger, tools=deployment.tools)
    assert (
        LedgerRow.objects.order_by("-index").values_list("action", flat=True)[0] == "action.refused"
    )
