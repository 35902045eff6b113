"""From templates to trials, and from trials to the numbers that are kept: pure, and the same each time.

One search has one label in its trials: all that a steward said of that person, put together. Rates are told for
each value of each column by itself, never for what they have in common, which would be few people.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, Int64

from countenance.apps.evaluations.sampling import Groups
from countenance.errors import InputError
from countenance.evaluation.intervals import fnirs, fpirs
from countenance.evaluation.protocol import against, leave_one_out
from countenance.evaluation.report import FEWEST, Evaluation, evaluate
from countenance.evaluation.report import GroupRates as Group
from countenance.evaluation.stored import written
from countenance.evaluation.trials import Trials
from countenance.faces.fusing import MOST_FUSED

Vectors: TypeAlias = Float32[np.ndarray, "n d"]
Codes: TypeAlias = Int64[np.ndarray, " n"]

MOST_SEARCHES = 5_000
"""Of a gallery with more photos of subjects with several, so many are drawn to be searched with."""

NEXT = "; "
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Templates:
    """Templates of people who are running numbers, in no order that says who they are.

    Attributes:
        vectors: one a photo; a row of NaN is a photo without a usable face.
        people: whose each is.
        photo: which photo of that person each is, from 0, in the order in which they were given.
        qualities: our figure of each face, 0 without one; empty if not measured.
        groups: what each is labelled with.
        labels_of_nobody: how many labels of groups are of nobody here.
        without_face: how many rows are NaN.
    """

    vectors: Vectors
    people: Codes
    photo: Codes
    qualities: Sequence[float] = ()
    groups: Sequence[Groups] = field(default_factory=list)
    labels_of_nobody: int = 0

    @property
    def without_face(self) -> int:
        """Return how many photos have no usable face."""
        return int(np.isnan(self.vectors).any(axis=1).sum())

    def __len__(self) -> int:
        """Return how many photos there are."""
        return len(self.vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfGroup:
    """Error rates of one group at one threshold; None where there were no such searches, or too few people."""

    group: str
    subjects: int
    fpir: tuple[float, float, float] | None
    fnir: tuple[float, float, float] | None


def of_sample(found: Templates, *, model: str, enrol: int) -> Trials:
    """Enrol the first photos of each person and search with the others; with 0, each photo against all others.

    Args:
        found: a labelled sample's templates.
        model: whose they are.
        enrol: how many photos of each person.

    Raises:
        InputError: nothing can be measured with that.
    """
    if enrol < 0:
        raise InputError("As many photos are enrolled as are given, or 0 for each in turn.")
    if enrol == 0:
        return _leave_one_out(found, model)
    enrolled, searched = found.photo < enrol, found.photo >= enrol
    if not searched.any():
        raise InputError(
            f"Nobody in this sample has more than {enrol} photos, so nothing is left to search with."
        )
    labels, qualities = _labels(found.groups), np.array(found.qualities)
    return against(
        found.vectors[enrolled],
        found.people[enrolled].tolist(),
        found.vectors[searched],
        found.people[searched].tolist(),
        model=model,
        groups=_chosen(labels, searched),
        qualities=qualities[searched].tolist(),
        fused=True,
        weights=_weights(found)[enrolled].tolist(),
    )


def of_gallery(found: Templates, *, model: str) -> Trials:
    """Search with photos of subjects who have several, each as if it were not enrolled.

    All of them in a small gallery; in a larger one, one photo each of people that are drawn.

    Raises:
        InputError: too few people have several photos.
    """
    counts = np.bincount(found.people)
    several = counts[found.people] > 1
    if not several.any():
        raise InputError("Nobody in this gallery has several photos, so nothing can be left out.")
    if int(several.sum()) <= MOST_SEARCHES:
        return _leave_one_out(found, model)
    # Rows are in a drawn order, so the first row of each person is a drawn photo of a drawn person.
    _, first = np.unique(found.people, return_index=True)
    chosen = np.sort(first[several[first]])[:MOST_SEARCHES]
    searched = np.zeros(len(found), dtype=bool)
    searched[chosen] = True
    labels, qualities = _labels(found.groups), np.array(found.qualities)
    return against(
        found.vectors[~searched],
        found.people[~searched].tolist(),
        found.vectors[searched],
        found.people[searched].tolist(),
        model=model,
        groups=_chosen(labels, searched),
        qualities=qualities[searched].tolist(),
        fused=True,
        weights=_weights(found)[~searched].tolist(),
    )


def people_searched(trials: Trials) -> int:
    """Return of how many people there was a search."""
    return len(np.unique(np.concatenate([trials.mated_subjects, trials.non_mated_subjects])))


def with_face(found: Templates) -> int:
    """Return how many people have a photo with a usable face."""
    return len(np.unique(found.people[np.isfinite(found.vectors).all(axis=1)]))


def numbers_of(trials: Trials, *, seed: int) -> Evaluation:
    """Return everything that trials say, with the rates of each value of each column of groups."""
    if not trials.groups:
        return evaluate(trials, seed=seed)
    found = evaluate(_without_groups(trials), seed=seed)
    groups: list[Group] = []
    for column in sorted({_column(one) for label in trials.groups for one in label.split(NEXT)}):
        groups += evaluate(_by(trials, column), seed=seed).groups
    return replace(found, groups=tuple(groups))


def without_few(trials: Trials) -> tuple[Trials, int]:
    """Return trials without the labels that fewer than `FEWEST` people have, and how many labels those are.

    A label of few people can be a name, and says little of error rates anyway.
    """
    values = {one for label in trials.groups for one in label.split(NEXT)}
    few = {
        one for one in values if people_searched(_by(trials, _column(one)).of_group(one)) < FEWEST
    }
    mated, other = (
        tuple(NEXT.join(one for one in label.split(NEXT) if one not in few) for label in labels)
        for labels in (trials.mated_groups, trials.non_mated_groups)
    )
    return replace(trials, mated_groups=mated, non_mated_groups=other), len(few - {""})


def without_groups(trials: Trials, numbers: Evaluation) -> tuple[Trials, Evaluation]:
    """Return trials and numbers as if nobody had supplied groups; the one is still made from the other.

    For what leaves the program of a gallery's own photos. The labels of one search stand together, and all of
    them together may be one person's: whoever supplied ten columns could read who looks like whom.
    """
    return _without_groups(trials), replace(numbers, groups=())


def groups_at(trials: Trials, threshold: float, *, seed: int) -> list[OfGroup]:
    """Return both error rates of each value of each column at one threshold."""
    found = []
    values = sorted({one for label in trials.groups for one in label.split(NEXT)})
    for value in values:
        part = _by(trials, _column(value)).of_group(value)
        people = people_searched(part)
        rate: dict[str, tuple[float, float, float] | None] = {"fpir": None, "fnir": None}
        if people >= FEWEST:
            at = np.array([threshold])
            for name, measured in (("fpir", fpirs), ("fnir", fnirs)):
                for one in measured(part, at, seed=seed) or ():
                    rate[name] = (one.value, one.low, one.high)
        found.append(OfGroup(group=value, subjects=people, **rate))
    return found


def to_file(trials: Trials, numbers: Evaluation, details: dict[str, Any]) -> bytes:
    """Return an evaluation as one file from which it can be made again: trials, numbers, and what it is of."""
    return written(
        {
            "version": VERSION,
            "details": details,
            "trials": json.loads(trials.as_json()),
            "numbers": json.loads(numbers.as_json()),
        }
    )


def from_file(data: bytes) -> tuple[Trials, Evaluation, dict[str, Any]]:
    """Return what `to_file` wrote.

    Raises:
        InputError: it is no such file.
    """
    try:
        stored = json.loads(data)
        if stored["version"] != VERSION:
            raise InputError("This evaluation is of another version of Countenance.")
        trials = Trials.from_json(written(stored["trials"]))
        numbers = Evaluation.from_json(written(stored["numbers"]))
        details = dict(stored["details"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("This file holds no evaluation.") from None
    return trials, numbers, details


def differences(trials: Trials, numbers: Evaluation) -> list[str]:
    """Make an evaluation again from its trials and return the names of what comes out differently, to the last digit."""
    again = json.loads(numbers_of(trials, seed=numbers.seed).as_json())
    before = json.loads(numbers.as_json())
    names = sorted(again.keys() | before.keys())
    return [name for name in names if written(again.get(name)) != written(before.get(name))]


def _leave_one_out(found: Templates, model: str) -> Trials:
    labels = _labels(found.groups)
    return leave_one_out(
        found.vectors,
        found.people.tolist(),
        model=model,
        groups=labels if any(labels) else (),
        qualities=found.qualities,
        fused=True,
        weights=_weights(found).tolist(),
    )


def _weights(found: Templates) -> np.ndarray:
    """Return how much each photo counts in its subject's fused template, as in a search."""
    return np.where(found.photo < MOST_FUSED, np.array(found.qualities), 0.0)


def _labels(groups: Sequence[Groups]) -> list[str]:
    return [
        NEXT.join(
            f"{name.replace(': ', ' ')}: {value}".replace(NEXT, ", ") for name, value in one.items()
        )
        for one in groups
    ]


def _chosen(labels: Sequence[str], rows: np.ndarray) -> list[str]:
    chosen = [labels[row] for row in np.flatnonzero(rows).tolist()]
    return chosen if any(chosen) else []


def _column(value: str) -> str:
    return value.split(": ", 1)[0]


def _without_groups(trials: Trials) -> Trials:
    return replace(trials, mated_groups=(), non_mated_groups=())


def _by(trials: Trials, column: str) -> Trials:
    """Return the trials with the values of one column as their groups."""

    def value(label: str) -> str:
        return next((one for one in label.split(NEXT) if _column(one) == column), "")

    return replace(
        trials,
        mated_groups=tuple(value(label) for label in trials.mated_groups),
        non_mated_groups=tuple(value(label) for label in trials.non_mated_groups),
    )
