"""What members say of each other and of the ledger, and the ledger of them: each must bear the other out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from countenance.bundle.evidence import Line
from countenance.errors import BundleBroken

Record = Mapping[str, Any]

MADE_BY: Final[Mapping[str, frozenset[str]]] = {
    "probes": frozenset({"probe.added", "probe.derived"}),
    "requests": frozenset({"search.asked"}),
    "searches": frozenset({"search.intended"}),
    "examinations": frozenset({"examination.begun"}),
    "leads": frozenset({"lead.released"}),
}
"""The actions whose entry is about a new record of that kind: each record has one, each one a record."""

OF_RECORDS: Final = ("candidates.", "conclusion.", "examination.", "lead.", "probe.", "search.")
"""What an entry whose action begins like this is about must be in the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The members of a bundle after reading: records by kind and id, and the files beside them."""

    case: str
    records: Mapping[str, Mapping[str, Record]]
    edits: Sequence[Record]
    files: Mapping[str, bytes | memoryview]
    lines: Sequence[Line]

    def named(self, kind: str, identity: str | None) -> Record:
        """Return a record that something names.

        Raises:
            BundleBroken: it is not there.
        """
        record = self.records[kind].get(str(identity))
        if record is None:
            raise BundleBroken(f"{kind}/{identity} is named in the bundle and not in it.")
        return record


def check_references(parts: Parts) -> None:
    """Check what the members say of each other.

    Raises:
        BundleBroken: two contradict each other, or one names what is not there.
    """
    _files(parts)
    _edits(parts)
    models = {card["id"] for card in parts.records["model-cards"].values()}
    if len(models) != len(parts.records["model-cards"]):
        raise BundleBroken("Two model cards are of one model.")
    for request in parts.records["requests"].values():
        parts.named("probes", request["probe"])
    for search in parts.records["searches"].values():
        for probe in search["probes"]:
            parts.named("probes", probe)
        for request in search["requests"]:
            parts.named("requests", request)
        if search["model"] not in models | {None}:
            raise BundleBroken("The card of a model that compared is missing.")
        _point(search)
    for examination in parts.records["examinations"].values():
        _examination(parts, examination)
    for lead in parts.records["leads"].values():
        shown = _subjects(parts, lead["search"])
        if shown is not None and lead["subject"] not in shown:
            raise BundleBroken("A lead is of somebody whom its search did not return.")


def _point(search: Record) -> None:
    """Check that nobody whom a search returned is below its operating point, which is of the same model."""
    point = search.get("point")
    if point is None:
        return
    if search["model"] not in {point["model"], None}:
        raise BundleBroken("An operating point is of another model than the one that compared.")
    # Similarities are rounded, so the threshold is.
    least = round(float(point["threshold"]), 6)
    for one in search["candidates"] or ():
        if not one["faces"] or float(one.get("fused", one["faces"][0])["similarity"]) < least:
            raise BundleBroken("A search returned somebody below its operating point.")


def _files(parts: Parts) -> None:
    """Check that each file belongs to the record of its id, and each record has the file it names."""
    claimed = set()
    for kind in ("probes", "leads", "authority"):
        for identity, record in parts.records[kind].items():
            name = record["file"]
            if name is None:
                continue
            if name not in parts.files or not name.startswith(f"{kind}/{identity}."):
                raise BundleBroken(f"{name} is missing, or belongs to something else.")
            claimed.add(name)
    for name in parts.files.keys() - claimed:
        raise BundleBroken(f"{name} belongs to nothing in the bundle.")
    for identity, probe in parts.records["probes"].items():
        data = None if probe["file"] is None else parts.files[probe["file"]]
        found = None if data is None else hashlib.sha256(data).hexdigest()
        if found != probe["sha256"]:
            raise BundleBroken(f"The photo of probe {identity} is not the one that was added.")


def _edits(parts: Parts) -> None:
    """Check that each copy of a photo says once how it was made, and no other photo does."""
    said = sorted((edit["probe"], edit["of"]) for edit in parts.edits)
    made = sorted(
        (identity, probe["derived_from"])
        for identity, probe in parts.records["probes"].items()
        if probe["derived_from"] is not None
    )
    if said != made:
        raise BundleBroken("The edits are not those of the probes.")
    for _, of in made:
        parts.named("probes", of)


def _examination(parts: Parts, examination: Record) -> None:
    """Check that an examination is of what its search returned; only a purged one has forgotten whom."""
    shown = _subjects(parts, examination["search"])
    own = {one["id"] for one in examination["comparisons"]}
    for one in examination["comparisons"]:
        if shown is not None and one["subject"] not in shown:
            raise BundleBroken("An examination is of somebody whom its search did not return.")
        if one["follows"] is not None and one["follows"] not in own - {one["id"]}:
            raise BundleBroken("A conclusion follows one that is missing.")


def _subjects(parts: Parts, search: str) -> Collection[str] | None:
    """Return the subjects that a search returned; None once they were frozen or purged."""
    found = parts.named("searches", search)
    if found["state"] in {"frozen", "purged"}:
        return None
    return {one["subject"] for one in found["candidates"] or ()}
