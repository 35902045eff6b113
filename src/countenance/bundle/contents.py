"""What goes into a disclosure bundle, in types.

Each record has the fields that verifiers look at, and `details` for everything else that is to be
disclosed. Details are JSON; ids, dates and times may be given as they are, and numbers with a fraction
are written as text with six decimals, because their spelling differs between writers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is disclosed, byte by byte; `suffix` is the end of its name, such as `jpg`."""

    data: bytes = field(repr=False)
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A photo that was searched with, or could have been: evidence, or a copy that was made of it.

    Attributes:
        id: of its row.
        sha256: of the photo's bytes, in hexadecimal digits; None if it was destroyed.
        file: the photo; None if it was destroyed, which an entry then says.
        derived_from: the probe that this copy was made of; how stands in an `Edit`.
        details: file name, faces and their quality, who added it, when.
    """

    id: UUID
    sha256: str | None
    file: File | None
    derived_from: UUID | None
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """How one probe was made of another: which part, which turn, which light, by whom, when."""

    probe: UUID
    of: UUID
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An investigator's wish for a search, and what became of it; also one that was declined."""

    id: UUID
    probe: UUID
    state: str
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A gallery as it was searched: which version of its snapshot, None if nothing was compared."""

    id: UUID
    version: int | None
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One line of a candidate list: a subject, and (face, similarity) of each photo, the best first.

    The similarity is text, spelled as on the ledger: six decimals. `fused` is that of the one template of several
    photos by which the subject was ranked, and of how many photos; None if one photo was compared.
    """

    subject: UUID
    faces: Sequence[tuple[int | UUID, str]]
    details: Details
    fused: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search, whatever came of it.

    Attributes:
        id: of its row.
        probes: the probes that were searched with together, in the order of the ledger.
        requests: what it answers.
        model: the id of the model that compared; its card is in the bundle. None if none did.
        mode: "operating point" with a threshold of measured error, "threshold, not measured" with any other,
            "investigation list" with a fixed length.
        state: "intended", "concluded", "aborted", "frozen" or "purged".
        answer: as on the ledger, such as "no_candidate"; None unless concluded.
        candidates: in the order of the list; None unless concluded.
        galleries: in which it looked.
        details: reason, face, threshold and length of the list, who ran it, when, under what.
        point: what was measured at the operating point, with fractions as text; only with that mode, and
            nobody on the list is below its threshold.
    """

    id: UUID
    probes: Sequence[UUID]
    requests: Sequence[UUID]
    model: str | None
    mode: str
    state: str
    answer: str | None
    candidates: Sequence[Candidate] | None
    galleries: Sequence[Gallery]
    details: Details
    point: Details | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What an examiner said of one candidate.

    Attributes:
        id: of its row.
        subject: the candidate; None once the search was purged.
        follows: the comparison of the same examination whose conclusion this one takes the place of.
        said: checklist, pins, conclusion: word by word what the ledger has the SHA-256 of, so its
            fractions are text already. None without a conclusion, or once the search was purged.
        details: letter and place in the examiner's own order, rank in the list.
    """

    id: UUID
    subject: UUID | None
    follows: UUID | None
    said: Details | None
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One examiner's examination of the candidates of a search.

    `analysis` is what was written of the probe before any candidate was seen, word by word as `said`.
    """

    id: UUID
    search: UUID
    analysis: Details | None
    comparisons: Sequence[Comparison]
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A released lead, how it stands, what became of it, and its report, if there is one.

    Attributes:
        id: of the lead.
        search: what returned the candidate.
        subject: the candidate; None once the search was frozen or purged.
        file: the report, without a photo that may not leave yet.
        details: everything else.
    """

    id: UUID
    search: UUID
    subject: UUID | None
    file: File | None
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The legal basis of searches, and its document, if there is one."""

    id: UUID
    file: File | None
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model and what its maker and its measurements say of it."""

    id: str
    card: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One entry with its opened body and the path from it to the root.

    Attributes:
        index: its number, from 0.
        entry: its canonical bytes.
        salt: of its commitment; None, as the body, if both were erased or are not disclosed.
        body: what was committed to.
        path: the inclusion path in the tree of `Ledger.size` entries (`proofs.inclusion_paths`).
    """

    index: int
    entry: bytes
    salt: bytes | None
    body: bytes | None
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger's tree at one moment, and the entries of the case in it, in order."""

    size: int
    root: bytes
    entries: Sequence[LedgerEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that a bundle holds.

    Attributes:
        deployment: whose ledger it is.
        agency: id and name of the agency that discloses.
        case: id and reference of the case.
        made_at: when, in UTC.
        error_rates: of the model at the operating points used, and of the examiners, with intervals.
    """

    deployment: UUID
    agency: tuple[UUID, str]
    case: tuple[UUID, str]
    made_at: datetime
    probes: Sequence[Probe]
    edits: Sequence[Edit]
    requests: Sequence[Request]
    searches: Sequence[Search]
    examinations: Sequence[Examination]
    leads: Sequence[Lead]
    authorities: Sequence[Authority]
    model_cards: Sequence[ModelCard]
    error_rates: Details
    ledger: Ledger
