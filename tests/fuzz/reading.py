"""What a view reads and answers, told by its own code: forms, single values, files, types, statuses.

Nothing is listed here by hand, so that a new route describes itself. A view is followed into the functions
that it names, as far as they are the program's own pages, forms and decorators.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from django import forms

from countenance.ui.forms import Form

PAGES = (
    "views",
    "forms",
    "requests",
    "pages",
    "sessions",
    "listing",
    "inbox",
    "frame",
    "checklists",
)
"""Modules whose functions are followed: those that see a request, or what it sends."""
READS = {"get", "getlist"}
SENT = {"POST": "body", "GET": "query", "FILES": "files"}


@dataclass
class Reading:
    """What one view reads, and with what it answers."""

    fields: dict[str, forms.Field | None] = field(default_factory=dict)
    query: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)

    @property
    def sends_files(self) -> bool:
        """Say whether a file can be sent."""
        return bool(self.files) or any(
            isinstance(one, forms.FileField) for one in self.fields.values()
        )


def read(view: Callable[..., Any]) -> Reading:
    """Return what a view reads and answers."""
    found = Reading()
    for function in _reached(inspect.unwrap(view)):
        _look(function, found)
    return found


def _reached(first: FunctionType) -> Iterator[FunctionType]:
    """Yield a function and those of our pages that it leads to, each once."""
    seen: set[FunctionType] = set()
    waiting = [first]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        yield function
        waiting += [
            inspect.unwrap(one)
            for one in _named(function)
            if isinstance(one, FunctionType) and _is_of_pages(one)
        ]


def _is_of_pages(function: FunctionType) -> bool:
    module = function.__module__
    return module.startswith("countenance.") and module.endswith(PAGES)


def _named(function: FunctionType) -> list[Any]:
    """Return what the names in a function stand for, also behind the name of a module."""
    known, found = function.__globals__, []
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Name) and node.id in known:
            found.append(known[node.id])
        elif isinstance(node, ast.Attribute):
            owner = known.get(getattr(node.value, "id", ""))
            if isinstance(owner, ModuleType) and hasattr(owner, node.attr):
                found.append(getattr(owner, node.attr))
    return found


@functools.cache
def _tree(function: FunctionType) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _look(function: FunctionType, found: Reading) -> None:
    """Add what one function says."""
    known = function.__globals__
    for one in _named(function):
        if inspect.isclass(one) and issubclass(one, Form) and one is not Form:
            found.fields |= one.base_fields
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Call):
            _call(node, known, found)
        elif isinstance(node, ast.Subscript):
            _value(node.value, node.slice, known, found)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            _value(node.comparators[0], node.left, known, found)


def _call(node: ast.Call, known: dict[str, Any], found: Reading) -> None:
    if isinstance(node.func, ast.Attribute) and node.func.attr in READS and node.args:
        _value(node.func.value, node.args[0], known, found)
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name == "JsonResponse":
        found.types.add("application/json")
    form = known.get(name)
    for word in node.keywords:
        said = _constant(word.value, known)
        if word.arg == "content_type":
            found.types.update(one for one in _texts(said) if "/" in one)
        elif word.arg == "status" and isinstance(said, int):
            found.statuses.add(said)
        elif word.arg == "prefix" and inspect.isclass(form) and issubclass(form, Form):
            found.fields |= {f"{said}-{key}": one for key, one in form.base_fields.items()}


def _value(owner: ast.expr, key: ast.expr, known: dict[str, Any], found: Reading) -> None:
    """Note one value that is taken out of what was sent."""
    where = SENT.get(getattr(owner, "attr", ""))
    said = _constant(key, known)
    if where is None or not isinstance(said, str):
        return
    if where == "body":
        found.fields.setdefault(said, None)
    else:
        (found.query if where == "query" else found.files).add(said)


def _constant(node: ast.expr, known: dict[str, Any]) -> Any:
    """Return what an expression stands for, if it is a constant of the code."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    return known.get(getattr(node.value, "id", "")) if isinstance(node, ast.Subscript) else None


def _texts(said: Any) -> list[str]:
    values = said.values() if isinstance(said, dict) else [said]
    return [one for one in values if isinstance(one, str)]
