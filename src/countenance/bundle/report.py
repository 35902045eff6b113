"""What a verified bundle shows, in sentences, and what it cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from countenance.ledger.receipt import Receipt

KEY_UNKNOWN: Final = (
    "Whether the key is the deployment's: compare it with the one that the agency or its oversight body "
    "tells you by another way."
)
LEFT_OUT: Final = (
    "Whether entries of this case were left out: ask for an export of the deployment's ledger, and check "
    "that it continues this one (`countenance verify-ledger EXPORT --receipt`, with this report as JSON)."
)
WRITTEN_ANEW: Final = (
    "Whether the ledger was written anew as a whole: a receipt or an export that somebody else kept shows "
    "that."
)
TRUTH: Final = (
    "Whether what people wrote down is true, and whether the error rates were measured well."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verified bundle holds, and in sentences what that shows and what it cannot show.

    Attributes:
        deployment: the deployment that it says it is from.
        case: the reference of the case.
        made_at: when it says it was made.
        public_key: the key that it is signed with, in hexadecimal digits.
        key_expected: whether that is the key that its reader expected; False if none was named.
        ledger_size: how many entries the ledger had.
        ledger_root: the root that all entries of the bundle lead to, in hexadecimal digits.
        counts: how many records there are of each kind.
        erased: how many bodies are said to have been erased.
        receipt: that of the last entry: an export of the deployment's ledger must hold it
            (`verify_export(…, expect=receipt)`). None if the bundle has no entry.
        verified: what was checked, in sentences.
        not_verified: what no reader can check offline, in sentences.
    """

    deployment: str
    case: str
    made_at: str
    public_key: str
    key_expected: bool
    ledger_size: int
    ledger_root: str
    counts: Mapping[str, int]
    erased: int
    receipt: Receipt | None
    verified: tuple[str, ...]
    not_verified: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON's own types."""
        receipt = None if self.receipt is None else self.receipt.to_dict()
        said = {**asdict(self), "receipt": receipt, "checked": self.verified}
        return {**said, "verified": True}


def report_of(
    manifest: Mapping[str, Any],
    counts: Mapping[str, int],
    *,
    erased: int,
    receipt: Receipt | None,
    lost: int,
    others: int,
    unstated: int,
    known: bool,
) -> Report:
    """Return the report of a bundle that verified.

    Args:
        manifest: its manifest.
        counts: how many records there are of each kind.
        erased: how many bodies of entries were erased.
        receipt: of its last entry.
        lost: how many of these stand before a restore of the deployment.
        others: how many searches came to an end before it that is not the one they have now.
        unstated: how many photos have no SHA-256 on the ledger.
        known: whether its reader named the key that it is signed with.
    """
    head = manifest["ledger"]
    doubts = [LEFT_OUT, WRITTEN_ANEW, TRUTH]
    if not known:
        doubts.insert(0, KEY_UNKNOWN)
    if erased:
        doubts.append(
            f"What the bodies said that are not in it, mostly because they were erased: {erased}."
        )
    doubts += _restored(lost, others)
    if unstated:
        doubts.append(
            f"Whether {unstated} of the photos are those that were added: their entries do not state "
            "the SHA-256, only the manifest does."
        )
    return Report(
        deployment=manifest["deployment"],
        case=manifest["case"]["reference"],
        made_at=manifest["made_at"],
        public_key=manifest["public_key"],
        key_expected=known,
        ledger_size=head["size"],
        ledger_root=head["root"],
        counts=counts,
        erased=erased,
        receipt=receipt,
        verified=_verified(manifest, counts, known=known),
        not_verified=tuple(doubts),
    )


def _restored(lost: int, others: int) -> Iterator[str]:
    """Yield what a restore of the deployment took from a bundle, as far as it can have taken anything."""
    if lost:
        yield (
            "The deployment was restored from a backup. What was done between the backup and the restore is lost: of "
            f"{lost} entries before it at most only the action, the time and what it was about is known, and records "
            "that were made then are not here. A bundle that was exported before the restore still holds them."
        )
    if others:
        yield (
            f"How {others} of the searches ended before that restore: the ledger names another end than the one that "
            "they came to since, and what they found then is lost."
        )


def _verified(
    manifest: Mapping[str, Any], counts: Mapping[str, int], *, known: bool
) -> tuple[str, ...]:
    head, members = manifest["ledger"], len(manifest["members"])
    whole = (
        f"The archive holds exactly the {members} files that its manifest lists, each with the SHA-256 "
        "listed, and not a byte more."
    )
    expected = ", which is the key that was expected" if known else ""
    signed = f"The manifest is signed with the key {manifest['public_key']}{expected}."
    proved = (
        f"Each of the {counts['entries']} entries is in the ledger's tree of {head['size']} entries with "
        f"the root {head['root']}, and each body is the one that was recorded."
    )
    complete = (
        "Every probe, request, search, examination, conclusion and lead that an entry names is here, and "
        f"an entry names each that is here: {counts['probes']} probes, {counts['requests']} requests, "
        f"{counts['searches']} searches, {counts['negative_searches']} of them without a candidate, "
        f"{counts['examinations']} examinations, {counts['leads']} leads."
    )
    agreed = (
        "Each search has the probes, answer, candidates and versions of galleries that the ledger "
        "recorded, and each analysis and conclusion is word by word what the ledger recorded."
    )
    return whole, signed, proved, complete, agreed
