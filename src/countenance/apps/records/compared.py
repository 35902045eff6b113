"""Rows that give power compared with what the ledger last said of them.

A sealed column that was changed does not open, but an *older* value of the same row and column does: a
role, an approval or a token that was taken away, put back by somebody who can write to the database. Each
entry therefore repeats the digests of the columns that its service wrote (`SealedModel.ON_LEDGER`), and
this compares the last digest of each with what stands there now.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps

from countenance.apps.records.keys import take_in_keys
from countenance.apps.records.locks import as_of_one_moment
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import (
    DELETED,
    Ciphertext,
    SealedModel,
    column_of,
    digest_of,
)
from countenance.apps.records.services import unseal_body
from countenance.errors import SealBroken
from countenance.ledger.entry import Action
from countenance.sealing.keyring import Keyring

ERASED_LATER = frozenset(
    {
        Action.SEARCH_CONCLUDED,
        Action.SEARCH_CLOSED,
        Action.PROBE_ADDED,
        Action.PROBE_DERIVED,
        Action.PROBE_ANALYSED,
        Action.FOOTAGE_ADDED,
        Action.CONCLUSION_RECORDED,
        Action.CONCLUSION_FOLLOWED,
        Action.EXAMINATION_ENDED,
        Action.LEAD_RELEASED,
        Action.LEAD_WITHDRAWN,
        Action.LEAD_EXPORTED,
        Action.LEAD_EVIDENCE_RECORDED,
        Action.LEAD_OUTCOME_RECORDED,
    }
)
"""The program erases the bodies of these, and of no others. Their services write no column that gives power."""


CHUNK = 500
MOST_AT_ONCE = 1_000_000
"""Of a longer ledger a share of the columns at a time is remembered, at 200 bytes each, and it is read once for each share."""

Notify = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the database that is not as the ledger last said: what, and what is wrong with it."""

    row: str
    problem: str


@dataclass(frozen=True, slots=True)
class Compared:
    """How many columns were compared, and what differs."""

    columns: int
    differences: tuple[Difference, ...]


def compare_rows(
    keyring: Keyring, *, notify: Notify = lambda _done, _total: None, most: int = MOST_AT_ONCE
) -> Compared:
    """Compare every row that gives power with the ledger; needs the keys of all agencies.

    Rows that were last written before the ledger repeated digests are passed over. That the ledger itself
    is whole is for `queries.verify_ledger`. Everything is read as it stands at one moment, so that what is
    written meanwhile is no difference.

    Args:
        keyring: holds the keys of all agencies.
        notify: is told how many entries were read, of how many.
        most: of how many entries something is remembered at a time.
    """
    with as_of_one_moment():
        take_in_keys(keyring)
        size = LedgerRow.objects.count()
        shares = 1 + size // most
        found: list[Difference] = []
        compared = 0
        for share in range(shares):
            said: dict[str, str] = {}
            gone = _read(keyring, said, share=(share, shares), notify=notify, size=size)
            found += gone if share == 0 else []  # the same in each
            compared += _compare(said, found)
            found += [
                Difference(name, "it is gone") for name, one in said.items() if one != DELETED
            ]
    return Compared(columns=compared, differences=tuple(found))


def _read(
    keyring: Keyring, said: dict[str, str], *, share: tuple[int, int], notify: Notify, size: int
) -> list[Difference]:
    """Note the last digest of each column of a share, and return the entries whose bodies somebody took away."""
    gone: list[int] = []
    rows = LedgerRow.objects.only("index", "action", "agency", "body").order_by("index")
    for row in rows.iterator(chunk_size=CHUNK):
        if row.index % CHUNK == 0:
            notify(share[0] * size + row.index, share[1] * size)
        opened = unseal_body(row, keyring=keyring)
        if opened is not None:
            if row.action == Action.DEPLOYMENT_RESTORED:
                # The entries of the lost deployment before it came back without their bodies.
                begun = json.loads(opened[1])["facts"]["backup_size"]
                gone = [index for index in gone if index < begun]
            if b'"rows"' in opened[1]:
                repeated = json.loads(opened[1]).get("rows", {})
                said |= {name: one for name, one in repeated.items() if _is_of(share, name)}
        elif row.action not in ERASED_LATER:
            gone.append(row.index)
    problem = "its body is gone, which the program never erases"
    return [Difference(f"entry {index}", problem) for index in gone]


def _is_of(share: tuple[int, int], name: str) -> bool:
    return zlib.crc32(name.encode()) % share[1] == share[0]


def _compare(said: dict[str, str], found: list[Difference]) -> int:
    """Take out of `said` what is there, add what differs to `found`, and return how many were compared."""
    compared = 0
    for model in apps.get_models():
        if issubclass(model, SealedModel) and model.ON_LEDGER:
            for row in _rows(model):
                for column in sorted(model.ON_LEDGER):
                    digest = said.pop(column_of(row, column), None)
                    if digest is not None:
                        compared += 1
                        found += _differs(row, column, digest)
    return compared


def _rows(model: type[SealedModel]) -> Iterator[SealedModel]:
    """Yield the rows of a model, with those that say whose they are."""
    names = {one.name for one in model._meta.fields}  # noqa: SLF001 # Django's documented API
    whose = [name for name in ("person", "gallery") if name in names]
    rows = model._default_manager.select_related(*whose) if whose else model._default_manager.all()  # noqa: SLF001 # likewise
    yield from rows.order_by().iterator(chunk_size=CHUNK)


def _differs(row: SealedModel, column: str, digest: str) -> Iterator[Difference]:
    name = column_of(row, column)
    if digest == DELETED:
        yield Difference(name, "it was deleted, and is back")
        return
    try:
        now = digest_of(name, _plaintext(row, column))
    except SealBroken:
        yield Difference(name, "it does not open")
        return
    if now != digest:
        yield Difference(name, "it is not what was last written")


def _plaintext(row: SealedModel, column: str) -> bytes | None:
    value = row.__dict__[column]
    if not isinstance(value, Ciphertext):
        return None
    name = row._meta.get_field(column).sealed_name  # type: ignore[union-attr] # noqa: SLF001 # only sealed columns are named
    return row.unseal_column(bytes(value), name)
