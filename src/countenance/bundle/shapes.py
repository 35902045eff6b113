"""The form of each JSON member, and reading it strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from countenance.bundle.archive import is_name
from countenance.errors import BundleBroken, InputError
from countenance.ledger.entry import canonical_json

FORMAT: Final = "countenance-bundle"
VERSION: Final = 1
SIGNED_AS: Final = b"countenance/bundle/1\x00"
"""What stands before the manifest when it is signed, so that no other signature can be taken for one."""
MOST_JSON: Final = 2**26
"""The longest JSON that is read: 64 MiB."""
MOST_NUMBER: Final = 2**53 - 1

STATES: Final = ("intended", "concluded", "aborted", "frozen", "purged")
MEASURED: Final = "operating point"
MODES: Final = (MEASURED, "threshold, not measured", "investigation list")

_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SUM: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_FACE: Final = re.compile("[0-9a-f-]{1,36}", re.ASCII)
_SIMILARITY: Final = re.compile(r"-?\d\.\d{6}", re.ASCII)
_FRACTION: Final = re.compile(r"-?\d(\.\d{1,20})?(e-\d{2,3})?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Fits = Callable[[object], bool]


def _spelled(pattern: re.Pattern[str]) -> Fits:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _one_of(*values: str) -> Fits:
    return lambda value: isinstance(value, str) and value in values


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def _list(fits: Fits) -> Fits:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _object(**fields: Fits) -> Fits:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == fields.keys()
        and all(fits(value[name]) for name, fits in fields.items())
    )


def _any_of(*kinds: Fits) -> Fits:
    return lambda value: any(fits(value) for fits in kinds)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _details(value: object) -> bool:
    return isinstance(value, dict)


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER


def _is_true_or_false(value: object) -> bool:
    return isinstance(value, bool)


def _rate(value: object) -> bool:
    """Say whether this is a share with the two ends of its interval."""
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004 # share, low, high
        return False
    if not all(map(_fraction, value)):
        return False
    share, low, high = map(float, value)
    return 0 <= share <= 1 and 0 <= low <= high <= 1


def _name(value: object) -> bool:
    return isinstance(value, str) and is_name(value)


_id, _sum = _spelled(_UUID), _spelled(_SUM)
_fraction, _day = _spelled(_FRACTION), _spelled(_DAY)

COUNTED: Final = (
    "authorities",
    "edits",
    "entries",
    "examinations",
    "leads",
    "model_cards",
    "negative_searches",
    "probes",
    "requests",
    "searches",
)

_compared: Final = {
    "subject": _id,
    "faces": _list(_object(face=_spelled(_FACE), similarity=_spelled(_SIMILARITY))),
    "details": _details,
}
_candidate = _any_of(
    _object(**_compared),
    _object(**_compared, fused=_object(similarity=_spelled(_SIMILARITY), photos=_number)),
)
_comparison = _object(
    id=_id,
    subject=_or_none(_id),
    follows=_or_none(_id),
    said=_or_none(_details),
    details=_details,
)

_point = _object(
    evaluated_on=_day,
    evaluated_subjects=_number,
    evaluation=_id,
    extrapolated=_is_true_or_false,
    fnir=_rate,
    fpir=_rate,
    galleries=_number,
    mated_searches=_number,
    model=_text,
    non_mated_searches=_number,
    sample=_text,
    subjects=_number,
    threshold=_fraction,
    wanted_fpir=_fraction,
)
_search: dict[str, Fits] = {
    "id": _id,
    "probes": _list(_id),
    "requests": _list(_id),
    "model": _or_none(_text),
    "state": _one_of(*STATES),
    "answer": _or_none(_text),
    "candidates": _or_none(_list(_candidate)),
    "galleries": _list(_object(id=_id, version=_or_none(_number), details=_details)),
    "details": _details,
}
_at_point = _object(**_search, mode=_one_of(MEASURED), point=_point)
# Of before the ledger said at which point a search was, there is none; later ones need theirs (`accounts`).
_without = _object(**_search, mode=_one_of(*MODES))

SHAPES: Final[Mapping[str, Fits]] = {
    "manifest.json": _object(
        agency=_object(id=_id, name=_text),
        case=_object(id=_id, reference=_text),
        counts=_object(**dict.fromkeys(COUNTED, _number)),
        deployment=_id,
        format=_one_of(FORMAT),
        ledger=_object(root=_sum, size=_number),
        made_at=_spelled(_INSTANT),
        members=_list(_object(name=_name, sha256=_sum, size=_number)),
        public_key=_sum,
        version=lambda value: type(value) is int and value == VERSION,
    ),
    "ledger/checkpoint.json": _object(deployment=_id, made_at=_text, root=_sum, size=_number),
    "edits.json": _object(edits=_list(_object(probe=_id, of=_id, details=_details))),
    "requests.json": _object(
        requests=_list(_object(id=_id, probe=_id, state=_text, details=_details))
    ),
    "error-rates.json": _details,
    "probes": _object(
        id=_id,
        file=_or_none(_name),
        sha256=_or_none(_sum),
        derived_from=_or_none(_id),
        details=_details,
    ),
    "searches": _any_of(_at_point, _without),
    "examinations": _object(
        id=_id,
        search=_id,
        analysis=_or_none(_details),
        comparisons=_list(_comparison),
        details=_details,
    ),
    "leads": _object(
        id=_id, file=_or_none(_name), search=_id, subject=_or_none(_id), details=_details
    ),
    "authority": _object(id=_id, file=_or_none(_name), details=_details),
    "model-cards": _object(id=_text, card=_details),
    "entry": _object(entry=_text, index=_number, path=_list(_sum), body=_text, salt=_sum),
    "erased entry": _object(
        entry=_text, index=_number, path=_list(_sum), erased=lambda value: value is True
    ),
}
"""The form of each member by its name, or by its folder."""

SINGLES: Final = tuple(name for name in SHAPES if name.endswith(".json"))
FOLDERS: Final = tuple(name for name in SHAPES if "." not in name and "entry" not in name)


def read(name: str, data: bytes | memoryview) -> dict[str, Any]:
    """Return the object of a JSON member, which has one spelling only and the form of its kind.

    Raises:
        BundleBroken: it has not.
    """
    value = read_canonical(name, data)
    folder, _, rest = name.partition("/")
    kind = name if name in SHAPES else folder
    if not SHAPES[kind](value):
        raise BundleBroken(f"{name} is not as a bundle is written.")
    if kind in FOLDERS and kind != "model-cards" and rest != f"{value['id']}.json":
        raise BundleBroken(f"{name} is the record of something else.")
    return value


def read_canonical(name: str, data: bytes | memoryview) -> dict[str, Any]:
    """Return the object that canonical JSON spells.

    Raises:
        BundleBroken: it is none, or not canonical, or longer than any.
    """
    value: Any = None
    canonical = b""
    try:
        value = json.loads(bytes(data)) if len(data) <= MOST_JSON else None
        canonical = canonical_json(value) if isinstance(value, dict) else b""
    except (ValueError, RecursionError, InputError):
        pass
    if not isinstance(value, dict) or canonical != data:
        raise BundleBroken(f"{name} is not canonical JSON.")
    return value
