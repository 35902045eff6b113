"""What an evaluation measured: the similarity of each search's mate and best non-mates, nothing else.

No name, photo or template is kept: subjects are numbers that only say which searches are of one person,
because those searches are alike and an interval that took them for independent would be too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from countenance.errors import InputError
from countenance.evaluation.stored import floats, read, written

Similarities: TypeAlias = Float64[np.ndarray, " n"]
Numbers: TypeAlias = Int64[np.ndarray, " n"]
Nearest: TypeAlias = Float64[np.ndarray, "n k"]
Who: TypeAlias = Int64[np.ndarray, "who k_who"]

KEPT: Final = 20
"""So many of the most similar other subjects are kept of each non-mated search, for the growth model."""

VERSION: Final = 1


def _none() -> Similarities:
    return np.empty(0, dtype=np.float64)


def _nobody() -> Numbers:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """Searches whose true answers are known.

    A photo in which no face was found is a search all the same: its similarities are minus infinity and
    its rank is 0, so a mated search of it is a miss at every threshold and rank.

    Attributes:
        model: the id of the model whose similarities these are.
        subjects: how many subjects were in the gallery of a mated search.
        others: how many subjects a non-mated search was compared with.
        mated: the similarity of the mate, for each mated search.
        ranks: the mate's rank among the subjects, from 1; 0 if it has none. Equals count before it.
        mated_subjects: a number for each mated search, the same for searches for one person.
        non_mated: the most similar other subjects of each non-mated search, at most `KEPT`, in
            descending similarity; minus infinity where there are fewer.
        nearest: the numbers of those other subjects, beside their similarities; empty if not kept.
        non_mated_subjects: as `mated_subjects`; one person has one number everywhere.
        mated_groups: the group of each mated search, as the steward labelled it; empty if none did.
        non_mated_groups: the group of each non-mated search; see `mated_groups`.
        qualities: the quality of the probe of each mated search; empty if not measured.

    Raises:
        InputError: the parts do not fit each other.
    """

    model: str
    subjects: int
    others: int
    mated: Float64[np.ndarray, " m"] = field(default_factory=_none)
    ranks: Int64[np.ndarray, " ranks"] = field(default_factory=_nobody)
    mated_subjects: Int64[np.ndarray, " mated_subjects"] = field(default_factory=_nobody)
    non_mated: Nearest = field(default_factory=lambda: np.empty((0, 0)))
    nearest: Who = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))
    non_mated_subjects: Int64[np.ndarray, " non_mated_subjects"] = field(default_factory=_nobody)
    mated_groups: tuple[str, ...] = ()
    non_mated_groups: tuple[str, ...] = ()
    qualities: Float64[np.ndarray, " qualities"] = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Refuse what no evaluation can have measured."""
        searches, others = len(self.mated), len(self.non_mated)
        lengths = {
            "ranks": len(self.ranks) == searches,
            "mated_subjects": len(self.mated_subjects) == searches,
            "nearest": self.nearest.size == 0 or self.nearest.shape == self.non_mated.shape,
            "non_mated_subjects": len(self.non_mated_subjects) == others,
            "mated_groups": len(self.mated_groups) in {0, searches},
            "non_mated_groups": len(self.non_mated_groups) in {0, others},
            "qualities": len(self.qualities) in {0, searches},
        }
        _demand(all(lengths.values()), "The parts of these trials are not of one length.")
        _demand(bool(self.model), "Trials name the model they are of.")
        _demand(self.subjects >= 0 and self.others >= 0, "A gallery has no negative size.")
        _demand(self.non_mated.ndim == 2, "Non-mated searches have rows of similarities.")  # noqa: PLR2004
        for similarities in (self.mated, self.non_mated):
            fit = ~np.isnan(similarities) & (similarities < math.inf)
            _demand(bool(fit.all()), "A similarity is a number, or minus infinity.")
        _demand(bool(np.isfinite(self.qualities).all()), "A quality is a number.")
        _demand(
            bool((self.non_mated[:, :-1] >= self.non_mated[:, 1:]).all()),
            "The other subjects of a search are given in descending similarity.",
        )
        _demand(bool((self.ranks >= 0).all()), "A rank is 0 or counts from 1.")
        _demand(bool((self.ranks <= self.subjects).all()), "A rank is within the gallery.")

    @property
    def best(self) -> Similarities:
        """Return the similarity of the most similar other subject, for each non-mated search."""
        if self.non_mated.shape[1] == 0:
            return np.full(len(self.non_mated), -math.inf)
        return self.non_mated[:, 0]

    @property
    def failures(self) -> int:
        """Return how many mated searches had no similarity at all: no face was found."""
        return int(np.isneginf(self.mated).sum())

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups that the searches were labelled with, in order."""
        return tuple(sorted({*self.mated_groups, *self.non_mated_groups} - {""}))

    def of_group(self, name: str) -> Trials:
        """Return the searches of one group, against the same gallery."""
        mated = np.array([group == name for group in self.mated_groups], dtype=bool)
        other = np.array([group == name for group in self.non_mated_groups], dtype=bool)
        return Trials(
            model=self.model,
            subjects=self.subjects,
            others=self.others,
            mated=self.mated[mated] if len(mated) else _none(),
            ranks=self.ranks[mated] if len(mated) else _nobody(),
            mated_subjects=self.mated_subjects[mated] if len(mated) else _nobody(),
            non_mated=self.non_mated[other] if len(other) else self.non_mated[:0],
            nearest=self.nearest[other] if len(other) and len(self.nearest) else self.nearest[:0],
            non_mated_subjects=self.non_mated_subjects[other] if len(other) else _nobody(),
            qualities=self.qualities[mated] if len(mated) and len(self.qualities) else _none(),
        )

    def as_json(self) -> bytes:
        """Return the only spelling of these trials."""
        return written({"version": VERSION, **{name: getattr(self, name) for name in _FIELDS}})

    @classmethod
    def from_json(cls, data: bytes) -> Trials:
        """Return trials that were written by `as_json`.

        Raises:
            InputError: these are none, or of another version.
        """
        stored = read(data)
        _demand(stored.pop("version", None) == VERSION, "These trials are of another version.")
        _demand(stored.keys() == _FIELDS.keys(), "These are not stored trials.")
        try:
            return cls(**{name: make(stored[name]) for name, make in _FIELDS.items()})
        except (TypeError, ValueError, OverflowError):
            raise InputError("These are not stored trials.") from None


def _rows(values: Iterable[list[float | None]]) -> Nearest:
    rows = [floats(row) for row in values]
    return np.stack(rows) if rows else np.empty((0, 0))


def _who(values: list[list[int]]) -> Who:
    return np.array(values, dtype=np.int64) if values else np.empty((0, 0), dtype=np.int64)


def _counts(values: list[int]) -> Numbers:
    return np.array(values, dtype=np.int64)


_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "model": str,
    "subjects": int,
    "others": int,
    "mated": floats,
    "ranks": _counts,
    "mated_subjects": _counts,
    "non_mated": _rows,
    "nearest": _who,
    "non_mated_subjects": _counts,
    "mated_groups": tuple,
    "non_mated_groups": tuple,
    "qualities": floats,
}


def _demand(holds: bool, sentence: str) -> None:  # noqa: FBT001 # a condition and what to say
    if not holds:
        raise InputError(sentence)
