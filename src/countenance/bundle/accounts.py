"""What the ledger's entries say of the records, and the other way round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from countenance.bundle.evidence import Line
from countenance.bundle.references import MADE_BY, OF_RECORDS, Parts, Record
from countenance.errors import BundleBroken
from countenance.ledger.entry import canonical_json

Facts = Mapping[str, Any]


def check_accounts(parts: Parts) -> tuple[int, int]:
    """Check entries against records, both ways.

    Returns how many photos no entry states the SHA-256 of, and how many searches came to another end that is lost.

    Raises:
        BundleBroken: an entry is about what is not there, a record has no entry, or they differ.
    """
    acts: dict[str, set[str]] = {}
    kept: dict[str, set[str]] = {}
    known = {one for records in parts.records.values() for one in records}
    for line in parts.lines:
        acts.setdefault(str(line.about), set()).add(line.action)
        if not line.lost:
            kept.setdefault(str(line.about), set()).add(line.action)
        if line.action.startswith(OF_RECORDS):
            if line.about not in known:
                raise BundleBroken(
                    f"{line.action} is about {line.about}, which is not in the bundle."
                )
            _check_said(parts, line)
    for kind, actions in MADE_BY.items():
        for identity in parts.records[kind]:
            _recorded(kind, identity, acts, actions)
    intended = sum(line.action == "search.intended" for line in parts.lines)
    if intended != len(parts.records["searches"]):
        raise BundleBroken("There are not as many searches as entries of searches.")
    others = 0
    for identity, search in parts.records["searches"].items():
        others += _state(identity, search, acts.get(identity, set()), kept.get(identity, set()))
    _said(parts, acts)
    return _photos(parts), others


def _said(parts: Parts, acts: Mapping[str, set[str]]) -> None:
    """Check that what examiners wrote was recorded."""
    for identity, examination in parts.records["examinations"].items():
        if examination["analysis"] is not None:
            _recorded("examinations", identity, acts, {"probe.analysed"})
    for identity, one in parts.records["comparisons"].items():
        how = "conclusion.recorded" if one["follows"] is None else "conclusion.followed"
        if one["said"] is not None:
            _recorded("comparisons", identity, acts, {how})


def _recorded(
    kind: str, identity: str, acts: Mapping[str, set[str]], actions: set[str] | frozenset[str]
) -> None:
    if acts.get(identity, set()).isdisjoint(actions):
        raise BundleBroken(
            f"{kind}/{identity} is in the bundle, and no entry says that it was recorded."
        )


def _ended(acts: set[str]) -> str:
    """Return how a search ended, by the actions of its entries."""
    if "search.purged" in acts:
        return "purged"
    if "search.concluded" in acts:
        return "frozen" if "search.frozen" in acts else "concluded"
    return "aborted" if acts & {"search.aborted", "search.held"} else "intended"


def _state(identity: str, search: Record, acts: set[str], kept: set[str]) -> bool:
    """Check that a search ended as its entries say, and has an outcome if it came to one.

    After a restore the search is as in the backup, and goes on from there: then it ended as those entries say that were
    not lost, and this says so.
    """
    state = _ended(acts)
    other = bool(search["state"] != state and search["state"] == _ended(kept))
    ended = search["state"] == "concluded"
    if (
        (search["state"] != state and not other)
        or (search["answer"] is not None) != ended
        or (search["candidates"] is not None) != ended
        or (ended and (search["answer"] == "candidates") != bool(search["candidates"]))
    ):
        raise BundleBroken(f"searches/{identity} ended in another way on the ledger.")
    return other


def _photos(parts: Parts) -> int:
    """Check that each photo that is not here was destroyed; return how many have no hash on the ledger."""
    gone, stated = set(), set()
    for line in parts.lines:
        if line.action == "evidence.purged" and line.facts is not None:
            gone |= {str(row.get("photo")) for row in _rows(line.facts.get("photos"))}
        if line.action in MADE_BY["probes"] and "sha256" in (line.facts or {}):
            stated.add(line.about)
    for identity, probe in parts.records["probes"].items():
        if probe["file"] is None and identity not in gone:
            raise BundleBroken(f"The photo of probes/{identity} is missing, and no entry says why.")
    return len(parts.records["probes"].keys() - stated - gone)


def _rows(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list that an entry's body may hold."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _check_said(parts: Parts, line: Line) -> None:
    """Check that what an entry's body says of a record is what the record says."""
    kind, agrees = _SAID.get(line.action, (None, None))
    record = {} if kind is None else parts.named(kind, line.about)
    if line.facts is None:
        return
    other = line.facts.get("case", parts.case) != parts.case
    if other or (agrees is not None and not agrees(record, line.facts)):
        raise BundleBroken(f"{line.action} says of {line.about} what the bundle does not.")


def _photo(probe: Record, facts: Facts) -> bool:
    """Compare a photo with the hash on the ledger, if there is one, and it was not destroyed."""
    return probe["sha256"] is None or facts.get("sha256", probe["sha256"]) == probe["sha256"]


def _intended(search: Record, facts: Facts) -> bool:
    """Compare how a search was cut, and its probes: the first one, and the other ones of the same person."""
    others = [one.get("probe") for one in _rows(facts.get("more"))]
    probes = [facts.get("probe"), *others]
    return "case" in facts and probes == search["probes"] and _set(search, facts)


def _set(search: Record, facts: Facts) -> bool:
    """Compare how a search was cut; entries of before there was a choice do not say."""
    point = search.get("point")
    if point is None:
        return facts.get("mode") is None or (
            facts["mode"] == "investigation" and search["mode"] != "operating point"
        )
    wanted = (point["wanted_fpir"], point["subjects"], point["evaluation"])
    noted = tuple(facts.get(name) for name in ("wanted_fpir", "subjects", "evaluation"))
    least = f"{float(point['threshold']):.6f}"
    return (facts.get("mode"), facts.get("threshold"), noted) == ("identification", least, wanted)


def _concluded(search: Record, facts: Facts) -> bool:
    """Compare answer, candidates with similarities, those of fused photos, and versions of galleries."""
    if search["state"] == "purged":
        return True
    candidates = [
        [one["subject"], *(f"{face['face']}:{face['similarity']}" for face in one["faces"])]
        for one in search["candidates"] or ()
    ]
    fused = [
        [one["subject"], one["fused"]["similarity"], one["fused"]["photos"]]
        for one in search["candidates"] or ()
        if "fused" in one
    ]
    known, searched = facts.get("versions"), search["galleries"]
    versions = {one["id"]: one["version"] for one in searched if one["version"] is not None}
    return (
        facts.get("answer") == search["answer"]
        and facts.get("candidates") == candidates
        and facts.get("fused", []) == fused
        and isinstance(known, dict)
        and {gallery: version for gallery, version in known.items() if version is not None}
        == versions
    )


def _analysed(examination: Record, facts: Facts) -> bool:
    return _digest(examination["analysis"]) == facts.get("said")


def _recorded_conclusion(one: Record, facts: Facts) -> bool:
    return one["follows"] is None and _conclusion(one, facts)


def _followed_conclusion(one: Record, facts: Facts) -> bool:
    return facts.get("follows", "") == one["follows"] and _conclusion(one, facts)


def _conclusion(one: Record, facts: Facts) -> bool:
    said = one["said"] or {}
    return _digest(one["said"]) == facts.get("said") and facts.get("conclusion") == said.get(
        "conclusion"
    )


def _digest(said: Mapping[str, Any] | None) -> str:
    """Return the SHA-256 of what was said, spelled as the ledger spells it."""
    return "" if said is None else hashlib.sha256(canonical_json(said)).hexdigest()


_SAID: Final[Mapping[str, tuple[str, Callable[[Record, Facts], bool]]]] = {
    "probe.added": ("probes", _photo),
    "probe.derived": ("probes", _photo),
    "search.intended": ("searches", _intended),
    "search.concluded": ("searches", _concluded),
    "probe.analysed": ("examinations", _analysed),
    "conclusion.recorded": ("comparisons", _recorded_conclusion),
    "conclusion.followed": ("comparisons", _followed_conclusion),
}
"""The entries whose bodies are compared with records, of which kind, and how."""
