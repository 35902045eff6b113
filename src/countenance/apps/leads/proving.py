"""What a lead stands on, compared with the ledger: a row can be taken away or replaced, an entry cannot."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.saying import digest
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import current_keyring
from countenance.apps.records.services import unseal_body
from countenance.apps.searches.models import Search
from countenance.errors import LedgerBroken, SealBroken
from countenance.examination.combine import Concluded
from countenance.ledger.entry import Action, Entry, verify_commitment

RECORDED, FOLLOWED = Action.CONCLUSION_RECORDED, Action.CONCLUSION_FOLLOWED
BEGUN = Action.EXAMINATION_BEGUN
Body = dict[str, Any]


def prove_conclusions(search: Search, concluded: Collection[Concluded]) -> None:
    """Check that what was concluded of a candidate is what the ledger has, word by word, and all of it.

    Raises:
        SealBroken: somebody replaced what an examiner said, or took away what follows it.
    """
    ids = {one.id for one in concluded}
    rows = Comparison.objects.in_bulk(ids)
    bodies = dict(_bodies(RECORDED, FOLLOWED, about__in=ids))
    for one in concluded:
        row, body = rows[one.id], bodies.get(one.id)
        if body is None or body["actor"] != str(one.examiner) or not _says(body["facts"], row):
            raise SealBroken("A conclusion is not the one that the ledger has.")
    for about, body in _bodies(FOLLOWED, agency=search.agency_id, at__gte=search.ended_at):
        if body is None:
            _require_row(Comparison, about)
        elif UUID(body["facts"]["follows"]) in ids and about not in ids:
            raise SealBroken("The ledger has a conclusion that follows another, and it is gone.")


def prove_examinations(search: Search) -> None:
    """Check that every examination that was begun of a search is still there.

    Raises:
        SealBroken: somebody took one away.
    """
    there = set(search.examinations.values_list("pk", flat=True))
    for about, body in _bodies(BEGUN, agency=search.agency_id, at__gte=search.ended_at):
        if body is None:
            _require_row(Examination, about)
        elif body["facts"].get("control"):
            continue  # It names the search in whose place it was drawn.
        elif body["facts"].get("search") == str(search.pk) and about not in there:
            raise SealBroken("The ledger has an examination of this search, and it is gone.")


def _require_row(kind: type[Comparison | Examination], about: UUID | None) -> None:
    """Require the row of an entry whose body was erased: a purge of another search erases that, no row."""
    if about is None or not kind.objects.filter(pk=about).exists():
        raise SealBroken("The ledger has something that was examined, and it is gone.")


def _says(facts: Body, row: Comparison) -> bool:
    follows = None if row.follows_id is None else str(row.follows_id)
    return facts["said"] == digest(row.said) and facts.get("follows") == follows


def _bodies(*actions: Action, **wanted: Any) -> Iterator[tuple[UUID | None, Body | None]]:
    """Yield what entries are about, and their bodies; None for one that was erased.

    Raises:
        SealBroken: an entry's columns, or its body, are not what was recorded.
    """
    rows = LedgerRow.objects.filter(action__in=[str(one) for one in actions], **wanted)
    for row in rows.order_by("index"):
        try:
            entry = Entry.parse(bytes(row.entry))
            opened = unseal_body(row, keyring=current_keyring())
            if opened is not None:
                verify_commitment(entry.commitment, opened[1], opened[0])
        except LedgerBroken as error:
            raise SealBroken(error.detail) from None
        if (entry.action, entry.about) != (Action(row.action), row.about):
            raise SealBroken("The columns of an entry contradict it.")
        yield entry.about, None if opened is None else json.loads(opened[1])
