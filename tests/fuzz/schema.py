"""An OpenAPI 3.1 description of every route, made from the router, the table of access and the forms.

`describe(known)` gives the description; `known` says which values of path parameters exist, so that what is
drawn from it meets real things as well. Run as a program it prints the description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.urls import URLPattern, get_resolver
from django.urls.converters import IntConverter, StringConverter, UUIDConverter
from fuzz.reading import Reading, read

from countenance.web.access import ACCESS, SAFE, Access
from countenance.web.problems import STATUS

Schema = dict[str, Any]
Known = Mapping[str, Sequence[Any]]

HTML = "text/html; charset=utf-8"
OPEN_METHODS = ("GET", "POST")
MOST_DRAWN = 300
"""Longest text that is drawn for a field; what is longer is tried by single values."""
REFUSALS = frozenset({*(status for status in STATUS.values() if status < 500), 302, 400, 401, 405})
"""What any route may answer besides its own: a refusal in our words, or the way to sign in. No 5xx."""
HEADERS = (
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Cache-Control",
    "X-Request-ID",
)
"""What every answer has to carry, whatever it is."""
ODD_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "9" * 40,
    "x" * 5000,
    "\x00",
    "\ud7ff\U0001f642\u202e",
    "<i data-fuzz='1'>\"&",
    "' or 1=1 --",
    "../../etc/passwd",
    "{{ 7*7 }}{% include 'x' %}",
    "=1+1",
    "https://evil.example/",
    "[]",
    '{"a": 1}',
    "00000000-0000-4000-8000-000000000000",
    "2026-02-30",
)


def routes() -> Iterator[tuple[str, URLPattern]]:
    """Yield the name and the pattern of every route."""
    for pattern in get_resolver().url_patterns:
        assert isinstance(pattern, URLPattern), pattern
        assert pattern.name, pattern
        yield pattern.name, pattern


def describe(known: Known | None = None) -> Schema:
    """Return the description of every route.

    Args:
        known: values that exist, by the names of path parameters.
    """
    paths: dict[str, Schema] = {}
    for name, pattern in routes():
        told = read(pattern.callback)
        where = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        paths[where] = {
            method.lower(): _operation(name, pattern, told, method, known or {})
            for method in methods(ACCESS[name])
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Countenance", "version": "1"},
        "paths": paths,
    }


def methods(access: Access) -> list[str]:
    """Return the methods that are described; what answers GET answers HEAD with the same code."""
    if access.open_to_strangers:
        return list(OPEN_METHODS)
    return [method for method in access.methods if method == "POST" or method not in SAFE - {"GET"}]


def _operation(name: str, pattern: URLPattern, told: Reading, method: str, known: Known) -> Schema:
    operation: Schema = {
        "operationId": f"{method.lower()}_{name}",
        "parameters": [*_parameters(pattern, known), *map(_in_query, sorted(told.query))],
        "responses": _responses(told),
    }
    if method == "POST":
        kind = "multipart/form-data" if told.sends_files else "application/x-www-form-urlencoded"
        operation["requestBody"] = {"content": {kind: {"schema": _body(told)}}}
    return operation


def _parameters(pattern: URLPattern, known: Known) -> Iterator[Schema]:
    for name, converter in pattern.pattern.converters.items():
        real = [str(one) for one in known.get(name, ())]
        drawn = _of_converter(converter)
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"anyOf": [{"enum": real}, drawn]} if real else drawn,
        }


def _of_converter(converter: Any) -> Schema:
    if isinstance(converter, UUIDConverter):
        return {"type": "string", "format": "uuid"}
    if isinstance(converter, IntConverter):
        return {"type": "string", "pattern": "^[0-9]{1,40}$"}
    assert isinstance(converter, StringConverter), converter
    return {"type": "string", "pattern": "^[^/]{1,200}$"}


def _in_query(name: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": _text(MOST_DRAWN)}


def _body(told: Reading) -> Schema:
    fields = {name: _of_field(one) for name, one in sorted(told.fields.items())}
    fields |= {name: {"type": "string", "format": "binary"} for name in sorted(told.files)}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _of_field(one: forms.Field | None) -> Schema:
    """Return what may be sent for a field: what it takes, and what it should refuse in words."""
    if isinstance(one, forms.FileField):
        return {"type": "string", "format": "binary"}
    if isinstance(one, forms.ChoiceField):
        many = isinstance(one, forms.MultipleChoiceField)
        return {"type": "array", "items": _choice(one), "maxItems": 4} if many else _choice(one)
    if isinstance(one, forms.BooleanField):
        return {"anyOf": [{"enum": ["on", "true", "false"]}, _text(MOST_DRAWN)]}
    if isinstance(one, forms.DateField):
        return {"anyOf": [{"type": "string", "format": "date"}, _text(MOST_DRAWN)]}
    if isinstance(one, forms.IntegerField | forms.FloatField):
        return {"anyOf": [{"type": "integer"}, {"type": "number"}, _text(MOST_DRAWN)]}
    longest = getattr(one, "max_length", None) or MOST_DRAWN
    return _text(min(longest + 1, MOST_DRAWN))


def _choice(one: Any) -> Schema:
    values = [str(value) for value, _ in one.choices if not isinstance(value, list | tuple)]
    return {"anyOf": [{"enum": values}, _text(MOST_DRAWN)]} if values else _text(MOST_DRAWN)


def _text(longest: int) -> Schema:
    return {"anyOf": [{"enum": list(ODD_TEXTS)}, {"type": "string", "maxLength": longest}]}


def _responses(told: Reading) -> Schema:
    plain = sorted({kind for kind in told.types if kind.startswith("text/")} | {HTML})
    own = {200, *(status for status in told.statuses if status < 500)}
    # What is neither in the list of refusals nor said by the view itself is no answer of this route.
    return {
        str(status): _answer(sorted({*told.types, HTML}) if status in own else plain)
        for status in sorted(own | REFUSALS)
    }


def _answer(types: Sequence[str]) -> Schema:
    return {
        "description": "As the program says.",
        "headers": {name: {"required": True, "schema": {"type": "string"}} for name in HEADERS},
        "content": {kind: {} for kind in types},
    }
