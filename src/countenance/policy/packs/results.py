"""The kinds of rule about what comes after a search: who confirms, what a lead is for, how long it is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Self

from countenance.policy.packs.base import PackRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifiers(PackRule):
    """A result is confirmed by so many people, each for themselves."""

    least: int
    kind: ClassVar[str] = "verifiers"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"{self.least} people confirm a result, each for themselves"

    def covers(self, other: Self) -> bool:
        """More are stricter."""
        return self.least >= other.least


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver(Verifiers):
    """One person is enough, because this law says so: it stands where `Verifiers` stands in other packs.

    Both are of one kind, so a waiver gives way to any pack that has none.
    """

    least: int = field(default=1, init=False)

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return "one person is enough to confirm a result: this law waives the second"

    def covers(self, other: Verifiers) -> bool:
        """Nothing is less strict than a waiver but another one, not even a rule that asks for nobody."""
        return isinstance(other, Waiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls(PackRule):
    """So many of all examinations are controls: their answer is known, and they measure the examiner.

    Attributes:
        share: of 1.
    """

    share: float
    kind: ClassVar[str] = "controls"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"{self.share:.0%} of examinations are controls, whose answer is known"

    def covers(self, other: Self) -> bool:
        """More are stricter."""
        return self.share >= other.share


class LeadLimit(StrEnum):
    """What may not be done with a lead, or must be done with what a search found."""

    NEVER_SOLE_BASIS = "never_sole_basis"
    NO_ARREST_ALONE = "no_arrest_alone"
    NO_LINEUP_ALONE = "no_lineup_alone"
    DISCLOSE_RESULTS = "disclose_results"
    DISCLOSE_NEGATIVE = "disclose_negative"


LIMIT_WORDS = {
    LeadLimit.NEVER_SOLE_BASIS: "a lead is never the sole basis of a decision about a person",
    LeadLimit.NO_ARREST_ALONE: "no arrest on a lead alone; independent evidence is needed",
    LeadLimit.NO_LINEUP_ALONE: "no line-up on a lead alone; independent evidence is needed",
    LeadLimit.DISCLOSE_RESULTS: "every result that was acted on is disclosed to the defence",
    LeadLimit.DISCLOSE_NEGATIVE: "searches that found nobody, or others, are disclosed too",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(PackRule):
    """A limit on what a lead is used for."""

    limit: LeadLimit
    kind: ClassVar[str] = "lead"

    @property
    def name(self) -> str:
        """Return the name of the limit: a pack has several."""
        return f"{self.kind}.{self.limit}"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return LIMIT_WORDS[self.limit]

    def covers(self, other: Self) -> bool:
        """Only the same limit compares."""
        return self.limit == other.limit


class ExportCondition(StrEnum):
    """What must hold before the photo of a candidate leaves the program."""

    AUTHORISED = "authorised"
    INDEPENDENT_EVIDENCE = "independent_evidence"


EXPORT_WORDS = {
    ExportCondition.AUTHORISED: (
        "the photo of a candidate leaves only once the authority of its search is granted"
    ),
    ExportCondition.INDEPENDENT_EVIDENCE: (
        "the photo of a candidate leaves only once evidence independent of the search is recorded"
    ),
}
EXPORT_WAY_OUT = {
    ExportCondition.AUTHORISED: (
        "Locked until the authority of this search is granted. Once a supervisor has granted it, "
        "the photo can be exported."
    ),
    ExportCondition.INDEPENDENT_EVIDENCE: (
        "Locked until evidence independent of this search is recorded with the lead. "
        "Record what else there is, then export the photo."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoExport(PackRule):
    """A condition on the export of a candidate's photo, say for a line-up."""

    condition: ExportCondition
    kind: ClassVar[str] = "photo_export"

    @property
    def name(self) -> str:
        """Return the name of the condition: a pack has several."""
        return f"{self.kind}.{self.condition}"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return EXPORT_WORDS[self.condition]

    def covers(self, other: Self) -> bool:
        """Only the same condition compares."""
        return self.condition == other.condition

    def refuses_export(self, met: Collection[ExportCondition]) -> str:
        """Return why a photo stays and the way out; empty if it may leave."""
        return "" if self.condition in met else EXPORT_WAY_OUT[self.condition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(PackRule):
    """So many days after a case was closed or ended, what it leaves behind is destroyed.

    Attributes:
        results_days: for candidates and what was said of them.
        evidence_days: for probes and other evidence photos.
        lead_days: for all of it at most, while nobody has said what came of a lead.
    """

    results_days: int
    evidence_days: int
    lead_days: int
    kind: ClassVar[str] = "kept"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return (
            f"after a case ends, what searches found is kept for {self.results_days} days, "
            f"and its evidence photos for {self.evidence_days}; "
            f"while a lead has no outcome, for {self.lead_days} at most"
        )

    def covers(self, other: Self) -> bool:
        """Fewer days are stricter."""
        return (
            self.results_days <= other.results_days
            and self.evidence_days <= other.evidence_days
            and self.lead_days <= other.lead_days
        )
