"""FNIR and FPIR, at a threshold and by rank, as they were measured at the evaluated gallery's size.

A candidate is returned when its similarity is at or above the threshold, so a similarity that equals it
counts as returned on both sides.

Source of the definitions: NIST FRTE 1:N; ISO/IEC 19795-1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from countenance.errors import InputError
from countenance.evaluation.trials import Similarities, Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class DetPoint:
    """Both error rates at one threshold."""

    threshold: float
    fpir: float
    fnir: float


def fnir(trials: Trials, threshold: float) -> float:
    """Return the share of mated searches that do not return the mate at or above the threshold.

    Raises:
        InputError: there is no mated search.
    """
    _need(trials.mated, "mated")
    return float(np.mean(~returned(trials.mated, threshold)))


def fpir(trials: Trials, threshold: float) -> float:
    """Return the share of non-mated searches that return anybody at or above the threshold.

    Raises:
        InputError: there is no non-mated search.
    """
    _need(trials.best, "non-mated")
    return float(np.mean(returned(trials.best, threshold)))


def fnir_by_rank(trials: Trials, rank: int, *, threshold: float = -math.inf) -> float:
    """Return the share of mated searches whose mate is not among the first `rank` at or above the threshold.

    Raises:
        InputError: there is no mated search, or the rank is below 1.
    """
    _need(trials.mated, "mated")
    if rank < 1:
        raise InputError("Ranks count from 1.")
    listed = (trials.ranks >= 1) & (trials.ranks <= rank)
    return float(np.mean(~(listed & returned(trials.mated, threshold))))


def returned(
    similarities: Float64[np.ndarray, ...], threshold: float | Similarities
) -> Bool[np.ndarray, ...]:
    """Say of each whether it is returned: at or above the threshold, and there at all."""
    there: Bool[np.ndarray, ...] = (similarities >= threshold) & ~np.isneginf(similarities)
    return there


def threshold_at(trials: Trials, wanted_fpir: float) -> float:
    """Return the lowest threshold at which no larger share of the non-mated searches returns anybody.

    It lies just above the first similarity that would be too many; at `inf` nobody is ever returned.

    Raises:
        InputError: there is no non-mated search, or the wanted FPIR is not between 0 and 1.
    """
    _need(trials.best, "non-mated")
    if not 0 <= wanted_fpir <= 1:
        raise InputError("An FPIR lies between 0 and 1.")
    ordered = np.sort(trials.best)[::-1]
    allowed = math.floor(wanted_fpir * len(ordered) + 1e-9)
    if allowed >= len(ordered):
        return -math.inf
    return float(np.nextafter(ordered[allowed], math.inf))


def det(trials: Trials, *, points: int = 200) -> list[DetPoint]:
    """Return both error rates at thresholds between which at least one of them changes.

    Raises:
        InputError: there is no mated or no non-mated search.
    """
    _need(trials.mated, "mated")
    _need(trials.best, "non-mated")
    seen = np.concatenate([trials.mated, trials.best])
    levels = np.unique(seen[np.isfinite(seen)])
    if len(levels) > points:
        # Ends are rare and matter most, so half of the points follow the best non-mates' own order.
        spread = np.quantile(levels, np.linspace(0, 1, points // 2), method="nearest")
        rare = np.sort(trials.best[np.isfinite(trials.best)])[::-1]
        steps = np.unique(np.geomspace(1, max(1, len(rare)), points - points // 2).astype(int)) - 1
        levels = np.unique(np.concatenate([spread, rare[steps] if len(rare) else rare]))
    return [
        DetPoint(threshold=float(t), fpir=fpir(trials, float(t)), fnir=fnir(trials, float(t)))
        for t in levels
    ]


def ranks_of(trials: Trials, ranks: Sequence[int]) -> list[tuple[int, float]]:
    """Return FNIR by rank, for those ranks that the gallery has."""
    return [(rank, fnir_by_rank(trials, rank)) for rank in ranks if rank <= trials.subjects]


def _need(searches: np.ndarray, kind: str) -> None:
    if not len(searches):
        raise InputError(f"Nothing was measured: there is no {kind} search.")
