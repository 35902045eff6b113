"""The operating point at which a gallery is searched: what was wanted, and what was measured of it.

A threshold is not kept. What two people agreed on is a wanted FPIR and an evaluation; the similarity that
gives that FPIR is computed from both for the number of subjects that the searched galleries hold now, so it
follows them as they grow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from countenance.apps.evaluations.saying import about, between, counted
from countenance.apps.galleries.models import Gallery
from countenance.errors import InputError
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of searches, and the 0.95 interval of that share."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The operating point of one search: what it was set to, and what is known of it.

    Attributes:
        wanted_fpir: what two people agreed on.
        threshold: the similarity from which on a candidate is returned.
        subjects: how many people the searched galleries hold together.
        fpir: predicted for that many; of searches of people who are not in them, the share that returns
            somebody.
        fnir: of searches of people who are in them, the share that does not return them.
        model: whose templates were compared.
        evaluation_id: the measurement that says so.
        evaluated_on: its day.
        evaluated_subjects: how many people were searched among in it.
        mated_searches: searches of people who were among those.
        non_mated_searches: searches of people who were not.
        extrapolated: the measurement alone does not reach that far; a model of its largest similarities does.
        sample: of whom the photos were, in words: "a labelled sample of 102 people".
        galleries: how many are searched together.
    """

    wanted_fpir: float
    threshold: float
    subjects: int
    fpir: Rate
    fnir: Rate
    model: str
    evaluation_id: UUID
    evaluated_on: date
    evaluated_subjects: int
    mated_searches: int
    non_mated_searches: int
    extrapolated: bool
    sample: str
    galleries: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's own types; fractions are texts, so that the ledger takes them too."""
        return {
            "wanted_fpir": repr(self.wanted_fpir),
            "threshold": repr(self.threshold),
            "subjects": self.subjects,
            "fpir": _written(self.fpir),
            "fnir": _written(self.fnir),
            "model": self.model,
            "evaluation": str(self.evaluation_id),
            "evaluated_on": self.evaluated_on.isoformat(),
            "evaluated_subjects": self.evaluated_subjects,
            "mated_searches": self.mated_searches,
            "non_mated_searches": self.non_mated_searches,
            "extrapolated": self.extrapolated,
            "sample": self.sample,
            "galleries": self.galleries,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Point:
        """Return what `as_json` wrote.

        Raises:
            InputError: something is missing, or is not what it should be.
        """
        try:
            return cls(
                wanted_fpir=float(data["wanted_fpir"]),
                threshold=float(data["threshold"]),
                subjects=int(data["subjects"]),
                fpir=_read(data["fpir"]),
                fnir=_read(data["fnir"]),
                model=str(data["model"]),
                evaluation_id=UUID(data["evaluation"]),
                evaluated_on=date.fromisoformat(data["evaluated_on"]),
                evaluated_subjects=int(data["evaluated_subjects"]),
                mated_searches=int(data["mated_searches"]),
                non_mated_searches=int(data["non_mated_searches"]),
                extrapolated=bool(data["extrapolated"]),
                sample=str(data["sample"]),
                galleries=int(data.get("galleries", 1)),
            )
        except (KeyError, TypeError, ValueError):
            raise InputError("What was kept of an operating point cannot be read.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as often a similarity was seen of two photos of one person as of two people.

    Attributes:
        value: the ratio, never beyond what the evaluation's searches can show.
        at_least: the similarity lies beyond them, so the true ratio may be larger.
        at_most: likewise, smaller.
        words: all of that in a sentence.
    """

    value: float
    at_least: bool
    at_most: bool
    words: str


def point_of(galleries: Sequence[Gallery], *, tools: Tools) -> Point | None:
    """Return the operating point at which these galleries are searched together now; None if there is none.

    Each of them needs one, for the same model. Together they are as large as the sum of their subjects,
    and the strictest is kept to: of the thresholds that give the least of the wanted FPIRs at that size,
    by each of their evaluations, the highest. Call it within `grants.reading` for granted ones.

    Raises:
        TamperDetected, SealBroken: what was agreed on or measured was changed in the database.
    """
    raise NotImplementedError


def in_words(point: Point) -> str:
    """Return what a person who reads a result has to know of the operating point it was found at."""
    together = f"these {point.galleries} galleries" if point.galleries > 1 else "this gallery"
    here = f"{together} of {counted(point.subjects)}"
    said = (
        f"At this setting {about(point.fpir.value)} searches for people who are not in {here} return somebody "
        f"({between(point.fpir.low, point.fpir.high)}), and {about(point.fnir.value)} searches for people who "
        f"are in it do not return them ({between(point.fnir.low, point.fnir.high)}). "
        f"Measured on {point.evaluated_on.day} {point.evaluated_on:%B %Y} with {point.sample}: "
        f"{counted(point.non_mated_searches)} searches for people who were not there, "
        f"{counted(point.mated_searches)} for people who were."
    )
    if point.extrapolated:
        said += (
            " So few errors were not measured at this size: the figure is extrapolated from the most similar "
            "ones among them, and is less sure than its interval says."
        )
    return said


def ratio_of(point: Point, similarity: float, *, tools: Tools) -> Ratio | None:
    """Return the calibrated likelihood ratio of a similarity; None if too little was measured for one.

    Show it after the conclusion is recorded, never before.

    Raises:
        TamperDetected, SealBroken: what was measured was changed in the database.
    """
    raise NotImplementedError


def _written(rate: Rate) -> list[str]:
    return [repr(rate.value), repr(rate.low), repr(rate.high)]


def _read(values: Sequence[Any]) -> Rate:
    value, low, high = (float(one) for one in values)
    return Rate(value=value, low=low, high=high)
