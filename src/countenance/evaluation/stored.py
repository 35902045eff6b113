"""Numbers written down so that the same numbers have the same bytes, and come back to the last digit.

Objects are written with their names in order and without spaces, fractions as the shortest decimal
that names the same 64-bit number. A similarity that does not exist (minus infinity) is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from countenance.errors import InputError


def written(value: object) -> bytes:
    """Return the canonical JSON of records, mappings, sequences, arrays and numbers.

    Raises:
        InputError: a number is neither finite nor minus infinity, or a value is of another kind.
    """
    return json.dumps(
        plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()


def plain(value: object) -> Any:
    """Return a value in terms of JSON's own types; see `written`."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return _scalar(value)


def _scalar(value: object) -> Any:
    if isinstance(value, float):
        if value == -math.inf:
            return None
        if not math.isfinite(value):
            raise InputError("An evaluation holds a number that is not finite.")
        return value
    if value is None or isinstance(value, bool | int | str):
        return value
    raise InputError("An evaluation holds a value that has no exact spelling.")


def settled(value: float) -> float:
    """Return a number with nine digits: those that do not depend on the order in which a machine adds."""
    return float(f"{value:.9g}")


def read(data: bytes) -> dict[str, Any]:
    """Return the object that canonical JSON spells.

    Raises:
        InputError: it is no JSON object.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError("This is not a stored evaluation.")
    return value


def floats(values: Sequence[float | None]) -> np.ndarray:
    """Return similarities as they were before they were written: null is minus infinity."""
    return np.array([-math.inf if one is None else one for one in values], dtype=np.float64)


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the annotations of a record, read once: every search opens an evaluation of hundreds of them."""
    return get_type_hints(kind)


def rebuilt(kind: Any, value: Any) -> Any:
    """Return a record of this kind from what `plain` made of it, its parts by their annotations.

    Raises:
        InputError: the value has other parts than the record.
    """
    if is_dataclass(kind):
        hints = _hints(kind if isinstance(kind, type) else type(kind))
        if not isinstance(value, dict) or value.keys() != {one.name for one in fields(kind)}:
            raise InputError("This is not a stored evaluation.")
        return kind(**{name: rebuilt(hints[name], one) for name, one in value.items()})  # type: ignore[operator] # a class
    if get_origin(kind) is tuple:
        return tuple(rebuilt(get_args(kind)[0], one) for one in value)
    if get_origin(kind) in {Union, UnionType}:
        (inner,) = (one for one in get_args(kind) if one is not type(None))
        return None if value is None else rebuilt(inner, value)
    if kind is float:
        return -math.inf if value is None else float(value)
    if type(value) is not kind:
        raise InputError("This is not a stored evaluation.")
    return value
