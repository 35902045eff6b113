"""Does our figure of quality matter? FNIR of what is left when the worst probes are turned away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from countenance.errors import InputError
from countenance.evaluation.intervals import REPLICATES, Rate, rate
from countenance.evaluation.measures import returned
from countenance.evaluation.trials import Trials

SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """FNIR when the probes below a quality are turned away."""

    share: float  # of the probes, as many as were turned away
    quality: float  # the lowest that is kept
    fnir: Rate


def error_versus_reject(
    trials: Trials,
    threshold: float,
    *,
    seed: int,
    replicates: int = REPLICATES,
    shares: Sequence[float] = SHARES,
) -> list[Rejected]:
    """Return FNIR at the threshold as more of the probes of lowest quality are turned away.

    Probes of equal quality are kept or turned away together. A quality that matters makes it fall.

    Raises:
        InputError: the qualities of the mated searches' probes were not measured.
    """
    if not len(trials.qualities):
        raise InputError("The quality of these probes was not measured.")
    missed = ~returned(trials.mated, threshold)
    ordered = np.sort(trials.qualities)
    points: list[Rejected] = []
    for share in shares:
        least = float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])
        kept = trials.qualities >= least
        found = rate(missed[kept], trials.mated_subjects[kept], seed=seed, replicates=replicates)
        turned_away = float(1 - kept.mean())
        if found is not None and (not points or turned_away > points[-1].share):
            points.append(Rejected(share=turned_away, quality=least, fnir=found))
    return points
