"""How often a search errs: labelled similarities in, error rates with their intervals out."""

from __future__ import annotations

from countenance.evaluation.calibration import Calibration, Ratio, calibrate
from countenance.evaluation.growth import Expected, Growth, expected, grow, measured_at
from countenance.evaluation.intervals import Rate, rate, wilson
from countenance.evaluation.measures import det, fnir, fnir_by_rank, fpir, threshold_at
from countenance.evaluation.protocol import against, leave_one_out
from countenance.evaluation.quality import error_versus_reject
from countenance.evaluation.report import Evaluation, Setting, evaluate
from countenance.evaluation.trials import Trials

__all__ = [
    "Calibration",
    "Evaluation",
    "Expected",
    "Growth",
    "Rate",
    "Ratio",
    "Setting",
    "Trials",
    "against",
    "calibrate",
    "det",
    "error_versus_reject",
    "evaluate",
    "expected",
    "fnir",
    "fnir_by_rank",
    "fpir",
    "grow",
    "leave_one_out",
    "measured_at",
    "rate",
    "threshold_at",
    "wilson",
]
