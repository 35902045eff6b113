"""Ways of comparing probes with subjects, and what each misses at the threshold that gives a wanted FPIR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from bench.decisions import Photos
from jaxtyping import Float, Int64

from countenance.evaluation import Trials, fnir, threshold_at

Similarities: TypeAlias = Float[np.ndarray, "probes subjects"]
Numbers: TypeAlias = Int64[np.ndarray, " n"]

WANTED = (0.01, 0.001)
DRAWS = 200
WAYS = ("one photo", "best photo", "fused, all alike", "fused by quality", "better of both")
COLUMNS = ("way", "threshold 1 %", "FNIR at FPIR 1 %", "threshold 0.1 %", "FNIR at FPIR 0.1 %")
BEFORE, KEPT = "best photo", "fused by quality"


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The similarity of each search's mate and of its most similar other subject, and who was searched for."""

    mated: Float[np.ndarray, " n"]
    best: Float[np.ndarray, " n"]
    people: Numbers

    @classmethod
    def of(cls, similarities: Similarities, mates: Numbers) -> Self:
        """Return what comes of probes whose mates are these columns; each is searched without its mate too."""
        rows = np.arange(len(mates))
        others = similarities.copy()
        others[rows, mates] = -np.inf
        return cls(mated=similarities[rows, mates], best=others.max(axis=1), people=mates)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the searches of several draws or halves."""
        return cls(
            mated=np.concatenate([one.mated for one in parts]),
            best=np.concatenate([one.best for one in parts]),
            people=np.concatenate([one.people for one in parts]),
        )

    def trials(self, qualities: Sequence[float] = ()) -> Trials:
        """Return them as the product's evaluation takes them."""
        return Trials(
            model="benchmark",
            subjects=int(self.people.max()) + 2,
            others=int(self.people.max()) + 1,
            mated=self.mated.astype(np.float64),
            ranks=np.where(np.isneginf(self.mated), 0, 1),
            mated_subjects=self.people,
            non_mated=self.best[:, np.newaxis].astype(np.float64),
            non_mated_subjects=self.people,
            qualities=np.array(qualities),
        )

    def fnir_at(self, wanted: float) -> tuple[float, float]:
        """Return the threshold that gives a wanted FPIR in these searches, and FNIR there."""
        trials = self.trials()
        threshold = threshold_at(trials, wanted)
        return threshold, fnir(trials, threshold)

    def drawn(self, of_person: Sequence[Numbers], people: Numbers) -> Searched:
        """Return the searches of people who were drawn, of some more than once."""
        rows = np.concatenate([of_person[one] for one in people])
        return Searched(mated=self.mated[rows], best=self.best[rows], people=self.people[rows])


def similarities(way: str, gallery: Photos, probes: np.ndarray) -> Similarities:
    """Return the similarity of probes to subjects; minus infinity where there is nothing to compare."""
    if way == "better of both":
        return np.maximum(
            *(similarities(one, gallery, probes) for one in ("best photo", "fused by quality"))
        )
    if way == "best photo":
        columns = range(gallery.vectors.shape[1])
        return np.maximum.reduce([_seen(probes, gallery.vectors[:, at]) for at in columns])
    if way == "one photo":
        return _seen(probes, gallery.vectors[:, 0])
    return _seen(probes, gallery.fused(weighted=way == "fused by quality"))


def _seen(probes: np.ndarray, subjects: np.ndarray) -> Similarities:
    seen = probes @ subjects.T
    seen[~probes.any(axis=1)] = -np.inf
    seen[:, ~subjects.any(axis=1)] = -np.inf
    return seen


def normalised(
    seen: Similarities, of_probes: Similarities, of_subjects: Similarities
) -> Similarities:
    """Return similarities normalised against a cohort on both sides (s-norm).

    Args:
        seen: probes x subjects.
        of_probes: probes x cohort.
        of_subjects: subjects x cohort.
    """
    by_probe = (seen - of_probes.mean(axis=1)[:, None]) / of_probes.std(axis=1)[:, None]
    by_subject = (seen - of_subjects.mean(axis=1)) / of_subjects.std(axis=1)
    return np.where(np.isfinite(seen), (by_probe + by_subject) / 2, -np.inf)


def difference(one: Searched, before: Searched, wanted: float, *, seed: int) -> str:
    """Return by how much one way misses less, in points, with its 95 % interval by bootstrap over people.

    Thresholds are set anew in each draw. Both ways made the same searches.
    """
    random = np.random.default_rng(seed)
    names = np.unique(one.people)
    of_person = {int(name): np.flatnonzero(one.people == name) for name in names}
    found = []
    for _ in range(DRAWS):
        drawn = random.choice(names, len(names))
        rows = [of_person[int(name)] for name in drawn]
        numbers = range(len(rows))
        found.append(
            before.drawn(rows, np.array(numbers)).fnir_at(wanted)[1]
            - one.drawn(rows, np.array(numbers)).fnir_at(wanted)[1]
        )
    low, high = np.percentile(found, [2.5, 97.5])
    gain = before.fnir_at(wanted)[1] - one.fnir_at(wanted)[1]
    return f"{100 * gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def row(name: str, one: Searched, before: Searched | None = None) -> list[str]:
    """Return threshold and FNIR at each wanted FPIR, and what is gained over another way if one is given."""
    cells = [name]
    for wanted in WANTED:
        threshold, missed = one.fnir_at(wanted)
        cells += [f"{threshold:.3f}", f"{100 * missed:.1f} %"]
    if before is not None:
        cells += [
            "-" if one is before else difference(one, before, wanted, seed=2026)
            for wanted in WANTED
        ]
    return cells
