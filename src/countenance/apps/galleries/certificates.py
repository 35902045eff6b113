"""The certificate of an erasure: what was destroyed by count and random id, when, and nothing about anybody.

It is part of the ledger's entry of the erasure, so the entry's receipt proves it, and whoever shows it reads it there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import receipt_of
from countenance.apps.records.services import unseal_body
from countenance.errors import NotFound
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.policy import SYSTEM, Actor
from countenance.reports import Certificate, certificate_pdf
from countenance.reports.words import count
from countenance.tools import Tools

FORMAT = "countenance.erasure/1"
LISTED = 1000
"""Of more photos than these the certificate says how many, and not which."""


class Erased(StrEnum):
    """What was asked to be erased."""

    PHOTO = "photo"
    SUBJECT = "subject"
    SOURCE = "source"


ACTIONS = (Action.PHOTO_REMOVED, Action.SUBJECT_REMOVED, Action.SOURCE_REMOVED)
TITLES = {
    Erased.PHOTO: "This photo was erased",
    Erased.SUBJECT: "This subject was erased",
    Erased.SOURCE: "Every photo of this source was erased",
}
DESTROYED = (
    "the photos, with the keys that they were sealed with",
    "the crops and the templates of the faces in them, and what was noted about each",
    "the names of subjects of whom no photo is left",
    "the sealed copies of the gallery's index; the index in memory and in Milvus has lost them too",
    "the trials of evaluations in which they were searched, and controls that were made of them",
)
KEPT = (
    "that photos were enrolled and erased, by whom and when",
    "the ranks and similarities that earlier searches recorded, with random ids that lead to nothing any more",
    "what a released lead printed, as it may have to be disclosed, without the photo",
    "the ledger's entries themselves",
)
PASSPORT_KEPT = "the passport of the source, to answer for the past"


@dataclass(kw_only=True)
class Counts:
    """How much was destroyed, of each kind."""

    photos: Sequence[UUID] = ()
    subjects: int = 0
    faces: int = 0
    templates: int = 0
    crops: int = 0
    snapshots: int = 0
    controls: int = 0
    uploads: int = 0

    def __iadd__(self, other: Self) -> Self:
        """Add what else was destroyed; the photos stay those that were named."""
        for name in (one.name for one in fields(self) if one.name != "photos"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def as_json(self) -> dict[str, int]:
        """Return the counts."""
        counts = {one.name: getattr(self, one.name) for one in fields(self)}
        return counts | {"photos": len(self.photos)}


def certificate(
    actor: Actor,
    what: Erased,
    id: UUID,
    counts: Counts,
    *,
    at: datetime,  # of the row
) -> dict[str, Any]:
    """Return what an entry certifies of an erasure."""
    kept = (*KEPT, PASSPORT_KEPT) if what is Erased.SOURCE else KEPT
    return {
        "certificate": FORMAT,
        "what": str(what),
        "id": str(id),
        "destroyed_at": at.isoformat(),
        "destroyed_by": "the program, again after a restore"
        if actor == SYSTEM
        else str(actor.person),
        "counts": counts.as_json(),
        "photos": sorted(map(str, counts.photos))[:LISTED],
        "destroyed": list(DESTROYED),
        "kept": list(kept),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate with the receipt of the entry that it stands in."""

    said: dict[str, Any] = field(repr=False)
    receipt: Receipt

    @property
    def title(self) -> str:
        """Return what it certifies."""
        return TITLES[Erased(self.said["what"])]

    @property
    def destroyed_at(self) -> datetime:
        """Return when it was destroyed."""
        return datetime.fromisoformat(self.said["destroyed_at"])

    @property
    def counted(self) -> tuple[tuple[str, str], ...]:
        """Return how much was destroyed, of each kind, as it is printed."""
        counts = self.said["counts"].items()
        return tuple((name.capitalize(), count(number)) for name, number in counts)

    def to_dict(self) -> dict[str, Any]:
        """Return both for machines."""
        return {**self.said, "receipt": self.receipt.to_dict()}


def certified(reader: Actor, id: UUID, *, tools: Tools) -> Certified:  # of the row
    """Return the certificate of what was erased under this id, of the reader's own agency.

    Raises:
        NotFound: nothing of that id was erased, or before there were certificates.
    """
    rows = LedgerRow.objects.filter(about=id, action__in=map(str, ACTIONS), agency=reader.agency)
    for row in rows.order_by("-index"):
        opened = unseal_body(row, keyring=tools.keyring)
        said = json.loads(opened[1])["facts"].get("certificate") if opened else None
        if said is not None:
            return Certified(said=said, receipt=receipt_of(row))
    raise NotFound("There is no certificate of an erasure under this id.")


def as_pdf(one: Certified, *, agency: str) -> bytes:
    """Return a certificate as a file to print."""
    return certificate_pdf(
        Certificate(
            title=one.title,
            at=one.destroyed_at,
            agency=agency,
            rows=((one.said["what"].capitalize(), one.said["id"]), *one.counted),
            destroyed=tuple(_sentence(text) for text in one.said["destroyed"]),
            kept=tuple(_sentence(text) for text in one.said["kept"]),
            receipt=one.receipt,
        )
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
